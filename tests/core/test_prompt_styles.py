# SPDX-License-Identifier: GPL-3.0-or-later
"""Styles: the bundled ones, the artist's own, and files that are no styles."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path, PurePath

import pytest

from sd_blender.core.attention import parse_attention
from sd_blender.core.errors import InvalidRequest
from sd_blender.core.prompt_styles import (
    Style,
    available_styles,
    bundled_styles,
    export_styles,
    import_styles,
    take_apart,
)
from sd_blender.core.wildcards import WildcardLists, expand

ROOT = Path(__file__).parents[2]
OWN = Style("Mine", "{prompt}, größer “stone” 🧱", "blur")


@pytest.mark.parametrize(
    "template, words, expected",
    [
        ("photo of {prompt}, sharp", "moss", "photo of moss, sharp"),
        ("sharp, detailed", "moss", "moss, sharp, detailed"),
        ("", "moss", "moss"),
        ("sharp", "", "sharp"),
        ("", "", ""),
        ("{prompt}, sharp", " ", "sharp"),
        ("({prompt}:1.2) {prompt}", "moss", "(moss:1.2) moss"),
        ("a {prompt}", "{prompt} {a|b} {0} %s", "a {prompt} {a|b} {0} %s"),
        ("{prompt} {x} {wet|dry}", "moss", "moss {x} {wet|dry}"),
    ],
)
def test_a_template_takes_the_words_in(template, words, expected):
    assert Style("A", template, "b").apply(words, "c") == (expected, "c, b")
    assert Style("A", "b", template).apply("c", words) == ("c, b", expected)


WORDS = [("mossy stone", "people"), ("", ""), (" ", "x"), ("{prompt}", "a, b"), ("größer, {wet|dry}", "")]


@pytest.mark.parametrize("template", ["of {prompt}, sharp", "sharp", "{prompt}", "", "a {prompt} b {prompt}"])
@pytest.mark.parametrize("words", WORDS)
def test_taken_apart_and_put_together_the_prompts_are_the_same(template, words):
    prompts = Style("A", template, "blur").apply(*words)
    style, found = take_apart([*bundled_styles(), Style("A", template, "blur")], *prompts)
    assert (found if style is None else style.apply(*found)) == prompts


@pytest.mark.parametrize("words", [("mossy stone", "people"), ("mossy stone", ""), ("", "")])
def test_every_bundled_style_is_told_from_its_prompts(words):
    for style in bundled_styles():
        assert take_apart(bundled_styles(), *style.apply(*words)) == (style, words)


def test_prompts_of_no_style_stay_as_they_are():
    nothing = Style("Nothing", "{prompt}", "")
    assert take_apart([nothing, OWN], "mossy stone", "people") == (None, ("mossy stone", "people"))
    assert take_apart([], "a", "b") == (None, ("a", "b"))
    # "b" stands once where it would have to stand twice, at the beginning and at the end.
    assert take_apart([Style("A", "b{prompt}b")], "b", "") == (None, ("b", ""))


def test_the_style_that_says_most_is_told():
    short, long = Style("Short", "{prompt}, sharp"), Style("Long", "photo of {prompt}, sharp")
    assert take_apart([short, long], "photo of moss, sharp", "") == (long, ("moss", ""))


def test_the_bundled_styles_are_ready_to_use():
    styles = bundled_styles()
    assert len(styles) >= 15 and len({style.name.lower() for style in styles}) == len(styles)
    for style in styles:
        assert style.prompt.count("{prompt}") == 1 and style.negative_prompt
        for text in style.apply("mossy stone", "people"):
            assert expand(text, 0, WildcardLists()) == text and parse_attention(text) == [(text, 1.0)]
            assert len(text) < 200, "room for the artist's own words in the 77 tokens of a model"


def test_the_bundled_files_are_packaged():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["sd_blender"]
    files = [file.relative_to(ROOT / "sd_blender") for file in (ROOT / "sd_blender" / "core").rglob("*.json")]
    assert len(files) >= 2
    for file in files:
        assert any(PurePath(file).match(pattern) for pattern in patterns), file


def test_what_is_exported_is_imported(tmp_path):
    path = tmp_path / "styles.json"
    styles = (*bundled_styles(), OWN)
    export_styles(path, styles)
    assert import_styles(path) == styles and [file.name for file in tmp_path.iterdir()] == ["styles.json"]


def test_own_styles_join_the_bundled_ones_and_replace_their_namesakes(tmp_path):
    path = tmp_path / "styles.json"
    worn = Style("Worn", "{prompt}, mine")
    export_styles(path, [worn, OWN])
    styles, complaint = available_styles(path)
    assert not complaint and styles[-1] == OWN and len(styles) == len(bundled_styles()) + 1
    assert [style.name for style in styles[:-1]] == [style.name for style in bundled_styles()]
    assert worn in styles
    assert available_styles() == available_styles(tmp_path / "none.json") == (bundled_styles(), "")


@pytest.mark.fault("F54")
@pytest.mark.parametrize(
    "style, words",
    [
        ({"name": "A"}, "prompt in the file is not text"),
        ({"name": "A", "prompt": 5}, "prompt in the file is not text"),
        ({"name": "A", "prompt": "a", "negative_prompt": None}, "negative prompt in the file is not text"),
        ({"name": "A", "prompt": "a" * 2001}, "longer than 2000"),
        ({"name": "A", "prompt": "a\0b"}, "control characters"),
        ({"name": "A\n", "prompt": "a"}, "control characters"),
        ({"name": "\ud800", "prompt": "a"}, "control characters"),
        ({"name": "A", "prompt": "a", "__proto__": {}}, "'__proto__'"),
    ],
)
def test_styles_that_are_none_are_refused(tmp_path, style, words):
    path = tmp_path / "styles.json"
    path.write_text(json.dumps({"version": 1, "styles": [{"name": "Good", "prompt": "x"}, style]}))
    with pytest.raises(InvalidRequest, match=words) as caught:
        import_styles(path)
    assert available_styles(path) == (bundled_styles(), str(caught.value))
