# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts that change on the way, and notations that mean nothing here and are told."""

from __future__ import annotations

import random
import time

import pytest

from sd_blender.core.attention import BREAK, parse_attention
from sd_blender.core.prompt_editing import MAX_DEPTH, at_step, changes, ends, final, texts
from sd_blender.core.prompt_hints import hint


def runs(prompt, steps=10, order=1):
    """The words with how many steps they last."""
    found = []
    for text in texts(prompt, steps, order):
        if found and found[-1][0] == text:
            found[-1][1] += 1
        else:
            found.append([text, 1])
    return [tuple(run) for run in found]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a [forest:desert:0.4] b", [("a forest b", 4), ("a desert b", 6)]),
        ("[forest:desert:3]", [("forest", 3), ("desert", 7)]),
        ("[forest: desert :.25]", [("forest", 2), (" desert ", 8)]),
        ("[desert:0.4]", [("", 4), ("desert", 6)]),
        ("[forest::0.4]", [("forest", 4), ("", 6)]),
        ("[forest:desert:0]", [("desert", 10)]),
        ("[forest:desert:1.0]", [("forest", 10)]),
        ("[forest:desert:99]", [("forest", 10)]),
        ("([forest:desert:0.5]:1.2)", [("(forest:1.2)", 5), ("(desert:1.2)", 5)]),
        ("[(a:1.3):(b:0.7):0.5]", [("(a:1.3)", 5), ("(b:0.7)", 5)]),
        ("[[a:b:0.2]:c:0.6]", [("a", 2), ("b", 4), ("c", 4)]),
        ("[[a]:b:0.5]", [("[a]", 5), ("b", 5)]),
        ("[a:b:0.5] [c:d:0.7]", [("a c", 5), ("b c", 2), ("b d", 3)]),
        (r"[a\:x:b:0.5]", [(r"a\:x", 5), ("b", 5)]),
    ],
)
def test_words_that_change_at_a_step(prompt, expected):
    assert runs(prompt) == expected
    assert changes(prompt)
    assert ends(prompt) == (at_step(prompt, 1, 1000), final(prompt))


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("[a|b] c", ["a c", "b c", "a c", "b c", "a c"]),
        ("[a|b|]", ["a", "b", "", "a", "b"]),
        ("[a|b: c]", ["a", "b: c", "a", "b: c", "a"]),
        ("[[a|b]:c:2]", ["a", "b", "c", "c", "c"]),
    ],
)
def test_words_that_alternate(prompt, expected):
    assert texts(prompt, 5) == expected


def test_a_step_of_two_evaluations_counts_once():
    assert texts("[a|b]", 5, 2) == ["a", "a", "b", "b", "a"]
    assert runs("[a:b:2]", 9, 2) == [("a", 4), ("b", 5)]
    assert runs("[a:b:0.5]", 10, 2) == [("a", 5), ("b", 5)]


PLAIN = [
    "",
    "moss",
    "[moss]",
    "[[moss]]",
    "[moss, wall: old]",
    "[16:9]",
    "[moss:1.2]",
    "[a:b:c:0.5]",
    "[a:b]",
    "[(a:b:0.5)]",
    "[(a|b)]",
    "a | b : 0.5",
    r"\[a:b:0.5\]",
    r"\[a|b\]",
    "[a:b:0.5",
    "a:b:0.5]",
    "(a:0.5)",
    "[a:b:-0.5]",
    "[a:b:half]",
    "[" * 50 + "a:b:0.5" + "]" * 50,
]


@pytest.mark.parametrize("prompt", PLAIN)
def test_any_other_bracket_is_left_as_it_is(prompt):
    assert texts(prompt, 7) == [prompt] * 7
    assert at_step(prompt, 3, 7) == prompt and not changes(prompt)
    assert ends(prompt) == (prompt, prompt)


def test_what_is_no_notation_comes_back_letter_by_letter():
    draw = random.Random(3)
    for _ in range(2000):
        prompt = "".join(draw.choice("ab[]()\\ ,.é") for _ in range(draw.randrange(40)))
        assert at_step(prompt, 1, 9) == prompt


@pytest.mark.fault("F50")
@pytest.mark.parametrize("unit", ["[", "]", "[a:", "[a|", "[a:b:0.5]", "(", "\\", "[a|b]", "[[", "]["])
def test_long_prompts_take_no_time(unit):
    prompt = (unit * 10_000)[:10_000]
    began = time.monotonic()
    assert len(texts(prompt, 20)) == 20
    ends("[" * (MAX_DEPTH + 5) + prompt)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a BREAK b", [("a", 1.0), (BREAK, 1.0), ("b", 1.0)]),
        ("a\nBREAK\nb", [("a", 1.0), (BREAK, 1.0), ("b", 1.0)]),
        ("(a BREAK b:1.2) c", [("a", 1.2), (BREAK, 1.0), ("b", 1.2), (" c", 1.0)]),
        ("BREAK a BREAK", [(BREAK, 1.0), ("a", 1.0), (BREAK, 1.0)]),
        ("break BREAKING unBREAK", [("break BREAKING unBREAK", 1.0)]),
    ],
)
def test_break(prompt, expected):
    assert parse_attention(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("moss AND stone", "AND"),
        ("<hypernet:x:1> moss", "Hypernetworks"),
        ("<random:a,b>", "Only <lora:name:weight>"),
        ("moss <lora:wall:0.5", "A LoRA is called as"),
        ("<lora:> moss", "A LoRA is called as"),
        ("<lora:a:1> <lyco::1>", "A LoRA is called as"),
        ("${x=red} ${x}", "Variables"),
        ("moss embedding:rust", "embedding"),
    ],
)
def test_what_means_nothing_here_is_told(prompt, word):
    assert word in hint(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "moss and stone",
        "SAND",
        "a < b > c",
        "<lora:x:1>",
        "<lora:my wall:0.5:0.5> <lora:{a|b}:1>",
        "[a|b]",
        "[a:b:0.5]",
        "a BREAK b",
        "$5 {a|b}",
        "<3",
    ],
)
def test_what_is_a_prompt_has_no_hint(prompt):
    assert hint(prompt) == ""
