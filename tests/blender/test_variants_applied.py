# SPDX-License-Identifier: GPL-3.0-or-later
"""A variant that is applied is one undo step, by hand and by script."""

from __future__ import annotations

import json

import bpy
import pytest

from sd_blender.blender import lifecycle, preferences
from sd_blender.blender.history import history
from sd_blender.blender.variants import properties as variants_properties
from tests.blender.conftest import (
    base_color_image,
    change,
    generate,
)
from tests.blender.variants_scene import (
    arrive,
    every_place,
    look,
    offered,
    seed_of,
    seed_on,
    shown,
)

pytestmark = pytest.mark.every_version


@every_place
def test_apply_gives_what_a_single_result_gives(plane, settings, place):
    place(plane)
    arrive()
    bpy.ops.sdb.preview_variant(index=1)
    bpy.ops.sdb.apply_variant()
    assert not len(offered()) and not variants_properties.previewed()
    applied = comparable(look())
    bpy.ops.wm.read_homefile(use_empty=True)
    plane = again()
    change(bpy.context.scene.sd_blender, prompt="mossy stone", width=48, height=32, steps=2, lock_seed=True)
    bpy.context.scene.sd_blender.seed = 7
    place(plane)
    generate(count=1, seed=8)
    assert comparable(look()) == applied


def again():
    """The plane of the fixture, in another file."""
    mesh = bpy.data.meshes.new("Plane")
    mesh.from_pydata([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], [], [(0, 1, 2, 3)])
    mesh.uv_layers.new(name="UVMap")
    thing = bpy.data.objects.new("Plane", mesh)
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    return thing


def comparable(looks):
    """Without the images themselves, which are more of a batch; in their place the seed that made each."""
    seeds = {image.name: seed_of(image) for image in bpy.data.images if "sd_blender" in image}
    images = {
        name: (values["use_fake_user"], space) for name, (values, space, _) in looks.pop("images").items()
    }
    text = json.dumps(looks, sort_keys=True, default=str)
    for name in sorted(seeds, key=len, reverse=True):
        text = text.replace(f'"image": "{name}"', f'"image": "seed {seeds[name]}"')
    kept = sorted((str(seeds.get(name, name)), fake) for name, (fake, _) in images.items())
    return text, [entry for entry in kept if entry[0] not in ("7", "9")]


def test_apply_is_one_undo_step_and_undo_offers_the_choice_again(plane, settings, painted):
    bpy.ops.ed.undo_push(message="Before")
    arrive()
    bpy.ops.sdb.preview_variant(index=2)
    bpy.ops.sdb.apply_variant()
    assert seed_on(bpy.data.objects["Plane"]) == 9
    bpy.ops.ed.undo()
    assert base_color_image(bpy.data.materials["Painted"]).name == "Painted"
    assert [item.seed for item in offered()] == ["7", "8", "9"] and shown() is None
    bpy.ops.ed.redo()
    assert seed_on(bpy.data.objects["Plane"]) == 9
    assert not len(offered())
    bpy.ops.ed.undo()
    bpy.ops.sdb.apply_variant(index=0)
    assert seed_on(bpy.data.objects["Plane"]) == 7
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    assert not len(offered()) and "mossy stone" not in bpy.data.images


def test_the_image_that_was_replaced_is_kept(plane, settings):
    generate(seed=99)
    old = base_color_image(plane.active_material)
    arrive()
    assert not old.use_fake_user
    bpy.ops.sdb.apply_variant(index=1)
    assert old.use_fake_user and seed_of(old) == 99
    image = base_color_image(plane.active_material)
    assert image.users == 1 and not image.use_fake_user


def test_unused_variants_stay_in_the_history_until_it_is_over_its_limit(plane, settings, monkeypatch):
    import dataclasses

    arrive(count=4)
    bpy.ops.sdb.apply_variant(index=1)
    entries = bpy.context.scene.sd_blender_history.entries
    assert [entry.seed for entry in entries] == ["7", "8", "9", "10"]
    assert seed_on(plane) == 8
    assert sum("sd_blender" in image for image in bpy.data.images) == 4
    read = preferences.read
    monkeypatch.setattr(history, "MEGABYTE", 1)
    monkeypatch.setattr(history.preferences, "read", lambda: dataclasses.replace(read(), history_limit=1))
    generate(count=1, seed=50, destination="IMAGE")
    assert [entry.seed for entry in entries] == ["50"]
    assert sorted(seed_of(image) for image in bpy.data.images) == [8, 50]  # what was used is no spare copy


def test_apply_closes_the_choice_for_its_object_alone(plane, settings):
    arrive(count=2)
    other = plane.copy()
    other.data = plane.data.copy()
    bpy.context.scene.collection.objects.link(other)
    bpy.ops.sdb.show_original()
    bpy.context.view_layer.objects.active = other
    arrive(count=2, seed=20)
    assert seed_on(other) == 20
    bpy.ops.sdb.apply_variant(index=3)
    assert [item.seed for item in offered()] == ["7", "8"]
    assert seed_on(other) == 21 and plane.active_material is None


def test_a_script_gets_the_first_for_good_and_can_choose_another(plane, settings):
    generate(count=3)
    assert seed_on(plane) == 7
    assert not variants_properties.previewed() and shown() is None
    assert [item.seed for item in offered()] == ["7", "8", "9"]
    bpy.ops.sdb.preview_variant(index=2)
    assert seed_on(plane) == 9
    bpy.ops.sdb.cancel_variants()
    assert seed_on(plane) == 7


def test_a_script_re_rolls_and_applies(plane, settings, engine):
    generate(count=2)
    assert bpy.ops.sdb.reroll_variants(wait=True) == {"FINISHED"}
    assert len(offered()) == 4
    assert seed_on(plane) == engine.requests[1].sampling.seed == int(offered()[2].seed)
    bpy.ops.sdb.apply_variant(index=3)
    assert seed_on(plane) == engine.requests[1].sampling.seed + 1


def test_a_number_that_is_not_there(plane, settings):
    arrive(count=2)
    with pytest.raises(RuntimeError, match="There are 2 variants; choose one of them"):
        bpy.ops.sdb.preview_variant(index=2)
    bpy.ops.sdb.show_original()
    for operator in (bpy.ops.sdb.apply_variant, bpy.ops.sdb.more_like_variant, bpy.ops.sdb.lock_variant_seed):
        with pytest.raises(RuntimeError, match="No variant is chosen; click one first"):
            operator()


def test_without_variants_the_buttons_say_why(settings):
    for name in (
        "preview_variant",
        "apply_variant",
        "cancel_variants",
        "reroll_variants",
        "copy_variant_seed",
    ):
        operator = getattr(bpy.ops.sdb, name)
        assert not operator.poll()
        with pytest.raises(RuntimeError, match="There are no variants; set Count above 1 and generate"):
            operator()


def test_nothing_is_changed_while_blender_renders(plane, settings):
    arrive()
    lifecycle.HANDLERS["render_init"]()
    try:
        with pytest.raises(RuntimeError, match="Blender is rendering; wait until it is done"):
            bpy.ops.sdb.preview_variant(index=1)
    finally:
        lifecycle.HANDLERS["render_complete"]()
