# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders of the selected objects from around them, made in a scene of their own that is gone afterwards.

The artist's scene, camera and Render Result stay as they are. In the scene are the objects, all lights and the world,
with the artist's render engine and its settings; what lies behind the objects is transparent.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import bpy
from mathutils import Vector

from ...core.errors import BlenderStateError
from ...core.request import ImageArray
from ...core.training_captions import FEWEST
from ..source import capture

NOT_RENDERED = {"ARMATURE", "CAMERA", "LATTICE", "LIGHT", "LIGHT_PROBE", "SPEAKER"}
ANGLE = math.radians(40)
"""Of the camera: little distortion, and not far away."""

LOW, HIGH = 0.1, 0.85
"""Heights of the camera above the middle of the objects, of its distance: no view is from below or from the pole."""

MOST_SAMPLES = 64
"""Per pixel: what is learned from minds no noise, and Blender waits for all of the renders."""

GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
"""Between two views, seen from above: any number of them is spread evenly."""


def selected(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The selected objects that a render shows. Raises BlenderStateError when there are none."""
    things = [thing for thing in context.view_layer.objects.selected if _is_rendered(thing)]
    if not things:
        raise BlenderStateError("No object that renders is selected; select what is to be learned.")
    return things


def _is_rendered(thing: bpy.types.Object) -> bool:
    if thing.hide_render or thing.type in NOT_RENDERED:
        return False
    return thing.type != "EMPTY" or thing.instance_type == "COLLECTION"


def renders(context: bpy.types.Context, count: int, size: int) -> Iterator[ImageArray]:
    """``count`` views, uint8, size x size x 3 or 4, without those that show nothing.

    Raises BlenderStateError, also at the end when too few show anything.
    """
    things = selected(context)
    middle, radius = _sphere(context, things)
    manager = context.window_manager
    shown = 0
    with _studio(context, things, size) as scene:
        manager.progress_begin(0, count)
        try:
            for index in range(count):
                _aim(scene.camera, middle, radius, *_direction(index, count))
                manager.progress_update(index)
                pixels = capture.render_now(scene)
                if pixels.shape[2] == 3 or pixels[..., 3].max() > 0:
                    shown += 1
                    yield pixels
        finally:
            manager.progress_end()
    if shown < FEWEST:
        raise BlenderStateError(
            f"The selected objects are seen in {shown} of {count} renders; show them in renders, or select others."
        )


@contextlib.contextmanager
def _studio(
    context: bpy.types.Context, things: list[bpy.types.Object], size: int
) -> Iterator[bpy.types.Scene]:
    """The scene to render, with a camera of its own."""
    lights = [
        thing for thing in context.view_layer.objects if thing.type == "LIGHT" and not thing.hide_render
    ]
    scene = context.scene.copy()
    data = bpy.data.cameras.new("SD Blender")
    camera = bpy.data.objects.new("SD Blender", data)
    try:
        for child in list(scene.collection.children):
            scene.collection.children.unlink(child)
        for thing in list(scene.collection.objects):
            scene.collection.objects.unlink(thing)
        for thing in dict.fromkeys([*things, *lights, camera]):
            scene.collection.objects.link(thing)
        data.angle = ANGLE
        scene.camera = camera
        _set_up(scene, size)
        yield scene
    finally:
        bpy.data.scenes.remove(scene)
        bpy.data.objects.remove(camera)
        bpy.data.cameras.remove(data)


def _set_up(scene: bpy.types.Scene, size: int) -> None:
    scene.animation_data_clear()
    scene.timeline_markers.clear()  # one may be bound to another camera
    for layer in list(scene.view_layers)[1:]:
        scene.view_layers.remove(layer)
    scene.view_layers[0].use = True
    render = scene.render
    render.resolution_x = render.resolution_y = size
    render.resolution_percentage = 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    render.film_transparent = True
    for name in ("use_border", "use_compositing", "use_multiview", "use_sequencer", "use_stamp"):
        setattr(render, name, False)
    for owner, name in ((getattr(scene, "cycles", None), "samples"), (scene.eevee, "taa_render_samples")):
        if hasattr(owner, name):
            setattr(owner, name, min(getattr(owner, name), MOST_SAMPLES))
    # As other textures look; a texture learned through AgX and rendered under it would be transformed twice.
    with contextlib.suppress(TypeError):  # a colour configuration may lack it
        scene.view_settings.view_transform = "Standard"


def _sphere(context: bpy.types.Context, things: list[bpy.types.Object]) -> tuple[Vector, float]:
    """Middle and radius of a sphere around the objects as they are evaluated, instances included."""
    wanted = set(things)
    corners = []
    for instance in context.evaluated_depsgraph_get().object_instances:
        owner = instance.parent if instance.is_instance else instance.object
        if owner is not None and owner.original in wanted and instance.object.type != "EMPTY":
            corners += [instance.matrix_world @ Vector(corner) for corner in instance.object.bound_box]
    if not corners:
        corners = [thing.matrix_world.translation for thing in things]
    low = Vector(map(min, zip(*corners, strict=True)))
    high = Vector(map(max, zip(*corners, strict=True)))
    return (low + high) / 2, max((high - low).length / 2, 1e-3)


def _direction(index: int, count: int) -> tuple[float, float]:
    """Angle around the vertical axis, and height of the view, 0..1 of its distance."""
    return index * GOLDEN_ANGLE, LOW + (HIGH - LOW) * (index + 0.5) / count


def _aim(camera: bpy.types.Object, middle: Vector, radius: float, turn: float, height: float) -> None:
    """Put the camera where the sphere fills its picture."""
    flat = math.sqrt(1 - height * height)
    towards = Vector((flat * math.cos(turn), flat * math.sin(turn), height))
    distance = radius / math.sin(ANGLE / 2)
    camera.location = middle + towards * distance
    camera.rotation_euler = towards.to_track_quat("Z", "Y").to_euler()
    camera.data.clip_start, camera.data.clip_end = (distance - radius) / 100, (distance + radius) * 2
