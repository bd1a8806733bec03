# SPDX-License-Identifier: GPL-3.0-or-later
"""The target of a job changes meanwhile: it is found again, or the image is kept and the panel says so."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from sd_blender.blender.properties import status
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

pytestmark = pytest.mark.every_version

KEPT = 'the texture is kept as image "mossy stone".'


def submitted(held, **values):
    """A job that the engine works on."""
    ticket = submit(**values)
    drain_until(running(held))
    return ticket


def kept(sentence):
    """The result is an image with a fake user, on no material, and the panel says why."""
    image = bpy.data.images["mossy stone"]
    assert image.use_fake_user and image.users == 1
    np.testing.assert_array_equal(pixels_of(image)[..., :3], picture(7, 48, 32))
    assert status.note == f"{sentence}; {KEPT}"
    assert status.error == ""


def linked_library(path, name="Plane"):
    """A file with an object of this name and its material."""
    mesh = bpy.data.meshes.new(name)
    thing = bpy.data.objects.new(name, mesh)
    mesh.materials.append(bpy.data.materials.new("Theirs"))
    bpy.data.libraries.write(str(path), {thing})
    bpy.data.objects.remove(thing)
    bpy.data.materials.remove(bpy.data.materials["Theirs"])
    return str(path)


def link(path, kind, name):
    with bpy.data.libraries.load(path, link=True) as (_, wanted):
        setattr(wanted, kind, [name])
    return next(item for item in getattr(bpy.data, kind) if item.name == name and item.library)


@pytest.mark.fault("F15")
def test_renamed_object_and_material(plane, held):
    material = bpy.data.materials.new("Before")
    plane.data.materials.append(material)
    ticket = submitted(held)
    plane.name, material.name = "Renamed", "After"
    finish(held, ticket)
    assert base_color_image(bpy.data.materials["After"]).name == "mossy stone"
    assert ticket.delivery.note == ""


@pytest.mark.fault("F15")
def test_names_exchanged_with_another_object(plane, held):
    other = bpy.data.objects.new("Other", plane.data.copy())
    bpy.context.scene.collection.objects.link(other)
    ticket = submitted(held)
    plane.name, other.name, plane.name = "Third", "Plane", "Other"
    finish(held, ticket)
    assert base_color_image(bpy.data.objects["Other"].active_material)
    assert bpy.data.objects["Plane"].active_material is None


@pytest.mark.fault("F15")
def test_deleted_object(plane, held):
    ticket = submitted(held)
    bpy.data.objects.remove(plane)
    finish(held, ticket)
    kept('Object "Plane" is gone')
    generate(destination="IMAGE", prompt="next")


@pytest.mark.fault("F15")
def test_deleted_and_another_of_the_same_name_made(plane, held):
    plane.data.materials.append(bpy.data.materials.new("Stone"))
    ticket = submitted(held)
    mesh = plane.data
    bpy.data.objects.remove(plane)
    bpy.data.materials.remove(bpy.data.materials["Stone"])
    other = bpy.data.objects.new("Plane", mesh)
    bpy.context.scene.collection.objects.link(other)
    theirs = bpy.data.materials.new("Stone")
    other.active_material = theirs
    finish(held, ticket)
    kept('Object "Plane" is gone')
    assert other.active_material == theirs
    assert not theirs.node_tree or not [n for n in theirs.node_tree.nodes if n.type == "TEX_IMAGE"]


@pytest.mark.fault("F13")
@pytest.mark.fault("F15")
def test_deleted_and_brought_back_by_undo(plane, held):
    """Another datablock in memory, and the same object."""
    bpy.ops.ed.undo_push(message="Before")
    ticket = submitted(held)
    bpy.data.objects.remove(plane)
    bpy.ops.ed.undo_push(message="Delete")
    bpy.ops.ed.undo()
    finish(held, ticket)
    assert base_color_image(bpy.data.objects["Plane"].active_material).name == "mossy stone"
    assert status.note == ""


@pytest.mark.fault("F15")
def test_deleted_material(plane, held):
    plane.data.materials.append(bpy.data.materials.new("Stone"))
    ticket = submitted(held)
    bpy.data.materials.remove(plane.active_material)
    finish(held, ticket)
    kept('Material "Stone" is gone')


@pytest.mark.fault("F15")
def test_material_taken_off_the_object(plane, held):
    """Nothing that is used shows it any more; a texture there would be lost at the next save."""
    stone, rust = bpy.data.materials.new("Stone"), bpy.data.materials.new("Rust")
    plane.data.materials.append(stone)
    ticket = submitted(held)
    plane.active_material = rust
    finish(held, ticket)
    kept('Material "Stone" is no longer on "Plane"')
    for material in (stone, rust):
        assert not material.node_tree or not [n for n in material.node_tree.nodes if n.type == "TEX_IMAGE"]


@pytest.mark.fault("F15")
def test_another_slot_made_active(plane, held):
    """The texture goes where Generate was pressed, whatever the artist looks at by now."""
    rust = bpy.data.materials.new("Rust")
    plane.data.materials.append(rust)
    plane.data.materials.append(None)
    plane.active_material_index = 1
    ticket = submitted(held)
    plane.active_material_index = 0
    finish(held, ticket)
    assert plane.material_slots[0].material == rust
    assert base_color_image(plane.material_slots[1].material).name == "mossy stone"
    assert not rust.node_tree or not [n for n in rust.node_tree.nodes if n.type == "TEX_IMAGE"]


@pytest.mark.fault("F15")
def test_empty_slot_removed(plane, held):
    plane.data.materials.append(bpy.data.materials.new("Rust"))
    plane.data.materials.append(None)
    plane.active_material_index = 1
    ticket = submitted(held)
    plane.data.materials.pop(index=1)
    finish(held, ticket)
    kept('Material slot 2 of "Plane" is gone')


@pytest.mark.fault("F15")
def test_edit_mode(plane, held):
    ticket = submitted(held)
    bpy.ops.object.mode_set(mode="EDIT")
    finish(held, ticket)
    kept('"Plane" is in Edit Mode; leave it with Tab first')
    assert not plane.data.materials


@pytest.mark.fault("F15")
def test_mesh_edited_through_another_object(plane, held):
    twin = bpy.data.objects.new("Twin", plane.data)
    bpy.context.scene.collection.objects.link(twin)
    ticket = submitted(held)
    bpy.context.view_layer.objects.active = twin
    bpy.ops.object.mode_set(mode="EDIT")
    finish(held, ticket)
    kept('"Plane" is in Edit Mode; leave it with Tab first')
    assert not plane.data.materials


@pytest.mark.fault("F15")
def test_local_object_replaced_by_a_linked_one(plane, held, tmp_path):
    plane.name = "Elsewhere"
    path = linked_library(tmp_path / "library.blend")
    plane.name = "Plane"
    ticket = submitted(held)
    bpy.data.objects.remove(bpy.data.objects["Plane"])
    thing = link(path, "objects", "Plane")
    bpy.context.scene.collection.objects.link(thing)
    finish(held, ticket)
    kept('Object "Plane" is gone')
    assert thing.active_material.library is not None


@pytest.mark.fault("F15")
def test_linked_material_put_in_the_empty_slot(plane, held, tmp_path):
    path = linked_library(tmp_path / "library.blend", "Elsewhere")
    ticket = submitted(held)
    theirs = link(path, "materials", "Theirs")
    plane.data.materials.append(theirs)
    finish(held, ticket)
    kept('Material "Theirs" is linked from another file; make it local to change it')
    assert not theirs.node_tree or not [n for n in theirs.node_tree.nodes if n.type == "TEX_IMAGE"]


@pytest.mark.fault("F13")
def test_undo_past_the_creation_of_the_object(held):
    bpy.ops.ed.undo_push(message="Empty")
    bpy.ops.mesh.primitive_plane_add()
    bpy.ops.ed.undo_push(message="Plane")
    ticket = submitted(held)
    bpy.ops.ed.undo()
    assert bpy.data.objects.keys() == ["Plane"]  # the one of the fixture
    finish(held, ticket)
    kept('Object "Plane.001" is gone')


@pytest.mark.fault("F13")
def test_undo_past_the_creation_of_the_material(plane, held):
    bpy.ops.ed.undo_push(message="Bare")
    plane.data.materials.append(bpy.data.materials.new("Stone"))
    bpy.ops.ed.undo_push(message="Material")
    ticket = submitted(held)
    bpy.ops.ed.undo()
    assert not bpy.data.materials
    finish(held, ticket)
    kept('Material "Stone" is gone')


@pytest.mark.fault("F13")
def test_undo_past_the_creation_of_the_inpainted_image(plane, held):
    mask = np.zeros((32, 48, 3), np.uint8)
    mask[:8, :8] = 255
    change(bpy.context.scene.sd_blender, task="INPAINT", source="IMAGE", prompt="")
    bpy.ops.ed.undo_push(message="Before")
    source, mask = new_image("Theirs", picture(1, 48, 32)), new_image("Mask", mask)
    bpy.ops.ed.undo_push(message="Images")
    ticket = submitted(held, source_image=source, mask_image=mask)
    bpy.ops.ed.undo()
    assert not bpy.data.images
    finish(held, ticket)
    assert base_color_image(bpy.data.objects["Plane"].active_material).name == "Inpaint"


@pytest.mark.fault("F13")
def test_undo_and_redo_meanwhile(plane, held):
    """After both, every datablock is another one in memory; the session id finds it."""
    plane.data.materials.append(bpy.data.materials.new("Stone"))
    bpy.ops.ed.undo_push(message="Material")
    ticket = submitted(held)
    bpy.context.object.location.x = 3
    bpy.ops.ed.undo_push(message="Move")
    bpy.ops.ed.undo()
    bpy.ops.ed.redo()
    finish(held, ticket)
    assert base_color_image(bpy.data.materials["Stone"]).name == "mossy stone"


@pytest.mark.fault("F14")
def test_undo_and_redo_after_delivery_leave_nothing_dangling(plane, settings):
    """Undo takes the link back and the artist's texture shows again; redo brings ours with its pixels."""
    theirs = new_image("Theirs", picture(1, 16, 16))
    textured(plane, theirs)
    bpy.ops.ed.undo_push(message="Before")
    generate()
    for _ in range(3):
        bpy.ops.ed.undo()
        assert base_color_image(bpy.data.materials["Painted"]).name == "Theirs"
        assert [image.name for image in bpy.data.images if not image.users] == []
        bpy.ops.ed.redo()
        image = base_color_image(bpy.data.materials["Painted"])
        np.testing.assert_array_equal(pixels_of(image)[..., :3], picture(7, 48, 32))
        assert image.users == 1
    bpy.ops.ed.undo()
    generate(seed=8)
    assert base_color_image(bpy.data.materials["Painted"]).name == "mossy stone"


