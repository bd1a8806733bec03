# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing between variants: what is only looked at leaves no trace, what is applied is one undo step."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

import sd_blender
from sd_blender.blender import (
    history,
    lifecycle,
    preferences,
    stored_targets,
    variant_requests,
    variants,
    variants_operators,
    variants_panel,
    variants_properties,
    writeback,
)
from sd_blender.blender.properties import status
from sd_blender.core.request import ImageToImage, Inpaint
from tests.blender.conftest import (
    base_color_image,
    change,
    drain_until,
    finish,
    generate,
    new_image,
    pixels_of,
    running,
    submit,
    textured,
)
from tests.fakes import picture

REROLL = variants_operators.SDB_OT_reroll_variants
MORE_LIKE = variants_operators.SDB_OT_more_like_variant
GREEN = np.full((32, 48, 3), (20, 200, 40), np.uint8)


def offered():
    return bpy.context.scene.sd_blender_variants


def shown():
    """The number of the variant on trial, or None."""
    item = variants_properties.shown_in(bpy.context.scene)
    return None if item is None else [one.key for one in offered()].index(item.key)


def arrive(count=3, seed=7, **values):
    """Generate as the panel's button does, and wait for the variants."""
    wait_for(submit(count=count, seed=seed, **values))


def more(operator, index=-1):
    """Click a button that makes more variants; in background mode bpy.ops itself would apply the first."""
    button = SimpleNamespace(index=index)
    button.item, button.request = (
        (lambda c: operator.item(button, c)),
        (lambda i: operator.request(button, i)),
    )
    wait_for(operator.submit(button, bpy.context))


def wait_for(ticket):
    ticket.on_trial = True
    drain_until(lambda: not ticket.is_open)
    assert not ticket.error


def seed_of(image):
    return json.loads(image["sd_blender"])["result"]["seed"]


def seed_on(thing):
    return seed_of(base_color_image(thing.active_material))


def values_of(struct):
    """What a struct holds, apart from what it points at."""
    skipped = {
        "name_full",
        "session_uid",
        "users",
        "id_type",
        "is_updated",
        "is_updated_data",
        "is_evaluated",
    }
    if bpy.app.version >= (5, 0):
        skipped.add("use_nodes")  # to ask is an error of these tests
    found = {}
    for prop in struct.bl_rna.properties:
        if prop.identifier.startswith("sd_blender"):  # what goes with the add-on
            continue
        if prop.type not in ("POINTER", "COLLECTION") and prop.identifier not in skipped:
            value = getattr(struct, prop.identifier)
            found[prop.identifier] = tuple(value) if getattr(prop, "is_array", False) else value
    return found


def look_of_tree(tree):
    if tree is None:
        return None
    nodes = {}
    for node in tree.nodes:
        nodes[node.name] = values_of(node)
        nodes[node.name]["inputs"] = [
            (socket.identifier, list(value) if hasattr(value, "__len__") else value)
            for socket in node.inputs
            if (value := getattr(socket, "default_value", None)) is not None
        ]
        nodes[node.name]["image"] = getattr(getattr(node, "image", None), "name", None)
    links = {
        (k.from_node.name, k.from_socket.identifier, k.to_node.name, k.to_socket.identifier, k.is_muted)
        for k in tree.links
    }
    return nodes, links, tree.nodes.active.name if tree.nodes.active else None


def look(images=None):
    """Everything that a preview could change, as comparable values; of the images those named, or all."""
    data = bpy.data
    return {
        "materials": {m.name: (values_of(m), look_of_tree(m.node_tree)) for m in data.materials},
        "groups": {tree.name: look_of_tree(tree) for tree in data.node_groups},
        "worlds": {world.name: look_of_tree(world.node_tree) for world in data.worlds},
        "objects": {
            thing.name: (
                [(slot.link, slot.material and slot.material.name) for slot in thing.material_slots],
                [material and material.name for material in thing.data.materials],
                thing.active_material_index,
            )
            for thing in data.objects
        },
        "images": {
            image.name: (values_of(image), image.colorspace_settings.name, pixels_of(image).tobytes())
            for image in data.images
            if images is None or image.name in images
        },
    }


def no_material(plane):
    pass


def an_empty_slot(plane):
    plane.data.materials.append(bpy.data.materials.new("First"))
    plane.data.materials.append(None)
    plane.active_material_index = 1


