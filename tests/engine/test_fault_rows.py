# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults around the engine: its files move away, lie at odd places, and secrets are near."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sd_blender.core import png
from sd_blender.core.errors import ModelNotFound, SDBlenderError
from sd_blender.core.messages import Loading, Progress
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.core.serialization import provenance
from sd_blender.engine.diffusers_engine import DiffusersEngine

UNET = "unet/diffusion_pytorch_model.safetensors"


def request(folder, steps=3):
    sampling = Sampling(width=32, height=32, steps=steps, scheduler="DDIM", guidance_scale=2.0)
    return TextToImage(prompt="stone", model=str(folder), sampling=sampling)


@pytest.fixture
def copy(tiny, tmp_path):
    return Path(shutil.copytree(tiny, tmp_path / "model"))


def at_first(kind, act):
    """A report function that acts once, at the first message of a kind."""
    seen = []

    def report(message):
        if isinstance(message, kind) and not seen:
            seen.append(message)
            act()

    return report


@pytest.mark.fault("F38")
def test_the_model_is_deleted_in_the_middle_of_a_job(tiny, copy, run):
    expected = run(request(tiny)).pixels
    engine = DiffusersEngine(device="cpu", dtype="float32", preview_interval=0.0)
    result = engine.generate(
        "job", request(copy), at_first(Progress, lambda: shutil.rmtree(copy)), lambda: False
    )
    assert np.array_equal(result.images[0].pixels, expected)
    with pytest.raises(
        ModelNotFound, match=r"There is no model at .*; choose another model or put it back there"
    ):
        engine.generate("job", request(copy), lambda message: None, lambda: False)
    shutil.copytree(tiny, copy)
    again = engine.generate("job", request(copy), lambda message: None, lambda: False)
    assert np.array_equal(again.images[0].pixels, expected)


@pytest.mark.fault("F38")
@pytest.mark.parametrize("part", ["unet", "vae", "tokenizer"])
def test_the_model_is_deleted_while_it_is_loaded(copy, tiny, part, run):
    engine = DiffusersEngine(device="cpu", dtype="float32")
    with pytest.raises(SDBlenderError) as caught:
        engine.generate(
            "job", request(copy), at_first(Loading, lambda: shutil.rmtree(copy / part)), lambda: False
        )
    assert str(copy) in str(caught.value) and str(caught.value).endswith(".")
    assert run(request(tiny), engine).pixels.shape == (32, 32, 3)


TRUNCATE = """
import sys
from pathlib import Path
from sd_blender.core.messages import Progress
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.engine.diffusers_engine import DiffusersEngine
folder = Path(sys.argv[1])
def report(message):
    if isinstance(message, Progress) and message.step == 1:
        for file in folder.glob("*/*.safetensors"):
            file.write_bytes(b"")
engine = DiffusersEngine(device="cpu", dtype="float32")
sampling = Sampling(width=32, height=32, steps=3, scheduler="DDIM", guidance_scale=2.0)
engine.generate("job", TextToImage(prompt="stone", model=str(folder), sampling=sampling), report, lambda: False)
print("made")
"""


@pytest.mark.fault("F38")
def test_the_weights_are_overwritten_in_place(copy):
    """A file that is cut while it is mapped into memory kills the process that reads on: here nothing is mapped."""
    done = subprocess.run(
        [sys.executable, "-c", TRUNCATE, str(copy)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "made\n"), done.stderr


PLACES = {
    "spaces": "a model  with spaces",
    "umlauts": "Modell für größere Flächen",
    "CJK": "模型 テクスチャ",
    "emoji": "🧱 bricks",
    "quotes": 'it\'s a "model"',
    "percent and hash": "100% #1 [x] {y} $HOME",
    "many characters": "/".join(["x" * 60] * 5),
    "trailing dot": "model.",
    "reserved on Windows": "CON",
}


@pytest.mark.fault("F31")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows forbids some of these names")
@pytest.mark.parametrize("kind", PLACES)
def test_a_model_at_an_odd_place(tiny, tmp_path, run, kind):
    folder = tmp_path / PLACES[kind] / "m"
    shutil.copytree(tiny, folder)
    engine = DiffusersEngine(device="cpu", dtype="float32")
    assert np.array_equal(run(request(folder), engine).pixels, run(request(tiny)).pixels)
    (folder / UNET).unlink()
    with pytest.raises(SDBlenderError) as caught:
        engine.generate("job", request(folder), lambda message: None, lambda: False)
    assert str(folder) in str(caught.value)


SECRET = "hf_sEcReTtOkEn0123456789"
SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACEHUB_API_TOKEN", "HTTPS_PROXY")


@pytest.mark.fault("F55")
@pytest.mark.parametrize("fails", [False, True])
def test_a_token_near_by_goes_nowhere(copy, monkeypatch, caplog, capfd, fails):
    """Not into messages, results, errors, the log at its most talkative, or the picture's own file."""
    for name in SECRETS:
        monkeypatch.setenv(name, f"http://user:{SECRET}@localhost:1" if "PROXY" in name else SECRET)
    caplog.set_level(logging.DEBUG)
    if fails:
        (copy / UNET).write_bytes(b"\x80pickle")
    told: list[object] = []
    try:
        result = DiffusersEngine(device="cpu").generate("job", request(copy), told.append, lambda: False)
    except SDBlenderError as error:
        told += [error, error.details, vars(error)]
        assert fails
    else:
        image = result.images[0]
        story = provenance(result.request, image)
        told += [result, image.warnings, story, png.encode(image.pixels, {"sd_blender": story})]
        assert png.read_text(told[-1])["sd_blender"] == story and not fails
    output = capfd.readouterr()
    everything = "\n".join(map(repr, told)) + caplog.text + output.out + output.err
    assert SECRET not in everything
    assert os.environ["HF_TOKEN"] == SECRET, "and what others need stays"