@pytest.mark.fault("F14")
def test_undo_after_delivery_while_the_next_job_runs(plane, held):
    bpy.ops.ed.undo_push(message="Before")
    held.hold.set()
    generate()
    held.hold.clear()
    held.requests.clear()
    ticket = submitted(held, seed=8, prompt="second")  # its target is the material that undo takes away
    bpy.ops.ed.undo()
    finish(held, ticket)
    assert bpy.data.images["second"].use_fake_user
    assert status.note == 'Material "Plane" is gone; the texture is kept as image "second".'


@pytest.mark.fault("F27")
def test_hidden_object(plane, settings):
    plane.hide_set(True)
    generate()
    assert base_color_image(plane.active_material).name == "mossy stone"


@pytest.mark.fault("F27")
def test_hidden_object_is_not_entered_to_paint_a_mask(plane, settings):
    textured(plane, new_image("Theirs", picture(1, 48, 32)))
    plane.hide_set(True)
    change(settings, task="INPAINT", source="TEXTURE")
    assert bpy.ops.sdb.new_mask() == {"FINISHED"}
    assert plane.mode == "OBJECT"
    assert settings.mask_image.name == "Theirs Mask"


@pytest.mark.fault("F27")
def test_empty_mesh(settings):
    thing = bpy.data.objects.new("Nothing", bpy.data.meshes.new("Nothing"))
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    generate()
    assert base_color_image(thing.active_material)
    assert status.note == '"Nothing" has no faces, so the texture shows nowhere yet; model some.'


@pytest.mark.fault("F27")
def test_mask_of_a_single_pixel(plane, settings, engine):
    mask = np.zeros((32, 48, 3), np.uint8)
    mask[5, 9] = 255
    source = new_image("Theirs", picture(1, 48, 32))
    change(settings, source_image=source, mask_image=new_image("Mask", mask), feather=0, context=0)
    generate(task="INPAINT", source="IMAGE")
    after = pixels_of(bpy.data.images["mossy stone"])
    changed = (after != pixels_of(source)).any(axis=2)
    assert not changed[mask[..., 0] == 0].any()


@pytest.mark.fault("F27")
def test_render_region_of_no_size(plane, settings):
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x = scene.render.resolution_y = 32
    scene.render.use_border = scene.render.use_crop_to_border = True
    scene.render.border_min_x = scene.render.border_max_x = 0.5
    with pytest.raises(RuntimeError) as refusal:
        generate(task="IMAGE_TO_IMAGE", source="RENDER")
    assert "The render failed" in str(refusal.value) or "There is no render" in str(refusal.value)
    assert plane.active_material is None
    generate(task="TEXT_TO_IMAGE")