def a_shared_mesh(plane):
    twin = bpy.data.objects.new("Twin", plane.data)
    bpy.context.scene.collection.objects.link(twin)


def a_shared_mesh_with_an_empty_slot(plane):
    a_shared_mesh(plane)
    plane.data.materials.append(None)


def a_material(plane):
    material = bpy.data.materials.new("Plain")
    if material.node_tree is None:
        material.use_nodes = True
    plane.data.materials.append(material)
    return material


def a_material_without_nodes(plane):
    material = a_material(plane)
    if bpy.app.version < (5, 0):
        material.use_nodes = False


def a_painted_texture(plane):
    """With strokes that are not saved yet, and a mapping."""
    painted = new_image("Painted", GREEN)
    painted.pack()
    painted.pixels[0:4] = (1.0, 0.0, 0.0, 1.0)
    assert painted.is_dirty
    material, node = textured(plane, painted)
    mapping = material.node_tree.nodes.new("ShaderNodeMapping")
    material.node_tree.links.new(mapping.outputs["Vector"], node.inputs["Vector"])
    return material, node


def a_muted_link(plane):
    material, _ = a_painted_texture(plane)
    next(link for link in material.node_tree.links if link.to_socket.name == "Base Color").is_muted = True


def an_earlier_result(plane):
    generate(seed=99)


def an_earlier_result_that_others_use(plane):
    generate(seed=99)
    base_color_image(plane.active_material).use_fake_user = True


def a_tree_without_nodes(plane):
    a_material(plane).node_tree.nodes.clear()


def a_tree_without_a_surface(plane):
    tree = a_material(plane).node_tree
    tree.nodes.clear()
    output, volume = tree.nodes.new("ShaderNodeOutputMaterial"), tree.nodes.new("ShaderNodeVolumePrincipled")
    tree.links.new(volume.outputs[0], output.inputs["Volume"])
    for node in tree.nodes:
        node.select = node == volume
    tree.nodes.active = volume


def a_chosen_node(plane):
    """Of a material, for data such as roughness."""
    material, _ = a_painted_texture(plane)
    rough = new_image("Rough", GREEN, is_data=True)
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = rough
    material.node_tree.nodes.active = node
    bpy.context.scene.sd_blender.destination = "NODE"


PLACES = [
    no_material,
    an_empty_slot,
    a_shared_mesh,
    a_shared_mesh_with_an_empty_slot,
    a_material,
    a_material_without_nodes,
    a_painted_texture,
    a_muted_link,
    an_earlier_result,
    an_earlier_result_that_others_use,
    a_tree_without_nodes,
    a_tree_without_a_surface,
    a_chosen_node,
]
every_place = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)


@pytest.fixture
def painted(plane):
    return a_painted_texture(plane)


@pytest.fixture
def scene_file(tmp_path):
    return str(tmp_path / "scene.blend")


# --- to look ---------------------------------------------------------------------------------------------------


@every_place
def test_cancel_restores_exactly_what_was_there(plane, settings, place):
    place(plane)
    before = look()
    arrive(count=3)
    assert shown() == 0
    for index in (2, 1):
        assert bpy.ops.sdb.preview_variant(index=index) == {"FINISHED"}
        assert shown() == index
    after = look(before["images"])
    if place is not a_tree_without_a_surface:
        assert json.dumps(after, default=str) != json.dumps(before, default=str)  # something was there to see
    assert bpy.ops.sdb.cancel_variants() == {"FINISHED"}
    forget_default_tree(before, place)
    assert look(before["images"]) == before
    assert not len(offered()) and shown() is None
    assert not variants_properties.previewed()


def forget_default_tree(before, place):
    """Up to 4.5 a tree that was made cannot be unmade; it is the default one, and the material does not use it."""
    if place is a_material_without_nodes and bpy.app.version < (5, 0):
        assert not bpy.data.materials["Plain"].use_nodes


@every_place
def test_the_original_can_be_seen_in_between(plane, settings, place):
    place(plane)
    before = look()
    arrive()
    bpy.ops.sdb.show_original()
    assert look(before["images"]) == before
    assert shown() is None and len(offered()) == 3
    bpy.ops.sdb.preview_variant(index=1)
    assert shown() == 1


