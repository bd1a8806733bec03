# SPDX-License-Identifier: GPL-3.0-or-later
"""The judges of the starter model: right where the answer is known."""

import numpy as np
import pytest
import torch

from sd_blender.training.evaluation.classifier import NAMES, Classifier, classify
from sd_blender.training.evaluation.colour_names import name_colour, to_oklab
from sd_blender.training.evaluation.comparison import ASKED_FIRST, COLUMNS, beside_originals
from sd_blender.training.evaluation.frechet import originals
from sd_blender.training.evaluation.measures import make_prompts, seam_error
from sd_blender.training.evaluation.report import draw_confusion
from sd_blender.training.textures import make_sample
from sd_blender.training.textures.captions import Description
from sd_blender.training.textures.colours import COLOURS


def test_oklab_of_known_colours():
    pixels = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0]]], np.uint8)
    expected = [[1, 0, 0], [0, 0, 0], [0.628, 0.225, 0.126]]
    assert np.allclose(to_oklab(pixels)[0], expected, atol=2e-3)


@pytest.mark.parametrize("colour", COLOURS)
def test_colour_rules_on_textures_of_known_colour(colour):
    materials = NAMES[::6]
    made = [make_sample(8, i, 128, Description(n, n, colour)).pixels for i, n in enumerate(materials)]
    assert np.mean([name_colour(p) == colour for p in made]) >= 0.8


def test_prompts_cover_all_materials_and_colours():
    prompts = make_prompts(244)
    assert {p.material for p in prompts} == set(range(len(NAMES)))
    assert {p.colour for p in prompts} == set(COLOURS)
    assert len({p.text for p in prompts}) == 244


def test_seam_error():
    x, y = np.meshgrid(np.arange(32), np.arange(32))
    wave = 127 + 100 * np.sin(2 * np.pi * (x + y) / 16)
    periodic = np.repeat(wave[None, :, :, None], 3, axis=3).astype(np.uint8)
    ramp = np.repeat((x * 8)[None, :, :, None], 3, axis=3).astype(np.uint8)
    assert seam_error(periodic) == pytest.approx(1, abs=0.15)
    assert seam_error(ramp) > 20


@torch.no_grad()
def test_classifier_answers_with_names():
    seen = classify(Classifier().eval(), np.zeros((3, 128, 128, 3), np.uint8))
    assert seen.shape == (3,) and set(seen) <= set(range(len(NAMES)))


def test_confusion_is_drawn(tmp_path):
    draw_confusion(tmp_path / "confusion.png", np.eye(len(NAMES), dtype=int))
    assert (tmp_path / "confusion.png").stat().st_size > 1000


def test_each_generated_picture_stands_below_the_texture_of_its_words():
    prompts = make_prompts(2 * len(NAMES))
    pictures = np.stack([np.full((128, 128, 3), i, np.uint8) for i in range(len(prompts))])
    rows = beside_originals(pictures, prompts, 5)
    assert len(rows) == 2 * len(ASKED_FIRST)
    places = [NAMES.index(name) for name in ASKED_FIRST[:COLUMNS]]
    assert np.array_equal(rows[:COLUMNS], originals([prompts[i] for i in places], 5))
    # The first prompts are one for each material.
    assert [int(picture[0, 0, 0]) for picture in rows[COLUMNS : 2 * COLUMNS]] == places
