# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file of weights says of itself, read from its header alone."""

from __future__ import annotations

import json

import pytest

from sd_blender.core.errors import InvalidRequest
from sd_blender.core.tensor_header import (
    MAX_HEADER,
    MAX_NAME,
    MAX_TRIGGER,
    WORD_KEY,
    base_of,
    look_at,
    read_header,
    told_of,
)
from tests.fake_trainer import write_lora, write_tensor


def save(path, header):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    return path


@pytest.mark.parametrize(
    ("names", "is_word", "trigger"),
    [
        (["lora_unet_a.lora_down.weight"], False, "zx"),
        (["unet.a.lora_A.weight", "unet.a.lora_B.weight"], False, "zx"),
        (["lora_unet_a.hada_w1_a"], False, "zx"),
        (["unet.a.diff"], False, "zx"),
        (["zebra"], True, "zebra"),
        (["emb_params"], True, "file"),
        (["clip_l", "clip_g"], True, "file"),
    ],
)
def test_loras_and_words_are_told_apart(tmp_path, names, is_word, trigger):
    entry = {"dtype": "F16", "shape": [0], "data_offsets": [0, 0]}
    header = dict.fromkeys(names, entry) | {"__metadata__": {"modelspec.trigger_phrase": "zx"}}
    told = look_at(save(tmp_path / "file.safetensors", header))
    assert (told.is_word, told.trigger) == (is_word, trigger)


@pytest.mark.parametrize("names", [["zebra"], ["emb_params"], ["clip_l", "clip_g"]])
def test_a_word_that_is_told_is_the_one_that_the_engine_reads(tmp_path, names):
    """A copy of a file has another name, and the same word in it."""
    header = {name: {} for name in names} | {
        "__metadata__": {WORD_KEY: "zyx", "modelspec.trigger_phrase": "Zyx"}
    }
    told = look_at(save(tmp_path / "zyx_2.safetensors", header))
    assert (told.is_word, told.trigger) == (True, "zyx")


def test_what_the_trainer_of_the_tests_writes(tmp_path):
    write_lora(tmp_path / "a.safetensors", "some  moss")
    write_tensor(tmp_path / "b.safetensors", "word")
    assert look_at(tmp_path / "a.safetensors").trigger == "some moss"
    assert look_at(tmp_path / "b.safetensors").is_word


@pytest.mark.parametrize(
    "metadata", [None, [], {"modelspec.trigger_phrase": 7}, {"modelspec.trigger_phrase": "x" * 9999}]
)
def test_metadata_of_any_kind(tmp_path, metadata):
    path = save(tmp_path / "x.safetensors", {"lora_a": {}, "lora_b": {}, "__metadata__": metadata})
    assert len(look_at(path).trigger) <= MAX_TRIGGER


@pytest.mark.parametrize(
    "content",
    [b"", b"abc", (MAX_HEADER + 1).to_bytes(8, "little") + b"{}", b"\2" + bytes(7) + b"[]", b"\xff" * 64],
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(InvalidRequest, match=r"x.safetensors cannot be read"):
        look_at(path)
    with pytest.raises(ValueError):
        read_header(path)


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ({"ss_sd_model_name": "SD Blender\n starter model"}, "SD Blender starter model"),
        ({"ss_sd_model_name": "v1-5-pruned.safetensors"}, "v1-5-pruned"),
        ({"ss_sd_model_name": "x" * 9999}, "x" * MAX_NAME),
        ({"ss_sd_model_name": 7}, ""),
        (None, ""),
        ([], ""),
    ],
)
def test_the_model_that_a_file_was_made_for(tmp_path, metadata, name):
    path = save(tmp_path / "x.safetensors", {"lora_a": {}, "__metadata__": metadata})
    assert base_of(told_of(path)) == name


def test_a_file_that_cannot_be_read_tells_nothing(tmp_path):
    assert told_of(tmp_path / "none.safetensors") == {}
    assert told_of(save(tmp_path / "x.safetensors", b"{")) == {}


def test_brackets_by_the_hundred_thousand(tmp_path):
    with pytest.raises(ValueError):
        read_header(save(tmp_path / "x.safetensors", b'{"a":' * 200_000))