def test_the_first_variant_is_on_the_object_at_once(plane, settings):
    arrive(count=3)
    assert seed_on(plane) == 7
    bpy.ops.sdb.preview_variant(index=2)
    assert seed_on(plane) == 9
    assert [entry.seed for entry in offered()] == ["7", "8", "9"]


def test_one_picture_goes_straight_to_the_material(plane, settings):
    arrive(count=1)
    assert seed_on(plane) == 7
    assert not len(offered()) and not variants_properties.previewed()


def test_all_are_in_the_history_and_in_the_file_from_the_beginning(plane, settings):
    arrive(count=3)
    entries = bpy.context.scene.sd_blender_history.entries
    assert [entry.seed for entry in entries] == ["7", "8", "9"]
    assert all(history.find_image(entry).use_fake_user for entry in entries)


def test_what_is_changed_meanwhile_stays(plane, settings, painted):
    material, node = painted
    arrive()
    tree = material.node_tree
    shader = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.123
    node.location = (12, 34)
    material.name = "Renamed"
    plane.name = "Moved"
    plane.location.x = 3
    base_color_texture(material).name = "Renamed too"
    bpy.ops.sdb.cancel_variants()
    assert shader.inputs["Roughness"].default_value == pytest.approx(0.123)
    assert tuple(node.location) == (12, 34)
    assert base_color_image(material).name == "Painted"


def base_color_texture(material):
    shader = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    return shader.inputs["Base Color"].links[0].from_node


def test_a_preview_node_that_was_renamed_goes_too(plane, settings):
    generate(seed=99)
    arrive()
    base_color_texture(plane.active_material).name = "Renamed"
    bpy.ops.sdb.cancel_variants()
    assert seed_on(plane) == 99


def test_another_image_that_was_chosen_meanwhile_stays(plane, settings):
    generate(seed=99)
    arrive()
    theirs = new_image("Theirs", GREEN)
    base_color_texture(plane.active_material).image = theirs
    bpy.ops.sdb.cancel_variants()
    assert base_color_image(plane.active_material) == theirs


def test_another_link_that_was_made_meanwhile_stays(plane, settings, painted):
    material, _ = painted
    arrive()
    tree = material.node_tree
    noise = tree.nodes.new("ShaderNodeTexNoise")
    shader = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
    tree.links.new(noise.outputs["Color"], shader.inputs["Base Color"])
    bpy.ops.sdb.cancel_variants()
    assert shader.inputs["Base Color"].links[0].from_node == noise


def test_a_shader_of_the_preview_that_was_built_upon_stays(plane, settings):
    a_tree_without_nodes(plane)
    arrive()
    tree = plane.active_material.node_tree
    bump = tree.nodes.new("ShaderNodeBump")
    shader = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    bpy.ops.sdb.cancel_variants()
    assert {node.type for node in tree.nodes} == {"BUMP", "BSDF_PRINCIPLED", "OUTPUT_MATERIAL"}


def test_slots_that_faces_name_and_nobody_has_stay_named(plane, settings):
    plane.data.polygons[0].material_index = 3
    arrive()
    bpy.ops.sdb.cancel_variants()
    assert not plane.material_slots and plane.data.polygons[0].material_index == 3


def test_another_material_in_the_slot_stays(plane, settings):
    arrive()
    theirs = bpy.data.materials.new("Theirs")
    plane.material_slots[0].material = theirs
    bpy.ops.sdb.cancel_variants()
    assert plane.active_material == theirs
    assert list(bpy.data.materials) == [theirs]


def test_changes_to_a_material_of_the_preview_are_there_with_the_next_variant(plane, settings):
    arrive()
    plane.active_material.roughness = 0.25
    bpy.ops.sdb.preview_variant(index=1)
    assert plane.active_material.roughness == 0.25
    bpy.ops.sdb.apply_variant()
    assert plane.active_material.roughness == 0.25
    assert seed_on(plane) == 8


def test_the_object_is_deleted_during_the_preview(plane, settings, painted):
    arrive()
    bpy.data.objects.remove(plane)
    with pytest.raises(RuntimeError, match='Object "Plane" is gone'):
        bpy.ops.sdb.preview_variant(index=1)
    with pytest.raises(RuntimeError, match='Object "Plane" is gone'):
        bpy.ops.sdb.apply_variant()
    bpy.ops.sdb.cancel_variants()
    assert base_color_image(bpy.data.materials["Painted"]).name == "Painted"


