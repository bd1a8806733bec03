# SPDX-License-Identifier: GPL-3.0-or-later
"""Wildcards: drawn from the seed, bounded, and never a way out of the folder."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from sd_blender.core.errors import InvalidRequest
from sd_blender.core.prompt_styles import Style
from sd_blender.core.request import SEED_LIMIT, Sampling, TextToImage
from sd_blender.core.validation import MAX_PROMPT
from sd_blender.core.wildcards import MAX_DEPTH, MAX_LIST_BYTES, Prompts, WildcardLists, expand, prompts_of

STONES = ["slate", "granite", "red sandstone"]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "wildcards"
    (folder / "rocks").mkdir(parents=True)
    (folder / "stone.txt").write_text(
        "\ufeff# stones\n\nslate\n  granite \nred sandstone\n", encoding="utf-8"
    )
    (folder / "rocks" / "old_ones.txt").write_text("gneiss\n", encoding="utf-8")
    (folder / "nested.txt").write_text("{wet|dry} __stone__\n", encoding="utf-8")
    (folder / "loop.txt").write_text("again __loop__\n", encoding="utf-8")
    (folder / "swell.txt").write_text("__many__ " * 100, encoding="utf-8")
    (folder / "many.txt").write_text("__few__ " * 100, encoding="utf-8")
    (folder / "few.txt").write_text("a\n", encoding="utf-8")
    (folder / "empty.txt").write_text("# nothing\n\n", encoding="utf-8")
    (folder / "latin.txt").write_bytes("Müll\n".encode("latin-1"))
    (folder / "null.txt").write_bytes(b"a\0b\n")
    (folder / "line.txt").write_text("x" * (MAX_PROMPT + 1), encoding="utf-8")
    (folder / "huge.txt").write_text("x\n" * MAX_LIST_BYTES, encoding="utf-8")
    (tmp_path / "secret.txt").write_text("password\n", encoding="utf-8")
    return folder


def drawn(text, folder="", seed=0, field="prompt"):
    return expand(text, seed, WildcardLists(folder), field)


def refused(text, folder, words, field="wildcards"):
    with pytest.raises(InvalidRequest) as caught:
        drawn(text, folder)
    error = caught.value
    assert error.field == field and words in str(error)
    assert str(error).endswith(".") and "\n" not in str(error) and len(str(error)) < 300


def test_each_choice_is_drawn_about_as_often(folder):
    lists = WildcardLists(folder)
    counts = Counter(expand("{red|blue} __stone__", seed, lists) for seed in range(600))
    assert set(counts) == {f"{colour} {stone}" for colour in ("red", "blue") for stone in STONES}
    assert min(counts.values()) > 60


def test_the_seed_decides_and_nothing_else(folder):
    prompt = "{a|b|c} {a|b|c} {a|b|c} __stone__ __nested__"
    first = [drawn(prompt, folder, seed) for seed in range(20)]
    assert first == [drawn(prompt, folder, seed) for seed in range(20)]
    assert len(set(first)) > 10
    # As it was drawn when this was written: another Python must draw the same.
    assert [drawn("{a|b|c|d|e|f|g|h}", seed=seed) for seed in range(12)] == list("eghaehffbbca")


def test_the_negative_prompt_draws_for_itself():
    both = [(drawn("{a|b}", seed=s), drawn("{a|b}", seed=s, field="negative_prompt")) for s in range(40)]
    assert set(both) == {("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")}


def test_image_k_has_the_words_of_the_single_image_with_its_seed(folder):
    request = TextToImage(
        prompt="{red|blue|grey} __stone__",
        negative_prompt="{wet|dry}",
        wildcards=str(folder),
        sampling=Sampling(seed=SEED_LIMIT - 3, count=8),
    )
    together = prompts_of(request)
    assert len(together) == 8 and len(set(together)) > 2
    for index, words in enumerate(together):
        seed = request.sampling.seed_of(index)
        assert (words,) == prompts_of(dataclasses.replace(request, sampling=Sampling(seed=seed)))


def test_a_prompt_without_wildcards_stays_as_it_is():
    text = "a | b, {x} {prompt} snake_case __ ___ _____ { } }{ {a|b (c:1.2) [d]"
    assert drawn(text) == text
    assert prompts_of(TextToImage(prompt=text)) == (Prompts(text, ""),)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("{a|a}", "a"),
        ("{ a | a } b", "a b"),
        ("{{a|a}|{a|a}}", "a"),
        ("{x {a|a} y}", "{x a y}"),
        ("{ {a|a}", "{ a"),
        ("{a|a}}", "a}"),
        ("{|}b", "b"),
        ("({a|a}:1.2)", "(a:1.2)"),
        ("__rocks/old_ones__!", "gneiss!"),
        ("{__few__|__few__}", "a"),
    ],
)
def test_the_notation(folder, text, expected):
    assert drawn(text, folder) == expected


def test_what_is_drawn_may_hold_more(folder):
    assert {drawn("__nested__", folder, seed) for seed in range(60)} == {
        f"{state} {stone}" for state in ("wet", "dry") for stone in STONES
    }


def test_a_style_and_alternatives_get_along():
    style = Style("Photo", "{macro|wide} photo of {prompt}, sharp", "{blur|noise}")
    prompt, negative = style.apply("{red|blue} {prompt} brick", "text")
    assert prompt == "{macro|wide} photo of {red|blue} {prompt} brick, sharp"
    made = {drawn(prompt, seed=seed) for seed in range(40)}
    assert made == {
        f"{lens} photo of {colour} {{prompt}} brick, sharp"
        for lens in ("macro", "wide")
        for colour in ("red", "blue")
    }
    assert negative == "text, {blur|noise}"


def test_weights_of_alternatives():
    counts = Counter(drawn("{3::a|b|0::c}", seed=seed) for seed in range(400))
    assert set(counts) == {"a", "b"} and 2 < counts["a"] / counts["b"] < 4.5
    assert {drawn("{0.5:: red wall |0.5::b}", seed=seed) for seed in range(20)} == {"red wall", "b"}
    assert {drawn("{0::a|0::b}", seed=seed) for seed in range(20)} == {"a", "b"}
    assert drawn("{a::b}") == "{a::b}" and drawn("{x: y|x: y}") == "x: y"


def test_several_alternatives(folder):
    pairs = {drawn("{2$$a|b|c}", seed=seed) for seed in range(60)}
    assert pairs == {"a, b", "b, a", "a, c", "c, a", "b, c", "c, b"}
    assert {drawn("{1-2$$a|b}", seed=seed) for seed in range(60)} == {"a", "b", "a, b", "b, a"}
    assert {drawn("{-1$$a|b}", seed=seed) for seed in range(20)} == {"a", "b"}
    assert {drawn("{2-$$a|b}", seed=seed) for seed in range(20)} == {"a, b", "b, a"}
    assert {drawn("{2$$ and $$a|b}", seed=seed) for seed in range(20)} == {"a and b", "b and a"}
    assert {drawn("{9$$a|b}", seed=seed) for seed in range(20)} == {"a, b", "b, a"}
    assert drawn("{0$$a|b}") == "" and drawn("{1$$a}") == "a"
    assert {frozenset(drawn("{2$$1::a|9::b|0::c}", seed=s).split(", ")) for s in range(20)} == {
        frozenset("ab")
    }
    lines = {drawn("{2$$__stone__}", folder, seed=seed) for seed in range(60)}
    assert len(lines) == 6 and all(a != b for a, b in (line.split(", ") for line in lines))
    assert drawn("{2$$__few__|{x|x}}", folder) in ("a, x", "x, a")


def test_a_count_that_is_none_stays_text():
    for text in ("{2$a}", "{2$$", "{x$$a}", "{$$a}", "2$$a|b"):
        assert drawn(text) == text


def test_names_with_stars(folder):
    assert {drawn("__sto*__", folder, seed) for seed in range(60)} == set(STONES)
    assert {drawn("__rocks/*__", folder, seed) for seed in range(20)} == {"gneiss"}
    assert {drawn("__*/old_ones__", folder, seed) for seed in range(20)} == {"gneiss"}
    assert {drawn("__**/old*__", folder, seed) for seed in range(20)} == {"gneiss"}
    refused("__no*__x", folder, "fits no list")
    for name in ("../*", "*/../../*", "/etc/*", "..*"):
        refused(f"__{name}__", folder, "is no name of a list")
    refused("__*__", "", "choose the folder")


def library(tmp_path, *names):
    tmp_path = tmp_path / "loras"
    tmp_path.mkdir()
    for name in names:
        (tmp_path / f"{name}.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    return tmp_path


def called(prompt, folder, **values):
    return prompts_of(TextToImage(prompt=prompt, lora_folders=(str(folder),), **values))


def test_a_lora_that_the_prompt_calls(tmp_path):
    folder = library(tmp_path, "moss", "rust")
    (words,) = called("wall <lora:moss:0.8>, old <lora:rust>", folder)
    assert words.prompt == "wall , old " and words.tagged == "wall <lora:moss:0.8>, old <lora:rust>"
    assert [(Path(lora.path).stem, lora.weight) for lora in words.loras] == [("moss", 0.8), ("rust", 1.0)]
    (words,) = called("wall", folder)
    assert words == Prompts("wall", "")


@pytest.mark.parametrize(
    ("prompt", "negative", "why"),
    [
        ("<lora:gone:1>", "", 'calls the LoRA "gone", which is neither in the LoRA folder'),
        ("<lora:moss:0.5:1>", "", "with other than one weight from -4 to 4; write it as <lora:name:0.8>"),
        ("<lora:moss:9>", "", "with other than one weight"),
        ("<lora:moss:nan>", "", "with other than one weight"),
        ("wall", "<lora:moss:1>", "negative prompt calls a LoRA"),
        ("<lora:moss:1>" * 17, "", "use at most 16"),
    ],
)
def test_loras_that_cannot_be_called(tmp_path, prompt, negative, why):
    with pytest.raises(InvalidRequest, match=why):
        called(prompt, library(tmp_path, "moss"), negative_prompt=negative)


def test_loras_that_are_drawn(tmp_path):
    folder, prompt = library(tmp_path, "moss", "rust"), "{<lora:moss:1>|<lora:rust:1>} wall"
    found = {called(prompt, folder, sampling=Sampling(seed=seed))[0].tagged for seed in range(20)}
    assert found == {"<lora:moss:1> wall", "<lora:rust:1> wall"}
    with pytest.raises(InvalidRequest, match="draw different LoRAs; set Count to 1"):
        called(prompt, folder, sampling=Sampling(count=16))
    assert len(called("{<lora:moss:1> a|<lora:moss:1> b}", folder, sampling=Sampling(count=9))) == 9


@pytest.mark.fault("F54")
@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "rocks/../../secret",
        "/etc/hosts",
        "..",
        "rocks\\stone",
        "C:stone",
        "~/x",
        "a//b",
        "./stone",
        "a.b",
    ],
)
def test_no_name_leads_out_of_the_folder(folder, name):
    refused(f"__{name}__", folder, "is no name of a list")


@pytest.mark.parametrize(
    "name, words",
    [
        ("marble", "put marble.txt into the folder"),
        ("rocks", "is unknown"),
        ("empty", "write one choice a line into empty.txt"),
        ("latin", "text in UTF-8"),
        ("null", "split up null.txt"),
        ("line", "split up line.txt"),
        ("huge", "split up huge.txt"),
    ],
)
def test_lists_that_cannot_be_used(folder, name, words):
    refused(f"a __{name}__ wall", folder, words)


def test_a_wildcard_without_a_folder():
    refused("__stone__", "", "choose the folder")
    refused("__stone__", "/no/such/folder", "is unknown")


@pytest.mark.fault("F54")
@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    ["__loop__", "__swell__", "{a|" * 3000 + "}" * 3000, "{|" * (MAX_DEPTH + 1) + "}" * (MAX_DEPTH + 1)],
    ids=["loop", "swell", "deep", "a little too deep"],
)
def test_wildcards_without_end_are_refused(folder, text):
    for seed in range(40 if len(text) < 100 else 1):
        try:
            assert len(drawn(text, folder, seed)) <= MAX_PROMPT
        except InvalidRequest as error:
            assert error.field == "prompt" and "without end" in str(error)
            break
    else:
        assert "{" in text, "alternatives may be left by chance, lists that name themselves not"


@pytest.mark.fault("F50")
@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "unit", ["{", "}", "|", "_", "__a ", "__a", "{|", "|}", "{}", "{1$$", "{9-9$$a|", "1::", "*__"]
)
def test_long_prompts_take_no_time(unit):
    text = (unit * 10_000)[:10_000]
    try:
        drawn(text)
    except InvalidRequest as error:
        assert str(error)


@pytest.mark.fault("F50")
def test_a_prompt_that_grows_too_long_is_refused(folder):
    (folder / "long.txt").write_text("x" * 6000, encoding="utf-8")
    refused("__long__ __long__", folder, "longer than 10000", field="prompt")
