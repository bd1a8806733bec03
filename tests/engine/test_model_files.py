# SPDX-License-Identifier: GPL-3.0-or-later
"""A model comes from a stranger: refused before anything is loaded, with a sentence that names the file."""

from __future__ import annotations

import json
import pickle
import shutil
import zipfile
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from sd_blender.core.errors import ModelNotFound, ModelRefused
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.engine.diffusers_engine import STARTER_FOLDER
from sd_blender.engine.model_files import check_model
from sd_blender.engine.weights_file import read_shapes

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def copy(tiny, tmp_path):
    return Path(shutil.copytree(tiny, tmp_path / "model"))


@pytest.fixture
def refused(engine):
    """The sentence with which the engine refuses a folder."""

    def refuse(folder, error=ModelRefused):
        request = TextToImage(
            prompt="stone", model=str(folder), sampling=Sampling(width=16, height=16, steps=1)
        )
        with pytest.raises(error) as caught:
            engine.generate("job", request, lambda message: None, lambda: False)
        sentence = str(caught.value)
        assert sentence.endswith(".") and "\n" not in sentence
        return sentence

    return refuse


def edit(path, **changes):
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(content))


def test_a_sound_model_passes(tiny, tiny_inpaint):
    files = check_model(tiny)
    assert files.unet_channels == 4 and files.scheduler_class == "DDIMScheduler"
    assert {path.parent.name for path in files.weights} == {"unet", "vae", "text_encoder"}
    assert check_model(tiny_inpaint).unet_channels == 9
    assert (check_model(tiny).latent_channels, check_model(tiny_inpaint).latent_channels) == (4, 4)


@pytest.mark.fault("F38")
def test_missing(refused, tmp_path):
    assert "no-such-model" in refused(tmp_path / "no-such-model", ModelNotFound)


def test_a_name_too_long_for_the_system(refused):
    assert "There is no model" in refused("/" + "x" * 5000, ModelNotFound)


def test_a_folder_that_is_no_model(refused, tmp_path):
    assert "model_index.json" in refused(tmp_path)


def test_a_single_file(refused, copy):
    assert "single file" in refused(copy / WEIGHTS)


def test_weights_missing(refused, copy):
    (copy / WEIGHTS).unlink()
    assert "diffusion_pytorch_model.safetensors" in refused(copy)


