# SPDX-License-Identifier: GPL-3.0-or-later
"""Captions from a file, from text beside, from names; what an artist edits is kept whole."""

from __future__ import annotations

import errno
import json
import os

import pytest

from sd_blender.core.captions import (
    CAPTIONS_FILE,
    Caption,
    image_names,
    read_captions,
    with_trigger,
    words_of_name,
    write_captions,
)
from sd_blender.core.errors import InvalidRequest


@pytest.mark.parametrize(
    "name, words",
    [
        ("red_brick-wall_02.png", "red brick wall"),
        ("Mossy Rock (3).JPG", "Mossy Rock"),
        ("IMG_2041.png", ""),
        ("DSC00012.jpg", ""),
        ("0017.png", ""),
        ("Screenshot 2024-01-02.png", ""),
        ("wand_grün.png", "wand grün"),
        ("a.png", ""),
    ],
)
def test_what_a_name_says(name, words):
    assert words_of_name(name) == words


def test_edited_captions_come_before_text_files_and_names(tmp_path):
    for name in ("old_wall.png", "IMG_1.png", "rust_1.webp", "notes.md", ".hidden.png"):
        (tmp_path / name).touch()
    (tmp_path / "IMG_1.txt").write_text(" a wet\n  stone ", encoding="utf-8-sig")
    (tmp_path / "rust_1.txt").write_text("from the text file")
    write_captions(tmp_path, {"rust_1.webp": "edited rust"})
    assert image_names(tmp_path) == ["IMG_1.png", "old_wall.png", "rust_1.webp"]
    assert read_captions(tmp_path) == {
        "IMG_1.png": Caption("a wet stone", "text file"),
        "old_wall.png": Caption("old wall", "file name"),
        "rust_1.webp": Caption("edited rust", "metadata"),
    }


def test_lines_of_other_files_stay(tmp_path):
    write_captions(tmp_path, {"a.png": "one", "b.png": "zwei ü"})
    write_captions(tmp_path, {"a.png": "changed"})
    lines = [json.loads(line) for line in (tmp_path / CAPTIONS_FILE).read_text("utf-8").splitlines()]
    assert lines == [{"file_name": "a.png", "text": "changed"}, {"file_name": "b.png", "text": "zwei ü"}]


def test_a_full_disk_leaves_the_captions_there_were(tmp_path, monkeypatch):
    write_captions(tmp_path, {"a.png": "one"})

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError):
        write_captions(tmp_path, {"a.png": "two"})
    assert [p.name for p in tmp_path.iterdir()] == [CAPTIONS_FILE]
    assert "one" in (tmp_path / CAPTIONS_FILE).read_text()


@pytest.mark.parametrize("line", ["no json", "[1]", '{"file_name": 3, "text": "x"}', '{"text": "x"}'])
def test_a_captions_file_that_is_none_is_named_with_its_line(tmp_path, line):
    (tmp_path / CAPTIONS_FILE).write_text('{"file_name": "a.png", "text": "ok"}\n' + line + "\n")
    with pytest.raises(InvalidRequest, match=f"Line 2 of .*{CAPTIONS_FILE}"):
        read_captions(tmp_path)


def test_no_folder(tmp_path):
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_captions(tmp_path / "gone")


@pytest.mark.parametrize(
    "trigger, text, whole",
    [
        ("", "a wall", "a wall"),
        ("zx", "a wall", "zx, a wall"),
        ("Wall", "a wall", "a wall"),
        ("zx", "", "zx"),
    ],
)
def test_the_trigger_comes_first_unless_it_is_there(trigger, text, whole):
    assert with_trigger(trigger, text) == whole
