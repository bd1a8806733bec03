# SPDX-License-Identifier: GPL-3.0-or-later
"""What is linked, or a library override: it is refused before anything slow, or what was changed is there after a save.

Blender itself takes each of these changes, and has forgotten it when the file is opened again.
"""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from sd_blender.blender import libraries
from sd_blender.blender.masks import painting
from sd_blender.blender.properties import status
from tests.blender.conftest import (
    base_color_image,
    change,
    drain_until,
    finish,
    generate,
    new_image,
    running,
    submit,
    textured,
)
from tests.fakes import picture

SETTINGS = {"prompt": "mossy stone", "width": 32, "height": 32, "steps": 1, "seed": 7, "lock_seed": True}


def square(name, *materials):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], [], [(0, 1, 2, 3)])
    mesh.uv_layers.new(name="UVMap")
    for material in materials:
        mesh.materials.append(material)
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    return thing


@pytest.fixture
def library(tmp_path, engine):
    """A file with objects that have a texture, an empty slot, and no slot, and with a scene and a mask."""
    textured(square("Rock"), new_image("Rock", picture(1, 32, 32)), "Rock")
    square("Empty", None)
    square("Bare")
    mask = painting.new_mask("Their Mask", 32, 32)
    mask.use_fake_user = True
    bpy.context.scene.name = "Theirs"
    path = str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    change(bpy.context.scene.sd_blender, **SETTINGS)
    return path


def link(path, kind, name):
    with bpy.data.libraries.load(path, link=True) as (_, wanted):
        setattr(wanted, kind, [name])
    return next(item for item in getattr(bpy.data, kind) if item.name == name and item.library)


def override(path, name):
    """An object with overrides down to its material, as the active one."""
    linked = link(path, "objects", name)
    bpy.context.scene.collection.objects.link(linked)
    mine = linked.override_create(remap_local_usages=True)
    mine.data.override_create(remap_local_usages=True)
    for slot in mine.material_slots:
        if slot.material is not None:
            slot.material.override_create(remap_local_usages=True)
    bpy.context.view_layer.objects.active = mine
    return mine


def opened_again(tmp_path):
    path = str(tmp_path / "shot.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    return next(thing for thing in bpy.data.objects if thing.library is None)


@pytest.mark.fault("F63")
def test_a_material_that_is_an_override_is_refused(library, engine):
    thing = override(library, "Rock")
    assert thing.active_material.is_editable and thing.active_material.override_library
    before = len(thing.active_material.node_tree.nodes)
    with pytest.raises(RuntimeError, match='"Rock" is a library override, whose new nodes are not saved'):
        bpy.ops.sdb.generate()
    assert not engine.requests and len(thing.active_material.node_tree.nodes) == before


@pytest.mark.fault("F63")
def test_a_material_that_becomes_an_override_meanwhile(library, plane, settings, held):
    """The slot of the object, asked for while it was empty, holds one by now."""
    ticket = submit()
    drain_until(running(held))
    plane.data.materials.append(override(library, "Rock").active_material)
    finish(held, ticket)
    assert (
        status.note.startswith('Material "Rock" is a library override') and "is kept as image" in status.note
    )
    assert bpy.data.images["mossy stone"].use_fake_user


@pytest.mark.fault("F63")
def test_the_empty_slot_of_an_override_gets_a_material_that_is_saved(library, tmp_path):
    override(library, "Empty")
    generate()
    thing = opened_again(tmp_path)
    assert thing.name == "Empty" and base_color_image(thing.active_material).name == "mossy stone"


@pytest.mark.fault("F63")
def test_a_mesh_that_is_an_override_gets_no_slot(library, engine):
    thing = override(library, "Bare")
    with pytest.raises(RuntimeError, match='"Bare" is linked from another file and has no material'):
        bpy.ops.sdb.generate()
    assert not thing.material_slots and not engine.requests


@pytest.mark.fault("F63")
def test_the_image_in_a_node_of_an_override_is_saved(library, tmp_path):
    """That much of it Blender keeps, so that a chosen node is no reason to refuse."""
    thing = override(library, "Rock")
    tree = thing.active_material.node_tree
    tree.nodes.active = next(node for node in tree.nodes if node.type == "TEX_IMAGE")
    generate(destination="NODE")
    assert base_color_image(opened_again(tmp_path).active_material).name == "mossy stone"


@pytest.fixture
def linked_scene(library):
    """The scene of another file, in the window."""
    scene = link(library, "scenes", "Theirs")
    bpy.context.window.scene = scene
    assert bpy.context.scene == scene
    return scene


@pytest.mark.fault("F63")
@pytest.mark.parametrize(
    "button",
    [
        "generate",
        "generate_here",
        "new_seed",
        "new_mask",
        "use_as_source",
        "mask_clear",
        "mask_invert",
        "outpaint",
    ],
)
def test_a_linked_scene_takes_no_click(linked_scene, engine, button):
    """It would lose settings, history, mask and canvas, all without a word."""
    with pytest.raises(RuntimeError, match="linked from another file"):
        getattr(bpy.ops.sdb, button)()
    assert not engine.requests and not linked_scene.sd_blender_history.entries


@pytest.mark.fault("F63")
def test_a_mask_that_is_an_override_is_not_changed(library, settings):
    mask = link(library, "images", "Their Mask").override_create(remap_local_usages=True)
    change(settings, task="INPAINT", mask_source="IMAGE", mask_image=mask)
    packed = mask.packed_file.data
    with pytest.raises(RuntimeError, match='Mask "Their Mask" is linked from another file'):
        bpy.ops.sdb.mask_fill()
    assert mask.packed_file.data == packed


@pytest.mark.fault("F63")
def test_what_is_kept(library):
    linked = link(library, "objects", "Rock")
    mine = override(library, "Rock")
    assert not libraries.is_kept(linked) and not libraries.is_kept(mine)
    assert not libraries.is_kept(mine.data) and not libraries.is_kept(mine.active_material)
    assert libraries.is_kept(bpy.data.materials.new("Own")) and libraries.is_kept(bpy.context.scene)


def test_a_mask_of_this_file_is_changed_as_ever(settings):
    change(
        settings,
        task="INPAINT",
        source="IMAGE",
        source_image=new_image("Wall", np.full((32, 48, 3), 9, np.uint8)),
    )
    assert bpy.ops.sdb.mask_fill() == {"FINISHED"}
