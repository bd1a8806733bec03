# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRAs by their names and checksums, and the tags that call them."""

from __future__ import annotations

import hashlib

import pytest

from sd_blender.core import lora_library
from sd_blender.core.importance import in_order, shown
from sd_blender.core.lora_tags import Call, split
from tests.fake_trainer import write_lora


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "walls").mkdir()
    write_lora(tmp_path / "moss.safetensors", "zx moss")
    write_lora(tmp_path / "walls" / "Wall.v2.safetensors", "wall")
    (tmp_path / "notes.txt").write_text("moss")
    return tmp_path


@pytest.mark.parametrize(
    "name", ["Wall.v2", "wall.V2", "wall.v2.safetensors", "other/wall.v2", "other\\Wall.v2"]
)
def test_a_file_is_found_by_its_name(folder, name):
    assert lora_library.find(name, [str(folder)]) == folder / "walls" / "Wall.v2.safetensors"


@pytest.mark.parametrize("name", ["", "wall", "notes", "../moss/x", "*", "."])
def test_what_is_not_there_is_not_found(folder, name):
    assert lora_library.find(name, [str(folder), str(folder / "gone"), "/no/such"]) is None


def test_a_file_is_found_by_its_checksum(folder):
    path = folder / "walls" / "Wall.v2.safetensors"
    data = path.read_bytes()
    tensors = data[8 + int.from_bytes(data[:8], "little") :]
    for digest in (hashlib.sha256(data).hexdigest()[:10], hashlib.sha256(tensors).hexdigest()[:12].upper()):
        assert lora_library.find_by_digest(digest, [str(folder)], 60) in (path, folder / "moss.safetensors")
        assert lora_library.matches(path, digest)
    assert lora_library.find_by_digest(hashlib.sha256(data).hexdigest(), [str(folder)], 60) == path
    assert lora_library.find_by_digest(hashlib.sha256(data).hexdigest(), [str(folder)], -1) is None
    assert lora_library.find_by_digest("0" * 12, [str(folder)], 60) is None
    assert lora_library.find_by_digest("", [str(folder)], 60) is None


def test_a_large_disk_is_not_searched_through(tmp_path, monkeypatch):
    deep = tmp_path / "a" / "b" / "c" / "d" / "e"
    deep.mkdir(parents=True)
    write_lora(deep / "moss.safetensors")
    assert lora_library.find("moss", [str(tmp_path)]) is None
    assert lora_library.find("moss", [str(tmp_path / "a")]) is not None
    monkeypatch.setattr(lora_library, "MAX_FILES", 0)
    assert lora_library.find("moss", [str(deep)]) is None


@pytest.mark.parametrize(
    ("prompt", "text", "calls"),
    [
        ("moss", "moss", []),
        ("a <lora:x:0.8> b", "a  b", [Call("x", 0.8)]),
        ("<lora:x>", "", [Call("x", 1.0)]),
        ("<LORA:x y.z:-1>m", "m", [Call("x y.z", -1.0)]),
        ("<lora:x:0.5:0.5>", "", [Call("x", 0.5)]),
        ("<lora:x:te=0.5:unet=1>", "", [Call("x", None)]),
        ("<lyco:x:1:lbw=ALL>", "", [Call("x", None)]),
        ("<lora:x:high>", "", [Call("x", None)]),
        ("<lora:>, a < b > c, <b>, <lora x>", "<lora:>, a < b > c, <b>, <lora x>", []),
    ],
)
def test_tags(prompt, text, calls):
    assert split(prompt) == (text, tuple(calls))


def test_the_most_important_comes_first_and_features_count_once():
    lost = [
        "adetailer model",
        "adetailer confidence",
        "x",
        "clip skip",
        "hires upscale",
        'model "a"',
        "LoRA b",
        "seed",
    ]
    assert in_order(lost) == ("seed", 'model "a"', "LoRA b", "hires fix", "clip skip", "ADetailer", "x")
    assert shown(lost, 1) == ("seed", 'model "a"', "LoRA b", "hires fix", "clip skip", "ADetailer")
    assert shown([f"x{i}" for i in range(9)], 6) == tuple(f"x{i}" for i in range(6))