def test_the_material_of_the_preview_goes_when_its_object_is_gone(plane, settings):
    arrive()
    bpy.data.objects.remove(plane)
    bpy.ops.sdb.cancel_variants()
    assert not bpy.data.materials


def test_an_object_in_edit_mode_says_so_and_the_variants_wait(plane, settings, held):
    ticket = submit(count=2)
    ticket.on_trial = True
    drain_until(running(held))
    bpy.ops.object.mode_set(mode="EDIT")
    finish(held, ticket)
    assert status.note == (
        '"Plane" is in Edit Mode; leave it with Tab first; the variants can be chosen from all the same.'
    )
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.ops.sdb.preview_variant(index=1)
    assert seed_on(plane) == 8


def test_an_image_that_is_gone_says_so(plane, settings):
    arrive()
    bpy.data.images.remove(history.find_image(offered()[1]))
    with pytest.raises(RuntimeError, match="The image of this variant is gone; lock its seed"):
        bpy.ops.sdb.preview_variant(index=1)
    assert shown() == 0 and seed_on(plane) == 7


def test_image_only_changes_no_material(plane, settings, painted):
    before = look()
    arrive(destination="IMAGE")
    assert shown() == 0
    assert look(before["images"]) == before
    bpy.ops.sdb.apply_variant(index=2)
    assert look(before["images"]) == before
    assert all(image.use_fake_user for image in bpy.data.images if "sd_blender" in image)
    assert not len(offered())


def test_an_inpainted_variant_is_like_its_source(plane, settings, painted):
    source = bpy.data.images["Painted"]
    source.colorspace_settings.name = "Non-Color"
    source.pixels.foreach_set(np.full(48 * 32 * 4, 0.5, np.float32))
    mask = new_image("Mask", np.repeat(np.tile([255, 0], (32, 24))[..., None], 3, 2).astype(np.uint8))
    before = look()
    arrive(task="INPAINT", source="IMAGE", source_image=source, mask_image=mask, prompt="")
    image = base_color_image(plane.active_material)
    assert image != source and image.colorspace_settings.name == "Non-Color"
    assert (
        base_color_texture(plane.active_material).name == "Image Texture"
    )  # its own node, as for one result
    bpy.ops.sdb.cancel_variants()
    assert look(before["images"]) == before


class Editor:
    """As much of an Image Editor as there is without a window."""

    type = "IMAGE_EDITOR"

    def __init__(self, image=None):
        self.image = image

    def as_pointer(self):
        return id(self)


@pytest.fixture
def editors(monkeypatch):
    there = [Editor(), Editor(new_image("Open", GREEN))]
    monkeypatch.setattr(variants, "_image_spaces", lambda: there)
    return there


def test_the_image_editor_of_the_click_shows_the_variant(plane, settings, editors):
    arrive()
    assert [editor.image and editor.image.name for editor in editors] == [None, "Open"]
    variants.preview(bpy.context.scene, offered()[1], editors[1])
    variants.preview(bpy.context.scene, offered()[2])
    assert editors[0].image is None and seed_of(editors[1].image) == 9
    bpy.ops.sdb.show_original()
    assert editors[1].image.name == "Open"
    variants.preview(bpy.context.scene, offered()[2], editors[0])
    assert seed_of(editors[0].image) == 9
    editors[0].image = bpy.data.images["Open"]  # the artist turns to another one
    bpy.ops.sdb.cancel_variants()
    assert editors[0].image.name == "Open"


def test_the_image_editor_shows_what_nothing_else_does(settings, editors):
    arrive(destination="IMAGE")
    assert seed_of(editors[0].image) == 7 and editors[1].image.name == "Open"
    bpy.ops.sdb.preview_variant(index=1)
    assert seed_of(editors[0].image) == 8
    bpy.ops.sdb.apply_variant()
    assert seed_of(editors[0].image) == 8
    arrive(destination="IMAGE")
    bpy.ops.sdb.cancel_variants()
    assert seed_of(editors[0].image) == 8


