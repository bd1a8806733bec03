# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights in brackets: what artists write, and whatever else they write."""

from __future__ import annotations

import random

import pytest

from sd_blender.core.attention import MAX_WEIGHT, parse_attention

UP, DOWN = 1.1, pytest.approx(1 / 1.1)


@pytest.mark.parametrize(
    "prompt, expected",
    [
        ("", []),
        ("mossy stone", [("mossy stone", 1.0)]),
        ("a (rusty:1.2) pipe", [("a ", 1.0), ("rusty", 1.2), (" pipe", 1.0)]),
        ("a (rusty) pipe", [("a ", 1.0), ("rusty", UP), (" pipe", 1.0)]),
        ("[rusty]", [("rusty", DOWN)]),
        ("((rusty))", [("rusty", pytest.approx(1.21))]),
        ("(old (rusty:1.5) pipe:0.5)", [("old ", 0.5), ("rusty", 0.75), (" pipe", 0.5)]),
        ("(rusty : .5 )", [("rusty ", 0.5)]),
        ("(rusty:+2.)", [("rusty", 2.0)]),
        ("(a)(b)", [("ab", UP)]),
        ("a (b:1.0) c", [("a b c", 1.0)]),
        ("[((a))]((b))", [("a", UP), ("b", pytest.approx(1.21))]),
        ("[(a)] b", [("a b", 1.0)]),
        ("a: b", [("a: b", 1.0)]),
        ("(a:b)", [("a:b", UP)]),
        ("[a:1.2]", [("a:1.2", DOWN)]),
    ],
)
def test_the_notation(prompt, expected):
    assert parse_attention(prompt) == expected


@pytest.mark.parametrize(
    "prompt, text",
    [
        (r"steel \(brushed\)", "steel (brushed)"),
        (r"\[a\]", "[a]"),
        (r"a \\ b", r"a \ b"),
        (r"a \b", r"a \b"),
        ("a \\", "a \\"),
        (r"a\:1.2)", r"a\:1.2)"),
    ],
)
def test_escapes_are_text(prompt, text):
    assert parse_attention(prompt) == [(text, 1.0)]


@pytest.mark.parametrize(
    "prompt", ["(", ")", "][", "a (b", "a) b", "[a", "a:1.2)", ":1.2)", "((", "(:", ":)"]
)
def test_brackets_without_a_partner_are_text(prompt):
    assert parse_attention(prompt) == [(prompt, 1.0)]


def test_brackets_that_cross_and_brackets_that_are_odd():
    assert parse_attention("([a)]") == [("[a", UP), ("]", 1.0)]
    assert parse_attention("((a)") == [("(", 1.0), ("a", UP)]
    assert parse_attention("(a:1.2.3)") == [("a:1.2.3", UP)]


@pytest.mark.parametrize(
    "prompt, weight",
    [
        ("(a:99)", MAX_WEIGHT),
        (f"(a:{'9' * 400})", MAX_WEIGHT),
        ("(a:-1)", 0.0),
        ("((a:0):9)", 0.0),
        ("(" * 200 + "a" + ")" * 200, MAX_WEIGHT),
        ("((((a:9):9):9):0)", 0.0),
    ],
)
def test_weights_stay_in_a_sane_range(prompt, weight):
    assert parse_attention(prompt) == [("a", weight)]


@pytest.mark.fault("F50")
def test_any_text_is_a_prompt():
    """Nothing raises, no weight is wild, and nothing but notation is taken out."""
    drawn = random.Random(5)
    alphabet = ["(", ")", "[", "]", "\\", ":", ":1.2)", "1", ".", " ", "ab", "ü", "{", "|", "-", ":9e9)"]
    for _ in range(3000):
        prompt = "".join(drawn.choices(alphabet, k=drawn.randrange(30)))
        runs = parse_attention(prompt)
        assert all(text and 0 <= weight <= MAX_WEIGHT for text, weight in runs), prompt
        letters = iter(prompt)
        assert all(letter in letters for text, _ in runs for letter in text), prompt
        if not set(prompt) & set("()[]\\"):
            assert runs == ([(prompt, 1.0)] if prompt else [])


@pytest.mark.fault("F50")
@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", ["(", ")", "[", "([", ":1", ": ", "1", "\\", "(a:1)", "((:", "[)"])
def test_long_prompts_take_no_time(unit):
    for prompt in (unit * 5000, f":{unit * 5000}", "(" * 5000 + unit * 5000, "([" * 2500 + ")]" * 2500):
        assert all(text for text, _ in parse_attention(prompt))
