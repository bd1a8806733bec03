# SPDX-License-Identifier: GPL-3.0-or-later
"""A flipped bit in known weights is found, once for each state of the file, and the file named."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from sd_blender.core.errors import JobCancelled, ModelRefused
from sd_blender.core.known_models import CHECKSUMS_FILE, Checksums, sha256, write_checksums
from sd_blender.core.messages import Loading
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.engine.diffusers_engine import DiffusersEngine

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def known(tiny, tmp_path):
    folder = Path(shutil.copytree(tiny, tmp_path / "model"))
    write_checksums(folder)
    return folder


def request(folder):
    return TextToImage(
        prompt="a", model=str(folder), sampling=Sampling(width=16, height=16, steps=1, scheduler="DDIM")
    )


def flip(file, at=-5, bit=1):
    """One bit of the last numbers; size and time stay."""
    content, stat = bytearray(file.read_bytes()), file.stat()
    content[at] ^= bit
    file.write_bytes(content)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def verify(folder, checksums=None, announced=None):
    said = [] if announced is None else announced
    (checksums or Checksums()).verify(folder, said.append, lambda: False)


@pytest.mark.fault("F33")
@pytest.mark.parametrize(
    "name", [WEIGHTS, "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"]
)
def test_a_flipped_bit_is_found_before_loading(known, name):
    engine = DiffusersEngine(device="cpu", dtype="float32")
    flip(known / name)
    with pytest.raises(ModelRefused) as caught:
        engine.generate("job", request(known), lambda message: None, lambda: False)
    assert str(known / name) in str(caught.value) and "delete it and download it again" in str(caught.value)
    flip(known / name)
    os.utime(known / name)  # a repaired file is a new one
    assert engine.generate("job", request(known), lambda message: None, lambda: False).images


@pytest.mark.fault("F33")
def test_without_checksums_nothing_would_notice(tiny, tmp_path):
    folder = Path(shutil.copytree(tiny, tmp_path / "model"))
    flip(folder / WEIGHTS)
    verify(folder)
    engine = DiffusersEngine(device="cpu", dtype="float32")
    assert engine.generate("job", request(folder), lambda message: None, lambda: False).images


@pytest.mark.fault("F33")
def test_read_once_until_the_file_changes(known):
    checksums, announced = Checksums(), []
    verify(known, checksums, announced)
    assert sorted(announced) == [
        "Checking text_encoder/model.safetensors",
        f"Checking {WEIGHTS}",
        "Checking vae/diffusion_pytorch_model.safetensors",
    ]
    announced.clear()
    verify(known, checksums, announced)
    assert announced == []
    os.utime(known / WEIGHTS, ns=(1, 1))
    verify(known, checksums, announced)
    assert announced == [f"Checking {WEIGHTS}"]


def test_the_artist_sees_what_takes_long(known, run):
    done = run(request(known), DiffusersEngine(device="cpu", dtype="float32"))
    assert done.of(Loading)[0].text == "Checking text_encoder/model.safetensors (CPU)"


@pytest.mark.fault("F11")
def test_cancel_while_reading(known):
    asked = []
    with pytest.raises(JobCancelled):
        Checksums().verify(known, lambda text: None, lambda: bool(asked.append(1)) or len(asked) == 2)
    assert len(asked) == 2


@pytest.mark.fault("F33")
@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{",
        "[" * 100_000,
        json.dumps({WEIGHTS: "short"}),
        json.dumps({WEIGHTS: 5}),
        json.dumps({WEIGHTS: "g" * 64}),
        json.dumps({"../outside.safetensors": "0" * 64}),
        json.dumps({"/etc/hostname": "0" * 64}),
        json.dumps({"C:\\Windows\\x": "0" * 64}),
        json.dumps({"unet/../../x": "0" * 64}),
        json.dumps({"": "0" * 64}),
        json.dumps({"unet/gone.safetensors": "0" * 64}),
    ],
)
def test_a_list_that_cannot_be_right(known, content):
    (known / CHECKSUMS_FILE).write_text(content)
    with pytest.raises(ModelRefused) as caught:
        verify(known)
    assert str(known) in str(caught.value) and str(caught.value).endswith(".")


def test_the_sums_are_those_of_the_standard(known):
    (known / "abc").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert sha256(known / "abc", lambda: False) == expected
    assert set(json.loads((known / CHECKSUMS_FILE).read_text())) == {
        WEIGHTS,
        "text_encoder/model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    }
