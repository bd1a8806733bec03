# SPDX-License-Identifier: GPL-3.0-or-later
"""CLIP: its loss against the definition, a training that resumes, learns, and conditions the denoiser."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from transformers import CLIPModel

from sd_blender.engine.clip_files import find_clip
from sd_blender.engine.clip_score import ClipScorer
from sd_blender.training.checkpoints import load
from sd_blender.training.evaluation.classifier import NAMES, Classifier, Labelled
from sd_blender.training.evaluation.frechet import distances, frechet_distance
from sd_blender.training.evaluation.measures import Prompt
from sd_blender.training.evaluation.retrieval import held_out_captions, recall, zero_shot
from sd_blender.training.export import export_clip
from sd_blender.training.models import TINY, make_clip, make_text_encoder, text_tower
from sd_blender.training.recipe import Recipe
from sd_blender.training.schedule import Budget
from sd_blender.training.textures import TextureSet
from sd_blender.training.textures.dataset import describe_sample
from sd_blender.training.train_clip import (
    ClipOptions,
    PictureSet,
    contrastive_loss,
    draw_patches,
    draw_pictures,
    halved,
    image_vectors,
    parameter_groups,
    train_clip,
)
from sd_blender.training.train_text import TextOptions
from sd_blender.training.train_unet import UnetOptions
from sd_blender.training.train_vae import VaeOptions
from sd_blender.training.vocabulary import train_tokenizer
from tests.closeness import HALF, ITERATED, NETWORK, assert_near, is_near

pytestmark = pytest.mark.parity

STEPS = Budget(steps=3)
CLIP = ClipOptions(widths=TINY, budget=STEPS, batch=4, window=2, device="cpu")


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(held_out_captions(1, 200))


@pytest.fixture(scope="module")
def pictures():
    """Twelve textures of twelve materials."""
    places = range(0, 60, 5)
    pixels = np.stack([TextureSet(1, 128)[i].pixels for i in places])
    return PictureSet(pixels, [describe_sample(1, i) for i in places])


def same_weights(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    a, b = first.state_dict(), second.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_the_loss_is_the_papers():
    """Figure 3 of the paper, written out pair by pair."""
    generator = torch.Generator().manual_seed(0)
    images, texts = (F.normalize(torch.randn(5, 8, generator=generator), dim=-1) for _ in range(2))
    tau = torch.tensor(1.3)
    loss, right = contrastive_loss(images, texts, tau)
    logits = [[math.exp(1.3) * float(i @ t) for t in texts] for i in images]
    by_row = [-math.log(math.exp(logits[k][k]) / sum(math.exp(x) for x in logits[k])) for k in range(5)]
    by_column = [
        -math.log(math.exp(logits[k][k]) / sum(math.exp(logits[i][k]) for i in range(5))) for k in range(5)
    ]
    assert float(loss) == pytest.approx((sum(by_row) + sum(by_column)) / 10, rel=1e-5)
    assert right == pytest.approx(np.mean([max(row) == row[k] for k, row in enumerate(logits)]))


def test_pairs_that_agree_cost_nothing_and_chance_costs_log_n():
    same = torch.eye(6)
    assert float(contrastive_loss(same, same, torch.tensor(math.log(100.0)))[0]) < 1e-6
    alike = torch.ones(6, 4) / 2
    assert float(contrastive_loss(alike, alike, torch.tensor(2.0))[0]) == pytest.approx(math.log(6))


def test_vectors_are_those_of_transformers(tokenizer):
    clip = make_clip(len(tokenizer), TINY).eval()
    pixels = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    words = tokenizer(["moss", "red brick wall"], padding=True, return_tensors="pt").input_ids
    with torch.no_grad():
        expected = clip(input_ids=words, pixel_values=pixels)
        assert_near(image_vectors(clip, pixels), expected.image_embeds, NETWORK)
        every = torch.arange((128 // TINY.patch) ** 2)
        assert_near(image_vectors(clip, pixels, every), expected.image_embeds, NETWORK)
        part = image_vectors(clip, pixels, every[:4])
    assert not is_near(part, expected.image_embeds, ITERATED)


def test_patches_are_neighbours():
    rng = np.random.default_rng(0)
    for _ in range(20):
        rows, columns = np.divmod(draw_patches(6, 3, rng).numpy().reshape(3, 3), 6)
        assert (np.diff(rows, axis=0) == 1).all() and (np.diff(columns, axis=1) == 1).all()
        assert (rows == rows[:, :1]).all() and (columns == columns[:1]).all() and columns.max() < 6


def test_pictures_and_captions_stay_together(pictures):
    options = replace(CLIP, batch=24)
    x, captions = draw_pictures([pictures], options, np.random.default_rng(4))
    assert x.shape == (24, 3, 128, 128) and len(captions) == 24
    means = torch.from_numpy(pictures.pixels.astype(np.float32)).mean((1, 2)) / 127.5 - 1
    for picture, caption in zip(x, captions, strict=True):
        nearest = int((means - picture.mean((1, 2))).abs().sum(1).argmin())
        names = next(m.names for m in _materials() if m.name == pictures.descriptions[nearest].material)
        assert any(name.lower() in caption.lower() for name in names)


def _materials():
    from sd_blender.training.textures import MATERIALS

    return MATERIALS


def test_halved():
    pixels = np.zeros((1, 4, 4, 3), np.uint8)
    pixels[0, :2, :2] = [[[10], [20]], [[30], [41]]]
    assert halved(pixels)[0, 0, 0].tolist() == [25, 25, 25] and halved(pixels)[0, 1, 1].tolist() == [0, 0, 0]


def test_interrupted_training_ends_with_the_same_weights(pictures, tokenizer, tmp_path):
    start = make_text_encoder(len(tokenizer), TINY)
    arguments = [pictures], tokenizer
    unbroken = train_clip(*arguments, tmp_path / "a", CLIP, start)
    train_clip(*arguments, tmp_path / "b", CLIP, start, stop_at=2)
    assert load(tmp_path / "b" / "clip.pt")["step"] == 2
    assert same_weights(unbroken, train_clip(*arguments, tmp_path / "b", CLIP, start))


def test_both_towers_learn_and_one_that_knows_words_learns_slowly(pictures, tokenizer, tmp_path):
    start = make_text_encoder(len(tokenizer), TINY)

    def moved(folder: str, rate: float) -> tuple[float, float]:
        options = replace(CLIP, text_rate=rate, ema=0.0)
        trained = train_clip([pictures], tokenizer, tmp_path / folder, options, start)
        torch.manual_seed(options.seed)
        fresh = make_clip(len(tokenizer), TINY)
        name = "encoder.layers.0.mlp.fc1.weight"
        text = trained.text_model.state_dict()[name] - start.state_dict()[name]
        vision = trained.vision_model.state_dict()[name] - fresh.vision_model.state_dict()[name]
        return float(text.abs().mean()), float(vision.abs().mean())

    slow, fast = moved("slow", 0.01), moved("fast", 1.0)
    assert 0 < slow[0] < fast[0] / 20
    assert slow[1] > 10 * slow[0]


def test_a_text_tower_that_knows_nothing_learns_at_full_rate(tokenizer):
    clip = make_clip(len(tokenizer), TINY)
    groups = parameter_groups(clip, CLIP, warm=False)
    assert [g["share"] for g in groups] == [1, 1]
    assert sum(p.numel() for g in groups for p in g["params"]) == sum(p.numel() for p in clip.parameters())


def test_training_learns_which_caption_belongs_to_which_picture(pictures, tokenizer, tmp_path):
    options = replace(CLIP, budget=Budget(steps=80), batch=12, rate=2e-3, window=4)
    clip = train_clip([pictures], tokenizer, tmp_path, options)
    rows = [json.loads(line) for line in (tmp_path / "clip.jsonl").read_text().splitlines()]
    assert rows[-1]["loss"] < rows[0]["loss"] - 0.3
    assert rows[-1]["right"] > 0.25  # chance is 1 / 12
    export_clip(clip, make_text_encoder(len(tokenizer), TINY), tokenizer, tmp_path / "clip")
    labels = np.array([NAMES.index(d.material) for d in pictures.descriptions])
    captions = [d.material for d in pictures.descriptions]
    figures = zero_shot(ClipScorer.load(tmp_path / "clip"), Labelled(pictures.pixels, labels), captions)
    assert figures["pairs"] == 12 and figures["equal_captions"] == 0
    assert figures["text_at_5"] > 0.6 and figures["image_at_5"] > 0.6


def test_recall_counts_ranks_and_takes_equal_captions_for_right():
    similarity = np.array([[0.9, 0.1, 0.8], [0.7, 0.2, 0.1], [0.1, 0.6, 0.5]])
    assert recall(similarity, ["a", "b", "c"], 1) == pytest.approx((1 / 3, 1 / 3))
    assert recall(similarity, ["a", "b", "c"], 2) == pytest.approx((1.0, 1.0))
    assert recall(similarity, ["a", "a", "c"], 1)[0] == pytest.approx(2 / 3)


def test_what_is_exported_is_what_was_trained(tokenizer, tmp_path):
    clip = make_clip(len(tokenizer), TINY).eval()
    export_clip(clip, make_text_encoder(len(tokenizer), TINY), tokenizer, tmp_path / "clip")
    scorer = ClipScorer.load(tmp_path / "clip")
    assert find_clip(tmp_path) == tmp_path / "clip"
    assert scorer.clip.dtype == torch.float32
    pixels = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3), dtype=np.uint8)
    trained = image_vectors(clip, torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1)
    assert_near(scorer.pixel_vectors(list(pixels)), trained, HALF)
    assert CLIPModel.from_pretrained(tmp_path / "clip").config.projection_dim == 128


def test_the_denoiser_of_the_recipe_reads_the_text_tower_of_clip(tmp_path):
    options = {"widths": TINY, "budget": STEPS, "device": "cpu"}
    recipe = Recipe(
        tmp_path,
        tmp_path / "model",
        tiles=4,
        large_tiles=2,
        vae_options=VaeOptions(**options, batch=2, crop=32),
        text_options=TextOptions(widths=TINY, budget=STEPS, batch=4),
        clip_options=CLIP,
        unet_options=UnetOptions(**options, batch=2),
    )
    recipe.train_vae()
    recipe.train_clip()
    tower = text_tower(recipe.clip, len(recipe.tokenizer), TINY)
    networks = recipe.train_unet()
    assert same_weights(networks.text_encoder, tower)
    before = recipe.vae.state_dict()
    recipe.train_decoder()
    after = recipe.vae.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and all(name.startswith(("decoder.", "post_quant_conv.")) for name in changed)
    recipe.export()
    folder = find_clip(recipe.output)
    stored = load_file(folder / "model.safetensors")
    assert not any(name.startswith("text_model.") for name in stored)  # they are in text_encoder already
    assert not list(folder.glob("tokenizer*"))
    scorer = ClipScorer.load(folder)
    shipped = scorer.clip.text_model.state_dict()
    assert all(
        torch.equal(value.half().float(), shipped[name.removeprefix("text_model.")])
        for name, value in tower.state_dict().items()
    )
    assert "clip/model.safetensors" in json.loads((recipe.output / "checksums.json").read_text())


def test_frechet_distance_of_known_normals():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(4000, 3))
    second = rng.normal(size=(4000, 3)) * [1, 2, 3] + [1, 0, 0]
    # |m1 - m2|^2 + sum of (s1 - s2)^2 for independent coordinates
    assert frechet_distance(first, second) == pytest.approx(1 + 0 + 1 + 4, rel=0.1)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)


def test_originals_lie_nearer_than_noise():
    prompts = [Prompt(f"red {NAMES[i]}", i, "red") for i in range(0, 60, 5)]
    noise = np.random.default_rng(0).integers(0, 256, (len(prompts), 128, 128, 3), dtype=np.uint8)
    torch.manual_seed(0)
    found = distances(Classifier().eval(), noise, prompts, seed=3)
    assert found["generated"] > 3 * found["floor"] >= 0
