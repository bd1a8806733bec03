# SPDX-License-Identifier: GPL-3.0-or-later
"""CLIP scores and best of N, on a CLIP folder as transformers writes it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionConfig,
)

from sd_blender.core.errors import InvalidRequest, ModelNotFound, ModelRefused
from sd_blender.engine.clip_files import check_clip, find_clip
from sd_blender.engine.clip_score import ClipScorer, PictureInput, best_of
from sd_blender.engine.libraries import quiet
from tests.closeness import NETWORK, assert_near

from .tiny_model import TOKENS, _text_encoder, _tokenizer

pytestmark = pytest.mark.parity

SIDE = 32
PROCESSOR = {
    "image_processor_type": "CLIPImageProcessor",
    "size": {"shortest_edge": SIDE},
    "crop_size": {"height": SIDE, "width": SIDE},
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.4],
}


def make_clip() -> CLIPModel:
    text = CLIPTextConfig(**_text_encoder().config.to_dict() | {"projection_dim": 16})
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=8,
        projection_dim=16,
    )
    torch.manual_seed(5)
    config = CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=16)
    return CLIPModel(config).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clip") / "clip"
    with quiet():
        make_clip().save_pretrained(folder)
        _tokenizer().save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return folder


@pytest.fixture(scope="module")
def scorer(folder) -> ClipScorer:
    return ClipScorer.load(folder)


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "clip"))


def pictures(count: int, height: int = SIDE, width: int = SIDE) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(count)]


def test_scores_are_the_cosines_of_transformers(folder, scorer):
    made = pictures(3)
    with quiet():
        model, tokenizer = CLIPModel.from_pretrained(folder).eval(), CLIPTokenizer.from_pretrained(folder)
    pixels = torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(PROCESSOR[key]).view(3, 1, 1) for key in ("image_mean", "image_std"))
    words = tokenizer("red brick", return_tensors="pt")
    with torch.no_grad():
        logits = model(**words, pixel_values=(pixels - mean) / std).logits_per_image[:, 0]
        cosines = logits / model.logit_scale.exp()
    assert_near(scorer.scores(made, "red brick"), cosines, NETWORK)


@pytest.mark.parametrize("shape", [(64, 64), (50, 90), (90, 50), (20, 24), (33, 32)])
def test_pictures_are_prepared_as_transformers_does(folder, shape):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    picture = np.asarray(Image.fromarray(pictures(1, 8, 8)[0]).resize(shape[::-1], Image.Resampling.BICUBIC))
    expected = CLIPImageProcessorPil(**PROCESSOR)(Image.fromarray(picture), return_tensors="pt").pixel_values
    found = PictureInput.of_folder(folder, SIDE)(
        torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] / 255
    )
    assert found.shape == expected.shape
    assert float((found - expected).abs().mean()) < 0.02  # Pillow rounds to bytes after each axis


def test_a_picture_is_most_like_itself(scorer):
    made = pictures(5)
    scores = scorer.scores(made, reference=made[3])
    assert best_of(scores, 1) == [3] and scores[3] == pytest.approx(1, abs=1e-5)


def test_prompt_and_reference_count_alike(scorer):
    made = pictures(4)
    alone = scorer.scores(made, "moss") + scorer.scores(made, reference=made[0])
    assert_near(scorer.scores(made, "moss", made[0]), alone / 2, NETWORK)


def test_best_of_keeps_the_highest_in_order():
    assert best_of([0.1, 0.9, 0.5, 0.9], 3) == [1, 3, 2]
    assert best_of(np.array([0.2, 0.1]), 5) == [0, 1]
    assert best_of([0.2], 0) == []


def test_weights_in_a_prompt_are_no_words(scorer):
    assert torch.equal(scorer.text_vectors(["(red:1.4) brick"]), scorer.text_vectors(["red brick"]))


def test_a_prompt_that_is_too_long_is_cut(scorer):
    long = "abcdefgh " * TOKENS
    assert torch.equal(scorer.text_vectors([long]), scorer.text_vectors([long + "and more"]))


def test_pictures_of_other_sizes_and_with_transparency(scorer):
    square = pictures(1)[0]
    clear = np.concatenate([square, np.zeros((SIDE, SIDE, 1), np.uint8)], axis=2)
    scores = scorer.scores([square, clear, *pictures(1, 48, 70)], "wood")
    assert_near(scores[:1], scores[1:2], NETWORK)
    assert np.isfinite(scores).all() and scores.shape == (3,)


def test_scores_do_not_depend_on_the_other_pictures(scorer):
    made = pictures(20)
    assert_near(scorer.scores(made, "wood")[17:18], scorer.scores([made[17]], "wood"), NETWORK)


def test_gradients_reach_the_pixels(scorer):
    pixels = torch.rand(1, 3, 40, 40, requires_grad=True)
    text = scorer.text_vectors(["wood"])
    before = (scorer.picture_vectors(pixels) * text).sum()
    (gradient,) = torch.autograd.grad(before, pixels)
    after = (scorer.picture_vectors(pixels.detach() + 0.2 * gradient / gradient.abs().max()) * text).sum()
    assert float(after) > float(before.detach())


@pytest.mark.parametrize("prompt", [None, "", "  "])
def test_nothing_to_compare_with(scorer, prompt):
    with pytest.raises(InvalidRequest, match="prompt or a reference"):
        scorer.scores(pictures(1), prompt)


def test_nothing_to_compare(scorer):
    with pytest.raises(InvalidRequest, match="no images"):
        scorer.scores([], "wood")


def test_a_clip_is_found_beside_the_unet_or_alone(folder, tmp_path, copy):
    assert find_clip(folder) == folder
    assert find_clip(copy.parent) == copy
    assert find_clip(tmp_path / "nowhere") is None


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ModelNotFound, match="no CLIP model"):
        check_clip(tmp_path / "nowhere")


def edit(file: Path, **values: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_another_kind_of_model(copy):
    edit(copy / "config.json", model_type="siglip")
    with pytest.raises(ModelRefused, match="siglip"):
        check_clip(copy)


def test_a_config_that_names_code(copy):
    edit(copy / "config.json", auto_map={"AutoModel": "evil.Model"})
    with pytest.raises(ModelRefused, match="code of its own"):
        check_clip(copy)


def test_an_adapter_beside_it(copy):
    (copy / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelRefused, match="another one"):
        check_clip(copy)


def test_a_pickle_instead_of_weights(copy):
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelRefused, match="pickle"):
        ClipScorer.load(copy)


def test_half_a_clip(copy):
    weights = {k: v for k, v in load_file(copy / "model.safetensors").items() if not k.startswith("vision")}
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelRefused, match="no whole CLIP"):
        ClipScorer.load(copy)


def share_text(copy: Path) -> None:
    """Give the text tower and the tokenizer of a CLIP to the model beside it."""
    weights = load_file(copy / "model.safetensors")
    own = {k: v for k, v in weights.items() if not k.startswith("text_model.")}
    save_file(own, copy / "model.safetensors", metadata={"format": "pt"})
    with quiet():
        encoder = CLIPTextModel(CLIPModel.from_pretrained(copy).config.text_config)
        names = {name: f"text_model.{name.removeprefix('text_model.')}" for name in encoder.state_dict()}
        encoder.load_state_dict({name: weights[stored] for name, stored in names.items()})
        encoder.save_pretrained(copy.parent / "text_encoder")
    (copy.parent / "tokenizer").mkdir()
    for file in (*copy.glob("tokenizer*"), *copy.glob("vocab*"), *copy.glob("merges*")):
        file.rename(copy.parent / "tokenizer" / file.name)


def test_a_clip_that_shares_the_text_encoder_of_its_model(copy, scorer):
    share_text(copy)
    prompts = ["red wood", "a green stone"]
    assert_near(ClipScorer.load(copy).text_vectors(prompts), scorer.text_vectors(prompts), NETWORK)


def test_what_is_shared_is_missing(copy):
    share_text(copy)
    (copy.parent / "text_encoder" / "model.safetensors").unlink()
    with pytest.raises(ModelRefused, match=r"text_encoder lacks model\.safetensors"):
        ClipScorer.load(copy)
    shutil.rmtree(copy.parent / "text_encoder")
    with pytest.raises(ModelRefused, match="no whole CLIP"):
        ClipScorer.load(copy)


def test_weights_that_do_not_fit_the_config(copy):
    config = json.loads((copy / "config.json").read_text())
    config["vision_config"]["hidden_size"] = 48
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelRefused, match="cannot be loaded"):
        ClipScorer.load(copy)


def test_no_tokenizer(copy):
    for file in (*copy.glob("tokenizer*"), *copy.glob("vocab*")):
        file.unlink()
    with pytest.raises(ModelRefused, match=r"tokenizer\.json"):
        check_clip(copy)


def test_a_processor_that_divides_by_zero(copy):
    edit(copy / "preprocessor_config.json", image_std=[0.5, 0, 0.5])
    with pytest.raises(ModelRefused, match="image_std"):
        ClipScorer.load(copy)


def test_plain_transformers_opens_the_folder_whole(folder):
    with quiet():
        assert CLIPProcessor.from_pretrained(folder).tokenizer.model_max_length