def test_the_image_editor_with_what_was_inpainted_shows_the_variant(plane, settings, editors):
    mask = new_image("Mask", np.repeat(np.tile([255, 0], (32, 24))[..., None], 3, 2).astype(np.uint8))
    arrive(task="INPAINT", source="IMAGE", source_image=editors[1].image, mask_image=mask)
    assert editors[0].image is None and seed_of(editors[1].image) == 7
    bpy.ops.sdb.cancel_variants()
    assert editors[1].image.name == "Open"


# --- to apply --------------------------------------------------------------------------------------------------


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


# --- scripts ---------------------------------------------------------------------------------------------------


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


# --- more of them ----------------------------------------------------------------------------------------------


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


def reopen(path):
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    variant_requests._newest = None  # as in another Blender


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
    offered()[2].seed = str(2**31)
    with pytest.raises(RuntimeError, match="The seed 2147483648 is too large for the seed field"):
        bpy.ops.sdb.lock_variant_seed()


def test_the_seed_of_a_variant_makes_it_again(plane, settings, engine):
    arrive(count=3, lock_seed=False)
    bpy.ops.sdb.lock_variant_seed(index=2)
    bpy.ops.sdb.cancel_variants()
    generate(count=1)
    assert engine.requests[-1].sampling.seed == engine.requests[0].sampling.seed + 2


# --- what else happens meanwhile ---------------------------------------------------------------------------------


def test_another_batch_does_not_disturb_the_preview(plane, settings, painted):
    arrive(count=2)
    bpy.ops.sdb.preview_variant(index=1)
    arrive(count=2, seed=30)
    assert seed_on(plane) == 8 and shown() == 1
    assert [item.seed for item in offered()] == ["7", "8", "30", "31"]
    assert variants_panel.newest_first(offered()) == [2, 3, 0, 1]
    bpy.ops.sdb.apply_variant()
    assert seed_on(plane) == 8
    assert not len(offered())


def test_a_single_result_ends_the_preview_and_the_choice_stays(plane, settings, painted):
    arrive(count=2)
    arrive(count=1, seed=40)
    assert seed_on(plane) == 40 and shown() is None and len(offered()) == 2
    bpy.ops.sdb.preview_variant(index=0)
    bpy.ops.sdb.cancel_variants()
    assert seed_on(plane) == 40


def test_an_image_from_the_history_ends_the_preview(plane, settings):
    generate(seed=99)
    arrive(count=2)
    bpy.context.scene.sd_blender_history.active = 0
    bpy.ops.sdb.use_from_history()
    assert seed_on(plane) == 99 and shown() is None
    assert not variants_properties.previewed()


def test_no_more_than_can_be_looked_at(plane, settings, monkeypatch):
    monkeypatch.setattr(variants, "MOST", 5)
    arrive(count=3)
    arrive(count=3, seed=20)
    assert [item.seed for item in offered()] == ["8", "9", "20", "21", "22"]
    assert shown() is None and not variants_properties.previewed()  # the one on trial was the oldest
    assert len(bpy.context.scene.sd_blender_history.entries) == 6


def test_variants_that_cannot_be_listed_are_in_the_history(plane, settings, monkeypatch, caplog):
    monkeypatch.setattr(writeback.variants, "offer", lambda *_: 1 / 0)
    arrive(count=2)
    assert status.note == "The variants could not be listed (division by zero); choose them in the history."
    assert len(bpy.context.scene.sd_blender_history.entries) == 2
    assert all(image.use_fake_user for image in bpy.data.images)
    assert "the variants could not be listed" in caplog.text


@every_place
def test_disabling_the_add_on_restores_what_was_there(plane, settings, place):
    place(plane)
    before = look()
    arrive()
    sd_blender.unregister()
    assert look(before["images"]) == before
    sd_blender.register()
    assert len(offered()) == 3


# --- undo ------------------------------------------------------------------------------------------------------


def push():
    bpy.ops.ed.undo_push(message="Something else")


@every_place
def test_undo_ends_the_preview(plane, settings, place):
    place(plane)
    push()
    before = look()
    arrive()
    bpy.ops.sdb.preview_variant(index=1)
    bpy.data.objects["Plane"].location.x = 3
    push()  # holds the preview
    bpy.ops.ed.undo()
    assert look(before["images"]) == before
    assert bpy.data.objects["Plane"].location.x == 0
    assert shown() is None and len(offered()) == 3
    bpy.ops.ed.redo()
    assert look(before["images"]) == before
    assert bpy.data.objects["Plane"].location.x == 3
    bpy.ops.sdb.preview_variant(index=2)
    assert shown() == 2
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    assert look() == before and not len(offered())


