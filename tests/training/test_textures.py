# SPDX-License-Identifier: GPL-3.0-or-later
"""The procedural data set: seamless by construction, reproducible, and described truthfully."""

import numpy as np
import pytest

from sd_blender.training.textures import MATERIALS, TextureSet, make_sample
from sd_blender.training.textures.captions import Description, redraw_caption, write_caption
from sd_blender.training.textures.colours import COLOURS
from sd_blender.training.textures.dataset import describe_sample
from sd_blender.training.textures.weathering import WEATHERING


def steepness(pixels: np.ndarray) -> float:
    """The mean step across the wrapped edge over that of the steepest line inside, the worse of both axes.

    A lattice may put a joint on the edge, but then it has joints as steep elsewhere.
    """
    p, worst = pixels.astype(np.float64), 0.0
    for axis in (0, 1):
        steps = np.abs(p - np.roll(p, 1, axis)).mean((1 - axis, 2))
        worst = max(worst, float(steps[0] / steps[1:].max()))
    return worst


@pytest.mark.parametrize("material", MATERIALS, ids=lambda m: m.name)
def test_every_material_is_seamless(material):
    described = Description(material.name, material.name)
    assert np.mean([steepness(make_sample(3, i, 128, described).pixels) for i in range(3)]) < 1.1


@pytest.mark.parametrize("state", WEATHERING)
def test_weathering_keeps_the_seam_closed(state):
    described = Description("concrete", "concrete", states=(state,))
    assert np.mean([steepness(make_sample(5, i, 128, described).pixels) for i in range(3)]) < 1.1


def test_steepness_sees_a_seam():
    pixels = make_sample(3, 0, 256, Description("concrete", "concrete")).pixels
    assert steepness(pixels[:100, :100]) > 1.2


def test_same_numbers_same_sample():
    first, second = TextureSet(4, 128)[17], TextureSet(4, 128)[17]
    assert first.caption == second.caption
    assert np.array_equal(first.pixels, second.pixels)
    assert not np.array_equal(first.pixels, TextureSet(5, 128)[17].pixels)


def test_description_without_painting_is_the_same():
    assert describe_sample(4, 17) == TextureSet(4)[17].description


def test_large_tiles_hold_more_not_bigger_features():
    described = Description("brick wall", "brick wall", "red")
    small, large = (make_sample(1, 0, size, described).pixels for size in (128, 256))
    assert large.shape == (256, 256, 3)
    steps = [np.abs(np.diff(p.astype(float), axis=0)).mean() for p in (small, large)]
    assert steps[1] == pytest.approx(steps[0], rel=0.3)


def test_the_set_covers_what_is_promised():
    descriptions = [describe_sample(1, i) for i in range(3000)]
    assert len({d.material for d in descriptions}) == len(MATERIALS) >= 24
    assert {d.colour for d in descriptions} == {*COLOURS, None}
    states = {s for d in descriptions for s in d.states}
    assert {"mossy", "rusty", "wet", "cracked", "polished"} <= states == set(WEATHERING)
    assert {d.size for d in descriptions} == {"large", "small", None}


def test_captions_say_what_is_shown():
    rng = np.random.default_rng(0)
    described = Description("brick wall", "bricks", "green", size="large", states=("mossy",))
    texts = [write_caption(described, rng).lower() for _ in range(100)]
    assert all("bricks" in t and "green" in t and "mossy" in t for t in texts)
    assert len(set(texts)) > 30
    nouns = next(m for m in MATERIALS if m.name == "brick wall").names
    redrawn = [redraw_caption(described, rng).lower() for _ in range(50)]
    assert all(any(n in text for n in nouns) for text in redrawn)
    assert len({n for n in nouns for text in redrawn if n in text}) == len(nouns)


def test_names_are_unambiguous():
    names = [n for m in MATERIALS for n in m.names]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("colour", COLOURS)
def test_named_colours_look_like_their_name(colour):
    described = Description("plaster", "plaster", colour)
    mean = np.mean([make_sample(2, i, 128, described).pixels.mean((0, 1)) for i in range(4)], axis=0) / 255
    assert np.abs(mean - np.asarray(COLOURS[colour])).max() < 0.22
