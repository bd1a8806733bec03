# SPDX-License-Identifier: GPL-3.0-or-later
"""More of the variants: re-rolled, more like one of them, and their seeds."""

from __future__ import annotations

import json

import bpy
import numpy as np
import pytest

from sd_blender.blender import preferences, seeds
from sd_blender.blender.properties import status
from sd_blender.blender.variants import requests as variant_requests
from sd_blender.core.request import ImageToImage, Inpaint
from tests.blender.conftest import (
    base_color_image,
    change,
    generate,
    new_image,
    pixels_of,
)
from tests.blender.variants_scene import (
    GREEN,
    MORE_LIKE,
    REROLL,
    arrive,
    more,
    offered,
    reopen,
    seed_on,
    shown,
)
from tests.fakes import picture


def test_re_roll_has_the_same_settings_and_other_seeds(plane, settings, engine):
    arrive(count=2, tiling="X", negative_prompt="blurry")
    change(settings, prompt="something else", tiling="OFF", steps=9, count=1, lock_seed=True)
    more(REROLL)
    first, second = engine.requests
    assert second.sampling.seed != first.sampling.seed
    assert (second.prompt, second.negative_prompt, second.tiling) == ("mossy stone", "blurry", first.tiling)
    assert (second.sampling.steps, second.sampling.count) == (2, 2)
    assert (settings.seed, settings.lock_seed) == (7, True)
    assert [item.seed for item in offered()][:2] == ["7", "8"] and len(offered()) == 4
    assert shown() == 0 and seed_on(plane) == 7  # what the artist looks at stays


def test_more_like_this_starts_from_the_variant(plane, settings, engine):
    arrive(count=2, width=48, height=32)
    bpy.ops.sdb.preview_variant(index=1)
    more(MORE_LIKE)
    request = engine.requests[-1]
    assert isinstance(request, ImageToImage) and not isinstance(request, Inpaint)
    np.testing.assert_array_equal(request.image, picture(8, 48, 32))
    assert request.strength == variant_requests.MORE_LIKE_THIS == 0.5
    assert (request.prompt, request.sampling.width, request.sampling.height) == ("mossy stone", 48, 32)
    assert request.sampling.count == 2 and request.sampling.seed not in (7, 8)
    assert "at strength 0.5" in bpy.ops.sdb.more_like_variant.get_rna_type().description
    bpy.ops.sdb.apply_variant(index=3)
    assert seed_on(plane) == request.sampling.seed + 1


def test_more_like_this_uses_the_words_that_were_drawn(plane, settings, engine, monkeypatch):
    import dataclasses

    make = type(engine)._image
    drawn = lambda request, index: dataclasses.replace(make(engine, request, index), prompt=f"stone {index}")  # noqa: E731
    monkeypatch.setattr(engine, "_image", drawn)
    arrive(count=2, prompt="{stone 0|stone 1}")
    bpy.ops.sdb.preview_variant(index=1)
    more(MORE_LIKE)
    assert engine.requests[-1].prompt == "stone 1"
    more(REROLL)
    assert engine.requests[-1].prompt == "{stone 0|stone 1}"


@pytest.mark.parametrize("is_reopened", [False, True])
def test_more_like_an_inpainted_one_is_inpainted_again(plane, settings, engine, scene_file, is_reopened):
    source = new_image("Source", GREEN)
    mask = np.zeros((32, 48, 3), np.uint8)
    mask[8:24, 8:24] = 255
    mask = new_image("Mask", mask)
    arrive(count=2, task="INPAINT", source="IMAGE", source_image=source, mask_image=mask, feather=0)
    if is_reopened:
        for image in (source, mask):
            image.pack()
        reopen(scene_file)
    bpy.ops.sdb.preview_variant(index=1)
    variant = pixels_of(base_color_image(bpy.data.objects["Plane"].active_material))[..., :3]
    more(MORE_LIKE)
    first, request = engine.requests[0], engine.requests[-1]
    assert isinstance(request, Inpaint) and request.strength == 0.5
    np.testing.assert_array_equal(request.image[..., :3], variant)
    np.testing.assert_array_equal(request.mask, first.mask)
    more(REROLL)
    again = engine.requests[-1]
    assert isinstance(again, Inpaint) and again.strength == first.strength
    np.testing.assert_array_equal(again.image, first.image)


def test_more_of_them_after_the_file_was_opened_again(plane, settings, engine, scene_file, monkeypatch):
    arrive(count=2, tiling="Y")
    reopen(scene_file)
    plane = bpy.data.objects["Plane"]
    assert [item.seed for item in offered()] == ["7", "8"] and shown() is None
    bpy.ops.sdb.preview_variant(index=1)
    assert seed_on(plane) == 8
    more(REROLL)
    assert engine.requests[-1].tiling == engine.requests[0].tiling
    more(MORE_LIKE)
    np.testing.assert_array_equal(engine.requests[-1].image, picture(8, 48, 32))
    bpy.ops.sdb.apply_variant()
    assert seed_on(plane) == 8


def test_a_source_that_is_gone_says_so(plane, settings, scene_file):
    arrive(count=2, task="IMAGE_TO_IMAGE", source="IMAGE", source_image=new_image("Source", GREEN))
    bpy.data.images.remove(bpy.data.images["Source"])
    variant_requests._newest = None
    sentence = "The source of this variant is no longer in the file as it was; use Generate instead"
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.sdb.reroll_variants("INVOKE_DEFAULT")
    assert status.error.startswith(sentence)


def test_a_strangers_file_names_no_model_on_the_network(plane, settings):
    arrive(count=2)
    variant_requests._newest = None
    story = json.loads(offered()[0].settings) | {"model": "//evil/share", "wildcards": "/etc"}
    offered()[0].settings = json.dumps(story)
    with pytest.raises(RuntimeError, match="The model of this variant is on the network"):
        bpy.ops.sdb.reroll_variants("INVOKE_DEFAULT")
    story["model"] = "starter"
    offered()[0].settings = json.dumps(story)
    assert variant_requests.reroll(offered()[0]).wildcards == preferences.read().wildcards_folder


def test_seeds_are_locked_and_copied(plane, settings):
    arrive(count=3, lock_seed=False)
    bpy.ops.sdb.preview_variant(index=2)
    wanted = int(offered()[2].seed)
    bpy.ops.sdb.lock_variant_seed()
    assert (settings.seed, settings.lock_seed) == (wanted, True)
    bpy.ops.sdb.copy_variant_seed(index=1)
    if not bpy.app.background:
        assert bpy.context.window_manager.clipboard == offered()[1].seed
    offered()[2].seed = str(2**64 - 1)
    bpy.ops.sdb.lock_variant_seed()
    assert seeds.read(settings) == 2**64 - 1
    offered()[2].seed = "seven"
    with pytest.raises(RuntimeError, match="settings of this variant are damaged"):
        bpy.ops.sdb.lock_variant_seed()


def test_the_seed_of_a_variant_makes_it_again(plane, settings, engine):
    arrive(count=3, lock_seed=False)
    bpy.ops.sdb.lock_variant_seed(index=2)
    bpy.ops.sdb.cancel_variants()
    generate(count=1)
    assert engine.requests[-1].sampling.seed == engine.requests[0].sampling.seed + 2