@every_place
def test_steps_made_during_a_preview_bring_none_back(plane, settings, place):
    """Undo keeps in memory what two steps have in common, so each datablock must be right by itself."""
    place(plane)
    push()
    before = look()
    arrive()
    plane = bpy.data.objects["Plane"]
    for step in range(3):
        bpy.ops.sdb.preview_variant(index=step)
        plane.location.x += 1
        if plane.active_material and step % 2:
            plane.active_material.pass_index = step
        push()
    for _ in range(2):
        for direction in (bpy.ops.ed.undo, bpy.ops.ed.undo, bpy.ops.ed.redo, bpy.ops.ed.redo):
            direction()
            assert not variants_properties.previewed() and shown() is None
            for material in bpy.data.materials:
                material.pass_index = 0
            assert look(before["images"]) == before
    bpy.ops.sdb.apply_variant(index=1)
    bpy.ops.ed.undo()
    for material in bpy.data.materials:
        material.pass_index = 0
    assert look(before["images"]) == before


# --- files -----------------------------------------------------------------------------------------------------

WITHOUT_ADD_ON = """
import bpy, sys
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
thing = bpy.data.objects["Plane"]
material = thing.active_material
print("SLOTS", len(thing.material_slots), material and material.name)
for node in material.node_tree.nodes if material and material.node_tree else ():
    print("NODE", node.name, getattr(getattr(node, "image", None), "name", ""))
print("UNSAVED", [m.name for m in bpy.data.materials])
"""


def without_add_on(path):
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_ADD_ON, path], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    return [line for line in run.stdout.splitlines() if line.startswith(("SLOTS", "NODE", "UNSAVED"))]


@pytest.mark.parametrize(
    "place",
    [no_material, a_painted_texture, an_earlier_result, a_chosen_node],
    ids=lambda place: place.__name__,
)
def test_a_file_that_is_saved_during_a_preview_does_not_hold_it(plane, settings, place, tmp_path):
    place(plane)
    settings.count = 3
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "before.blend"), copy=True)
    arrive()
    bpy.ops.sdb.preview_variant(index=1)
    during = look()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "during.blend"))
    after = look()
    for values, _ in after["materials"].values():
        values.pop("name")
    for values, _ in during["materials"].values():
        values.pop("name")
    assert shown() == 1
    assert after["materials"] == during["materials"] and after["objects"] == during["objects"]
    before = without_add_on(str(tmp_path / "before.blend"))
    assert without_add_on(str(tmp_path / "during.blend")) == before
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "during.blend"))
    assert len(offered()) == 3 and shown() is None
    assert without_add_on(bpy.data.filepath) == before


def test_a_material_of_the_preview_keeps_its_changes_when_the_file_is_saved(plane, settings, scene_file):
    arrive()
    plane.active_material.roughness = 0.25
    bpy.ops.wm.save_as_mainfile(filepath=scene_file)
    assert plane.active_material.roughness == 0.25 and len(bpy.data.materials) == 1
    bpy.ops.sdb.cancel_variants()
    assert not bpy.data.materials and not plane.material_slots


def test_a_save_that_fails_brings_the_preview_back(plane, settings, painted, tmp_path):
    arrive()
    with pytest.raises(RuntimeError):
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "no folder" / "scene.blend"))
    assert shown() == 0 and seed_on(plane) == 7


@every_place
def test_a_file_that_blender_saved_by_itself_is_put_right_when_it_is_opened(
    plane, settings, place, scene_file, monkeypatch
):
    """Autosave and the file of the last session call no handler before they are written."""
    place(plane)
    before = look()
    arrive()
    bpy.ops.sdb.preview_variant(index=1)
    monkeypatch.setattr(variants, "pause", lambda: None)
    bpy.ops.wm.save_as_mainfile(filepath=scene_file)
    assert variants_properties.previewed()
    bpy.ops.wm.open_mainfile(filepath=scene_file)
    assert not variants_properties.previewed() and shown() is None
    found = look(before["images"])
    assert found["materials"].keys() == before["materials"].keys()
    for name, (_, tree) in before["materials"].items():
        if place is not a_painted_texture or tree is None:
            assert found["materials"][name][1] == tree
    assert found["objects"] == before["objects"]