class Canary:
    """Writes a file if anything unpickles it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def pickled(tmp_path):
    return pickle.dumps(Canary(tmp_path / "canary"))


def zipped(tmp_path):
    with zipfile.ZipFile(tmp_path / "weights.zip", "w") as archive:
        archive.writestr("archive/data.pkl", pickled(tmp_path))
    return (tmp_path / "weights.zip").read_bytes()


FOREIGN = {
    "empty": (lambda tmp_path: b"", "empty"),
    "web page": (lambda tmp_path: b"\n<!DOCTYPE html><html>404</html>" * 9, "web page"),
    "LFS pointer": (lambda tmp_path: b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "LFS"),
    "pickle": (pickled, "pickle"),
    "zip of a pickle": (zipped, "pickle"),
    "7z": (lambda tmp_path: b"7z\xbc\xaf\x27\x1c" + bytes(100), "7-Zip"),
    "zeros": (lambda tmp_path: bytes(4096), "not a safetensors file"),
    "a few bytes": (lambda tmp_path: b"abc", "not a safetensors file"),
    "header without end": (lambda tmp_path: (10).to_bytes(8, "little") + b'{"a": [[[[' + bytes(9), "damaged"),
    "header that is a list": (lambda tmp_path: (2).to_bytes(8, "little") + b"[]", "not a safetensors file"),
    "header without offsets": (lambda tmp_path: (9).to_bytes(8, "little") + b'{"a": {}}', "damaged"),
    "header of numbers": (lambda tmp_path: (8).to_bytes(8, "little") + b'{"a": 1}', "damaged"),
}


@pytest.mark.fault("F32")
@pytest.mark.fault("F34")
@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("component", [WEIGHTS, "vae/diffusion_pytorch_model.safetensors"])
def test_weights_that_are_something_else(refused, copy, tmp_path, kind, component):
    content, word = FOREIGN[kind]
    (copy / component).write_bytes(content(tmp_path))
    sentence = refused(copy)
    assert word in sentence and str(copy / component) in sentence
    assert not (tmp_path / "canary").exists()


@pytest.mark.fault("F35")
def test_the_canary_would_sing(tmp_path):
    pickle.loads(pickled(tmp_path))  # noqa: S301 - the proof that the test above could fail
    assert (tmp_path / "canary").exists()


@pytest.mark.fault("F32")
@pytest.mark.parametrize("change", [-1, -100, -100_000, 1])
def test_truncated_or_grown(refused, copy, change):
    content = (copy / WEIGHTS).read_bytes()
    (copy / WEIGHTS).write_bytes(content[:change] if change < 0 else content + bytes(change))
    assert WEIGHTS in refused(copy)


@pytest.mark.fault("F32")
@pytest.mark.parametrize("length", [0, 4, 8, 20, 1000])
def test_cut_anywhere(copy, length):
    (copy / WEIGHTS).write_bytes((copy / WEIGHTS).read_bytes()[:length])
    with pytest.raises(ModelRefused):
        read_shapes(copy / WEIGHTS)


@pytest.mark.fault("F35")
def test_only_pickled_weights(refused, copy, tmp_path):
    (copy / WEIGHTS).unlink()
    (copy / "unet/diffusion_pytorch_model.bin").write_bytes(pickled(tmp_path))
    sentence = refused(copy)
    assert "diffusion_pytorch_model.bin" in sentence and "safetensors" in sentence
    assert not (tmp_path / "canary").exists()


@pytest.mark.fault("F36")
@pytest.mark.parametrize("place", ["pipeline.py", "unet/modeling.py", "tokenizer/deep/down/x.pyc"])
def test_a_program_in_the_folder(refused, copy, tmp_path, place):
    (copy / place).parent.mkdir(parents=True, exist_ok=True)
    (copy / place).write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    assert place in refused(copy)
    assert not (tmp_path / "canary").exists()


@pytest.mark.fault("F36")
@pytest.mark.parametrize(
    "file",
    [
        "model_index.json",
        "unet/config.json",
        "text_encoder/config.json",
        "tokenizer/tokenizer_config.json",
        "scheduler/scheduler_config.json",
    ],
)
@pytest.mark.parametrize(
    "key", ["auto_map", "custom_pipeline", "trust_remote_code", "_attn_implementation_internal"]
)
def test_a_configuration_that_asks_for_code(refused, copy, file, key):
    edit(copy / file, nested=[{key: {"AutoModel": "evil--repo"}}])
    sentence = refused(copy)
    assert file in sentence and key in sentence


@pytest.mark.fault("F36")
@pytest.mark.parametrize(
    ("component", "entry"),
    [
        ("unet", ["diffusers", "AutoModel"]),
        ("unet", ["evil_module", "UNet2DConditionModel"]),
        ("vae", ["diffusers", "AutoencoderTiny"]),
        ("scheduler", ["diffusers", "FlowMatchEulerDiscreteScheduler"]),
        ("tokenizer", None),
        ("text_encoder_2", ["transformers", "CLIPTextModelWithProjection"]),
    ],
)
def test_components_that_are_not_ours(refused, copy, component, entry):
    edit(copy / "model_index.json", **{component: entry})
    assert component in refused(copy)


@pytest.mark.fault("F37")
def test_another_family(refused, copy):
    edit(copy / "model_index.json", _class_name="StableDiffusion3Pipeline")
    sentence = refused(copy)
    assert "StableDiffusion3Pipeline" in sentence and "1.x, 2.x or XL" in sentence


@pytest.mark.fault("F37")
def test_a_unet_that_needs_more_than_the_text(refused, copy):
    edit(copy / "unet" / "config.json", addition_embed_type="text_time")
    assert "is of Stable Diffusion XL, not of Stable Diffusion 1.x or 2.x" in refused(copy)
    edit(copy / "unet" / "config.json", addition_embed_type="image_hint")
    assert "is told of image_hint" in refused(copy)


def test_a_unet_that_pools_the_text_itself(copy):
    edit(copy / "unet" / "config.json", addition_embed_type="text")
    assert check_model(copy).unet_channels == 4


def test_the_starter_model_is_one_of_ours():
    files = check_model(STARTER_FOLDER)
    assert files.unet_channels == files.latent_channels


@pytest.mark.parametrize("text", ["", "[1]", "{", "\ufeff{}"])
def test_configurations_that_cannot_be_read(refused, copy, text):
    (copy / "unet" / "config.json").write_text(text)
    assert "config.json" in refused(copy)


@pytest.mark.fault("F37")
def test_a_unet_of_other_channels(refused, copy):
    weights = load_file(copy / WEIGHTS)
    first = weights["conv_in.weight"]
    weights["conv_in.weight"] = first[:, [0, 1, 2, 3, 0]].copy()
    save_file(weights, copy / WEIGHTS)
    assert "conv" not in refused(copy)  # weights and configuration disagree
    edit(copy / "unet" / "config.json", in_channels=5)
    assert "5 channels" in refused(copy)


@pytest.mark.fault("F37")
def test_a_lora_in_place_of_a_unet(refused, copy):
    save_file({"lora.down": load_file(copy / WEIGHTS)["conv_in.bias"]}, copy / WEIGHTS)
    assert "LoRA" in refused(copy)


@pytest.mark.fault("F37")
def test_a_text_encoder_of_another_model(refused, copy):
    edit(copy / "text_encoder" / "config.json", hidden_size=64)
    sentence = refused(copy)
    assert "32" in sentence and "64" in sentence


def test_weights_whose_shapes_do_not_fit_the_configuration(refused, copy):
    """The header is in order, but the network cannot be built from it: refused at loading."""
    edit(copy / "unet" / "config.json", block_out_channels=[32, 96])
    assert "U-Net" in refused(copy)


@pytest.mark.fault("F32")
def test_weights_with_a_missing_tensor(refused, copy):
    weights = load_file(copy / WEIGHTS)
    del weights["conv_out.weight"]
    save_file(weights, copy / WEIGHTS)
    assert "U-Net" in refused(copy)


@pytest.mark.parametrize(
    ("file", "label"),
    [
        ("tokenizer", "tokenizer"),
        ("scheduler/scheduler_config.json", "scheduler"),
        ("vae/config.json", "vae"),
    ],
)
def test_a_component_that_is_not_there(refused, copy, file, label):
    path = copy / file
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert label in refused(copy)


def test_a_tokenizer_saved_without_its_limit(copy, run):
    path = copy / "tokenizer" / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    settings.pop("model_max_length")
    path.write_text(json.dumps(settings))
    request = TextToImage(prompt="x " * 900, model=str(copy), sampling=Sampling(width=16, height=16, steps=1))
    assert "too long" in run(request).result.images[0].warnings[0]


def test_shards_and_variants_are_found(copy, engine):
    weights = load_file(copy / WEIGHTS)
    names = sorted(weights)
    half = len(names) // 2
    parts = {
        "diffusion_pytorch_model-1.safetensors": names[:half],
        "diffusion_pytorch_model-2.safetensors": names[half:],
    }
    for file, part in parts.items():
        save_file({name: weights[name] for name in part}, copy / "unet" / file)
    index = {"metadata": {}, "weight_map": {name: file for file, part in parts.items() for name in part}}
    (copy / f"{WEIGHTS}.index.json").write_text(json.dumps(index))
    (copy / WEIGHTS).unlink()
    vae = copy / "vae"
    (vae / "diffusion_pytorch_model.safetensors").rename(vae / "diffusion_pytorch_model.fp16.safetensors")
    files = check_model(copy)
    assert files.variants == {"unet": None, "vae": "fp16", "text_encoder": None}
    assert len(files.weights) == 4
    request = TextToImage(prompt="stone", model=str(copy), sampling=Sampling(width=16, height=16, steps=1))
    assert engine.generate("job", request, lambda message: None, lambda: False).images


@pytest.mark.fault("F36")
def test_a_shard_outside_the_folder(refused, copy):
    (copy / WEIGHTS).unlink()
    index = {"weight_map": {"conv_in.weight": "../vae/diffusion_pytorch_model.safetensors"}}
    (copy / f"{WEIGHTS}.index.json").write_text(json.dumps(index))
    assert "../vae" in refused(copy)


def test_the_next_job_works(refused, copy, tiny, run):
    (copy / WEIGHTS).write_bytes(b"")
    refused(copy)
    request = TextToImage(prompt="stone", model=str(tiny), sampling=Sampling(width=16, height=16, steps=1))
    assert run(request).pixels.shape == (16, 16, 3)
