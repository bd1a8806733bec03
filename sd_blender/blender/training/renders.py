# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders of the selected objects from around them, made in a scene of their own that is gone afterwards.

The artist's scene, camera and Render Result stay as they are. In the scene are the objects, all lights and the world,
with the artist's render engine and its settings; what lies behind the objects is transparent.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import bpy
from mathutils import Vector

from ...core.errors import BlenderStateError
from ...core.request import ImageArray
from ...core.sentence import Sentence
from ...core.training_captions import FEWEST
from ..source import capture

NOT_RENDERED = {"ARMATURE", "CAMERA", "LATTICE", "LIGHT", "LIGHT_PROBE", "SPEAKER"}
ANGLE = math.radians(40)
"""Of the camera: little distortion, and not far away."""

LOW, HIGH = 0.1, 0.85
"""Heights of the camera above the middle of the objects, of its distance: no view is from below or from the pole."""

MOST_SAMPLES = 64
"""Per pixel: what is learned from minds no noise, and Blender waits for each render."""

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


@dataclass(frozen=True)
class Views:
    """What is rendered, and from where; by session ids, which undo between two renders leaves as they are.

    lights: of the artist's scene. middle, radius: of the sphere around the objects. size: pixels per side.
    """

    scene: int
    things: tuple[int, ...]
    lights: tuple[int, ...]
    middle: tuple[float, float, float]
    radius: float
    count: int
    size: int

    def check_shown(self, shown: int) -> None:
        """Raise BlenderStateError when too few of all views showed anything."""
        if shown < FEWEST:
            raise BlenderStateError(
                Sentence(
                    "The selected objects are seen in {shown} of {count} renders; show them in renders, or "
                    "select others.",
                    shown=shown,
                    count=self.count,
                )
            )


def plan_views(context: bpy.types.Context, count: int, size: int) -> Views:
    """``count`` views of the selected objects. Raises BlenderStateError when there are none."""
    things = selected(context)
    lights = [
        thing for thing in context.view_layer.objects if thing.type == "LIGHT" and not thing.hide_render
    ]
    middle, radius = _sphere(context, things)
    return Views(
        context.scene.session_uid,
        tuple(thing.session_uid for thing in things),
        tuple(light.session_uid for light in lights),
        tuple(middle),
        radius,
        count,
        size,
    )


def render_view(views: Views, index: int) -> ImageArray | None:
    """The view of this number, uint8, size x size x 3 or 4; None when it shows nothing. Raises BlenderStateError."""
    with _studio(views) as scene:
        _aim(scene.camera, Vector(views.middle), views.radius, *_direction(index, views.count))
        pixels = capture.render_now(scene)
    return pixels if pixels.shape[2] == 3 or pixels[..., 3].max() > 0 else None


def renders(context: bpy.types.Context, count: int, size: int) -> Iterator[ImageArray]:
    """All views that show anything, while Blender waits. Raises BlenderStateError, at the end too for too few."""
    views = plan_views(context, count, size)
    manager = context.window_manager
    shown = 0
    manager.progress_begin(0, count)
    try:
        for index in range(count):
            manager.progress_update(index)
            if (pixels := render_view(views, index)) is not None:
                shown += 1
                yield pixels
    finally:
        manager.progress_end()
    views.check_shown(shown)


@contextlib.contextmanager
def _studio(views: Views) -> Iterator[bpy.types.Scene]:
    """The scene to render, with a camera of its own; each view has one, so that nothing of it is ever seen or saved."""
    objects = {thing.session_uid: thing for thing in bpy.data.objects}
    original = next((scene for scene in bpy.data.scenes if scene.session_uid == views.scene), None)
    if original is None or not objects.keys() >= set(views.things):
        raise BlenderStateError(
            "What was rendered for the training is deleted; select other objects, and train."
        )
    scene = original.copy()
    data = bpy.data.cameras.new("SD Blender")
    camera = bpy.data.objects.new("SD Blender", data)
    try:
        for child in list(scene.collection.children):
            scene.collection.children.unlink(child)
        for thing in list(scene.collection.objects):
            scene.collection.objects.unlink(thing)
        shown = [objects[uid] for uid in (*views.things, *views.lights) if uid in objects]
        for thing in dict.fromkeys([*shown, camera]):
            scene.collection.objects.link(thing)
        data.angle = ANGLE
        scene.camera = camera
        _set_up(scene, views.size)
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