def test_another_file_has_nothing_of_it(plane, settings):
    arrive()
    bpy.ops.wm.read_homefile(use_empty=True)
    assert shown() is None and not len(offered())
    assert not bpy.ops.sdb.apply_variant.poll()


def test_things_that_are_renamed_before_the_save_are_found_after_it(plane, settings, painted, scene_file):
    arrive()
    plane.name, painted[0].name = "Wall", "Brick"
    reopen(scene_file)
    bpy.ops.sdb.preview_variant(index=1)
    assert seed_on(bpy.data.objects["Wall"]) == 8


def test_a_node_is_found_again_in_a_file(plane, settings, scene_file):
    a_chosen_node(plane)
    arrive()
    bpy.data.node_groups.new("Painted", "ShaderNodeTree")  # called as the material is
    reopen(scene_file)
    bpy.ops.sdb.preview_variant(index=1)
    node = bpy.data.materials["Painted"].node_tree.nodes.active
    assert seed_of(node.image) == 8 and node.image.colorspace_settings.is_data
    bpy.ops.sdb.cancel_variants()
    assert node.image.name == "Rough"


@pytest.mark.parametrize("owner", ["group", "world"])
def test_a_preview_in_a_node_that_is_of_no_material(settings, owner):
    if owner == "group":
        tree = bpy.data.node_groups.new("Group", "ShaderNodeTree")
        holder = tree
    else:
        holder = bpy.data.worlds.new("World")
        if holder.node_tree is None:
            holder.use_nodes = True
        tree = holder.node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = new_image("Sky", GREEN)
    before = look()
    from sd_blender.blender import session
    from sd_blender.blender.targets import NodeReference, Target
    from sd_blender.core.request import Sampling, TextToImage

    request = TextToImage(prompt="sky", sampling=Sampling(width=48, height=32, steps=1, seed=7, count=2))
    ticket = session.submit(request, Target.of_node(NodeReference.to(holder, node), None))
    ticket.on_trial = True
    drain_until(lambda: not ticket.is_open)
    assert seed_of(node.image) == 7 and shown() == 0
    bpy.ops.sdb.cancel_variants()
    assert look(before["images"]) == before


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", "{}", '{"created": 5}', '{"cut": [1]}', '{"made": {}}', '{"unknown": 1}']
)
def test_a_damaged_record_does_no_harm(plane, settings, painted, text):
    arrive()
    material = plane.active_material
    material.sd_blender_preview.changes = text
    bpy.ops.sdb.cancel_variants()
    assert not variants_properties.previewed()
    assert "Principled BSDF" in material.node_tree.nodes


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", '{"file_generation": 1}'])
def test_a_damaged_target_says_so(plane, settings, text):
    arrive()
    bpy.ops.sdb.show_original()
    offered()[1].target = text
    with pytest.raises(
        RuntimeError, match="Where this variant belongs is damaged; use its image from the history"
    ):
        bpy.ops.sdb.preview_variant(index=1)
    assert stored_targets.renew(text) == text
    bpy.ops.sdb.apply_variant(index=0)
    assert not len(offered())


def test_nothing_is_written_on_materials_that_show_no_preview(plane, settings, painted):
    other = bpy.data.materials.new("Other")
    arrive()
    assert not other.is_property_set(variants_properties.PREVIEW)
    bpy.ops.sdb.cancel_variants()
    bpy.ops.ed.undo_push(message="Step")
    bpy.ops.ed.undo()
    assert not [m for m in bpy.data.materials if m.is_property_set(variants_properties.PREVIEW)]


# --- the panel -------------------------------------------------------------------------------------------------


def test_the_panel_is_there_while_there_is_a_choice(plane, settings):
    names = ("SDB_PT_view3d_variants", "SDB_PT_image_variants")
    panels = [getattr(bpy.types, name) for name in names]
    polls = [panel.poll.__func__ for panel in panels]
    assert not any(poll(panel, bpy.context) for poll, panel in zip(polls, panels, strict=True))
    arrive()
    assert all(poll(panel, bpy.context) for poll, panel in zip(polls, panels, strict=True))
    bpy.ops.sdb.cancel_variants()
    assert not any(poll(panel, bpy.context) for poll, panel in zip(polls, panels, strict=True))
