# SPDX-License-Identifier: GPL-3.0-or-later
"""Phrases as people type them, and the text encoder that learns them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from sd_blender.core.prompt_styles import bundled_styles
from sd_blender.training.language.phrases import (
    AFTER,
    BEFORE,
    GERMAN,
    NAMED,
    PLACE,
    STYLES,
    THING,
    all_entries,
    entries,
    is_held_out,
    meaning,
    plain,
    write_phrase,
)
from sd_blender.training.models import TINY, make_text_encoder
from sd_blender.training.schedule import Budget
from sd_blender.training.starting_point import StartingPoint
from sd_blender.training.textures import MATERIALS
from sd_blender.training.textures.colours import COLOURS
from sd_blender.training.textures.weathering import WEATHERING
from sd_blender.training.train_language import (
    LanguageOptions,
    asked_of,
    draw_phrase,
    draw_texts,
    language_loss,
    train_language,
)
from sd_blender.training.vocabulary import train_tokenizer
from tests.closeness import NETWORK, assert_near, is_near

KINDS = (NAMED, THING, PLACE, GERMAN)
OPTIONS = LanguageOptions(budget=Budget(steps=4), batch=8)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["red brick wall", "old oak planks"] * 10, size=560)


@pytest.fixture
def teacher(tokenizer):
    torch.manual_seed(3)
    return make_text_encoder(len(tokenizer), TINY).eval()


def test_every_material_has_names_and_things():
    named, things = (Counter(e.means.material for e in entries(kind, False)) for kind in (NAMED, THING))
    assert all(named[m.name] >= 7 and things[m.name] >= 10 for m in MATERIALS)
    assert len(all_entries()) > 5000


def test_no_text_means_two_things():
    assert len({entry.text.lower() for entry in all_entries()}) == len(all_entries())
    assert not [e.text for e in all_entries() if not e.text.strip() or e.text != " ".join(e.text.split())]


@pytest.mark.parametrize("words", ["brick", "brick wall; oak", "lava; wet"])
def test_a_table_that_says_what_cannot_be_is_refused(words):
    with pytest.raises(ValueError, match=r"no material|says nothing of"):
        meaning(words)


@pytest.mark.parametrize("kind", [NAMED, THING, PLACE])
def test_a_tenth_is_held_out_and_never_drawn(kind):
    several = [e for e in all_entries() if e.kind == kind and " " in e.text]
    assert 0.07 < np.mean([is_held_out(e) for e in several]) < 0.13
    held_out = {e.text.lower() for e in entries(kind, True)}
    assert held_out and not held_out & {e.text.lower() for e in entries(kind, False)}
    rng = np.random.default_rng(0)
    drawn = {
        draw_phrase(rng, lambda text: False).text.lower() for _ in range(300)
    }  # what fits least: the entry alone
    assert len(drawn) > 200 and not drawn & {e.text.lower() for e in all_entries() if is_held_out(e)}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_around_an_entry_is_in_what_it_means(kind):
    rng, seen = np.random.default_rng(1), Counter()
    for _ in range(400):
        entry = entries(kind, False)[int(rng.integers(len(entries(kind, False))))]
        phrase = write_phrase(entry, rng)
        assert entry.text.lower() in phrase.text.lower()
        assert phrase.means.material == entry.means.material and not phrase.text.startswith(" ")
        added = set(phrase.means.states) - set(entry.means.states)
        assert len(added) <= 2 and added <= set(WEATHERING)
        if kind != GERMAN:
            words = {s: (*BEFORE[s], *AFTER[s], "overgrown", "wet", "weathered") for s in added}
            assert all(any(w in phrase.text.lower() for w in words[s]) for s in added)
        assert phrase.means.colour is None or phrase.means.colour in COLOURS
        seen.update(state=bool(added), colour=phrase.means.colour != entry.means.colour)
        seen.update(alone=phrase.text == entry.text)
    assert min(seen.values()) > 8, seen
    assert write_phrase(entry, rng, much=0.0).means == entry.means


def test_every_bundled_style_that_is_used_is_there():
    names = {style.name for style in bundled_styles()}
    assert set(STYLES) <= names and all(state is None or state in WEATHERING for state in STYLES.values())


def test_the_plain_caption_says_all_of_it():
    assert plain(meaning("brick wall; white; worn; small; dark")) == "small worn dark white brick wall"


def test_what_is_asked_for_is_what_the_caption_gives_from_its_end_on(teacher, tokenizer):
    texts, captions = ["", "old oak planks", "a"], ["", "red", "red brick wall"]
    asked = asked_of(teacher, tokenizer, texts, captions, 16, before=0.1)
    rows = [tokenizer(t, padding="max_length", max_length=16, return_tensors="pt") for t in captions]
    states = [teacher(row.input_ids).last_hidden_state[0] for row in rows]
    short, long = (int(row.attention_mask.sum()) - 1 for row in rows[1:])
    own = int(tokenizer("old oak planks", return_tensors="pt").attention_mask.sum()) - 1
    assert short < own and long > 2
    assert_near(asked.states[0], states[0], NETWORK)
    assert_near(asked.states[1, own:], states[1][own:], NETWORK)
    # The text ends before its caption does: what the caption has not said yet is not asked for.
    assert_near(asked.states[2, 2:long], states[2][long].expand(long - 2, -1), NETWORK)
    assert_near(asked.states[2, long:], states[2][long:], NETWORK)
    assert asked.weights[0].eq(1).all() and asked.weights[1, 1:own].eq(0.1).all()
    assert asked.weights[1, own:].eq(1).all() and asked.weights[:, 0].eq(1).all()


def test_a_teacher_has_nothing_to_learn_of_captions_and_much_of_phrases(teacher, tokenizer):
    captions = ["", "red brick wall", "old oak planks"]
    same = language_loss(teacher, asked_of(teacher, tokenizer, captions, captions, 16, 0.1))
    other = language_loss(teacher, asked_of(teacher, tokenizer, captions[::-1], captions, 16, 0.1))
    assert float(same.detach()) < 1e-8 < 0.01 < float(other.detach())


def test_captions_mean_themselves_and_the_empty_text_is_always_there(tokenizer):
    texts, captions = draw_texts(tokenizer, OPTIONS, 24, np.random.default_rng(2))
    assert len(texts) == len(captions) == OPTIONS.batch and texts[0] == captions[0] == ""
    assert texts[1] == captions[1] and texts[2:] != captions[2:]


def test_it_learns_what_a_phrase_means_and_keeps_the_captions(teacher, tokenizer, tmp_path):
    options = LanguageOptions(budget=Budget(steps=60), batch=12, rate=3e-3, ema=0.9)
    student = train_language(teacher, tokenizer, tmp_path, options)
    texts, captions = draw_texts(tokenizer, replace(options, batch=64), 40, np.random.default_rng(9))

    def loss(encoder, first, end):
        asked = asked_of(teacher, tokenizer, texts[first:end], captions[first:end], 40, options.before)
        return float(language_loss(encoder, asked).detach())

    assert loss(student, 16, 64) < 0.8 * loss(teacher, 16, 64), "phrases"
    assert loss(student, 0, 16) < 0.85 * loss(student, 16, 64), "captions are what they were, or nearly"
    assert not is_near(next(student.parameters()), next(teacher.parameters()), NETWORK)
    assert not any(p.requires_grad for p in student.parameters())


def test_interrupted_training_ends_with_the_same_weights(teacher, tokenizer, tmp_path):
    unbroken = train_language(teacher, tokenizer, tmp_path / "a", OPTIONS)
    train_language(teacher, tokenizer, tmp_path / "b", OPTIONS, stop_at=2)
    resumed = train_language(teacher, tokenizer, tmp_path / "b", OPTIONS)
    assert all(torch.equal(a, b) for a, b in zip(unbroken.parameters(), resumed.parameters(), strict=True))


def test_a_model_gets_new_words_and_keeps_the_rest(tiny, teacher, tmp_path):
    StartingPoint(tiny).copy_with_words(teacher, tmp_path / "model")
    changed = [
        path.relative_to(tiny)
        for path in tiny.rglob("*.safetensors")
        if path.read_bytes() != (tmp_path / "model" / path.relative_to(tiny)).read_bytes()
    ]
    assert [str(path.parent) for path in changed] == ["text_encoder"]
    stored = StartingPoint(tmp_path / "model").text_encoder.state_dict()
    assert all(
        torch.equal(value.half().float(), stored[name]) for name, value in teacher.state_dict().items()
    )
    assert "text_encoder/model.safetensors" in json.loads((tmp_path / "model" / "checksums.json").read_text())
