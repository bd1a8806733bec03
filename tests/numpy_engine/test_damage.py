# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the model that ships which are not as they came: said before the first step, with what mends it."""

from __future__ import annotations

import shutil

import pytest

from sd_blender.core import known_models
from sd_blender.core.errors import BadResult, ModelRefused
from sd_blender.core.known_models import STARTER_FOLDER
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.numpy_engine import engine as numpy_engine
from sd_blender.numpy_engine.engine import NumpyEngine
from sd_blender.numpy_engine.model import Model

REQUEST = TextToImage(prompt="brick", sampling=Sampling(width=32, height=32, steps=1, guidance_scale=1.0))


@pytest.fixture
def starter(tmp_path, monkeypatch):
    """A copy of the model that ships, which the engine takes for it."""
    folder = shutil.copytree(STARTER_FOLDER, tmp_path / "starter")
    monkeypatch.setattr(numpy_engine, "STARTER_FOLDER", folder)
    monkeypatch.setattr(known_models, "STARTER_FOLDER", folder)
    return folder


def generate():
    messages = []
    NumpyEngine(cores=1).generate("job", REQUEST, messages.append, lambda: False)


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("latent_preview.json", None),
        ("latent_preview.json", "{}"),
        ("latent_preview.json", DEEP),
        ("tokenizer/tokenizer.json", "[]"),
        ("tokenizer/tokenizer.json", DEEP),
        ("tokenizer/tokenizer_config.json", "null"),
        ("unet/config.json", "{}"),
        ("unet/diffusion_pytorch_model.safetensors", "no weights"),
        ("vae/diffusion_pytorch_model.safetensors", None),
    ],
)
def test_a_damaged_file_asks_for_the_add_on(starter, name, content):
    if content is None:
        (starter / name).unlink()
    else:
        (starter / name).write_text(content)
    with pytest.raises(ModelRefused, match="install the add-on again"):
        generate()


def test_numbers_that_are_none_do_not_ask_for_a_precision_that_is_used_already(starter, monkeypatch):
    monkeypatch.setattr(Model, "denoiser", lambda model, setting: lambda x, *rest: [x * float("nan")])
    with pytest.raises(BadResult, match="not numbers; lower the guidance"):
        generate()
