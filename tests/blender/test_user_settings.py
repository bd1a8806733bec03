# SPDX-License-Identifier: GPL-3.0-or-later
"""A render for the artist's next texture changes settings for a moment; they come back whatever fails in between."""

from __future__ import annotations

import contextlib
import tempfile

import bpy
import numpy as np
import pytest

from sd_blender.blender.properties import status
from sd_blender.blender.source import capture
from tests.blender.conftest import change, generate, new_image

pytestmark = pytest.mark.fault("F26")


class SDT_Broken(bpy.types.RenderEngine):
    """Another add-on's render engine, with a defect."""

    bl_idname = "SDT_BROKEN"
    bl_label = "Broken"

    def render(self, depsgraph):
        raise ValueError("a defect of the engine")


@pytest.fixture
def scene(plane):
    """A small scene that an artist has set up in every way that a render could disturb."""
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.camera.location = (0, 0, 4)
    scene.collection.objects.link(scene.camera)
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = 80, 48, 50
    render.filepath, render.film_transparent, render.use_border = "//renders/####", True, True
    render.image_settings.file_format = "JPEG"
    render.image_settings.quality = 37
    render.image_settings.color_management = "OVERRIDE"
    scene.view_settings.view_transform = "Raw"
    scene.view_settings.exposure = 0.5
    scene.frame_set(17)
    compositor(scene)
    other = bpy.data.objects.new("Other", plane.data)
    scene.collection.objects.link(other)
    plane.select_set(True)
    scene.camera.select_set(True)
    bpy.ops.object.mode_set(mode="SCULPT")
    return scene


def compositor(scene):
    """A tree of the artist's own; it moved in Blender 5.0."""
    if hasattr(scene, "compositing_node_group"):
        tree = bpy.data.node_groups.new("Theirs", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        output = tree.nodes.new("NodeGroupOutput")
        scene.compositing_node_group = tree
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        output = tree.nodes.new("CompositorNodeComposite")
    layers = tree.nodes.new("CompositorNodeRLayers")
    tree.links.new(layers.outputs["Image"], output.inputs[0])


def values_of(owner):
    return {
        p.identifier: getattr(owner, p.identifier)
        for p in owner.bl_rna.properties
        if not p.is_readonly
        and p.type in ("BOOLEAN", "INT", "FLOAT", "STRING", "ENUM")
        and not p.is_skip_save
        if not getattr(p, "is_array", False)
    }


def snapshot(scene):
    """Everything of the artist's that a render could have disturbed."""
    tree = getattr(scene, "compositing_node_group", None) or getattr(scene, "node_tree", None)
    objects = bpy.context.view_layer.objects
    return {
        "render": values_of(scene.render),
        "image settings": values_of(scene.render.image_settings),
        "view": values_of(scene.view_settings),
        "cycles": scene.cycles.samples,
        "compositor": (tree.name, sorted(node.name for node in tree.nodes), len(tree.links)),
        "camera": scene.camera,
        "frame": scene.frame_current,
        "active": objects.active.name,
        "selected": sorted(thing.name for thing in objects if thing.select_get()),
        "mode": objects.active.mode,
        "images": sorted(image.name for image in bpy.data.images if image.name != "Render Result"),
        "scenes": bpy.data.scenes.keys(),
        "objects": bpy.data.objects.keys(),
    }


def error(*_, **__):
    raise RuntimeError("Error: something in between")


def handler_raises(monkeypatch, scene):
    bpy.app.handlers.render_pre.append(error)


def engine_raises(monkeypatch, scene):
    bpy.utils.register_class(SDT_Broken)
    scene.render.engine = "SDT_BROKEN"


def render_refuses(monkeypatch, scene):
    monkeypatch.setattr(capture, "check_can_render", lambda scene: None)
    scene.camera = None


def render_cannot_be_saved(monkeypatch, scene):
    @contextlib.contextmanager
    def gone(**_):
        yield "/nowhere/at/all"

    monkeypatch.setattr(tempfile, "TemporaryDirectory", gone)


def disk_full_for_the_temporary_file(monkeypatch, scene):
    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", full)


def picture_cannot_be_read(monkeypatch, scene):
    monkeypatch.setattr(capture, "from_blender", error)


def interrupted(monkeypatch, scene):
    def ctrl_c(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(capture, "_load", ctrl_c)


FAULTS = [
    handler_raises,
    engine_raises,
    render_refuses,
    render_cannot_be_saved,
    disk_full_for_the_temporary_file,
    picture_cannot_be_read,
    interrupted,
]


@pytest.mark.filterwarnings("ignore:.*use_nodes.*:DeprecationWarning")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_everything_comes_back(plane, settings, engine, scene, fault, monkeypatch):
    change(settings, task="IMAGE_TO_IMAGE", source="RENDER", destination="IMAGE", lock_seed=False)
    with monkeypatch.context() as patch:
        fault(patch, scene)
        before = snapshot(scene)
        try:
            outcome = bpy.ops.sdb.generate()
        except (RuntimeError, KeyboardInterrupt) as refusal:
            outcome = refusal
        after = snapshot(scene)
        clean_up(scene)
    made = {"images": [name for name in after["images"] if name != "mossy stone"]}
    assert after | made == before
    if isinstance(outcome, RuntimeError):
        assert status.error and status.error in str(outcome)
    if outcome != {"FINISHED"}:
        assert settings.seed == 7
    scene.camera = bpy.data.objects["Camera"]
    scene.render.engine = "CYCLES"
    generate(prompt="next")
    assert engine.requests[-1].image.shape[:2] == (24, 40)


def clean_up(scene):
    if error in bpy.app.handlers.render_pre:
        bpy.app.handlers.render_pre.remove(error)
    if scene.render.engine == "SDT_BROKEN":
        scene.render.engine = "CYCLES"
        bpy.utils.unregister_class(SDT_Broken)


def test_a_setting_that_cannot_be_set_back_keeps_no_other_from_it(scene):
    """Between the two, a script took an add-on's view or format away: the value that was there is none any more."""
    settings = scene.render.image_settings
    before = values_of(settings)

    class Stubborn:
        """The settings of an image format, of which one cannot be set to what it was."""

        bl_rna = settings.bl_rna

        def __getattr__(self, name):
            return "GONE" if name == "color_mode" else getattr(settings, name)

        def __setattr__(self, name, value):
            setattr(settings, name, value)

    render = type("Render", (), {"image_settings": Stubborn()})
    displayed = {"display_settings": scene.display_settings, "view_settings": scene.view_settings}
    with capture._png_settings(type("Scene", (), {"render": render, **displayed})):
        assert settings.file_format == "PNG"
    assert values_of(settings) | {"color_mode": ""} == before | {"color_mode": ""}


def test_painting_a_mask_of_what_cannot_be_painted_changes_only_what_it_says(plane, settings):
    """The object is hidden, so that Texture Paint cannot be entered: the mask is there all the same."""
    change(settings, source="IMAGE", source_image=new_image("Theirs", np.zeros((8, 8, 3), np.uint8)))
    plane.hide_set(True)
    active = bpy.context.view_layer.objects.active
    assert bpy.ops.sdb.new_mask() == {"FINISHED"}
    assert bpy.context.view_layer.objects.active == active
    assert active.mode == "OBJECT"
