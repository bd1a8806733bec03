# SPDX-License-Identifier: GPL-3.0-or-later
"""The little scene of scripts/demo.py: a floor, a crate and a ball under a lamp, and what is done to it by hand."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import bpy
import numpy as np

RENDER_SIZE = (512, 384)
CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def build() -> dict[str, bpy.types.Object]:
    """An empty file with the scene in it; the objects to texture, by name. None of them has a material yet."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_plane_add(size=9)
    floor = _named("Floor", repeat=3)
    bpy.ops.mesh.primitive_cube_add(size=1.8, location=(-1.15, 0.0, 0.9), rotation=(0, 0, 0.5))
    crate = _named("Crate", repeat=1)
    _one_picture_per_face(crate)
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.85, location=(1.2, -0.4, 0.85), segments=64, ring_count=32)
    bpy.ops.object.shade_smooth()
    ball = _named("Ball", repeat=2)
    bpy.ops.object.camera_add(location=(0.3, -7.0, 3.3), rotation=(math.radians(67), 0, math.radians(2.5)))
    scene.camera = bpy.context.object
    bpy.ops.object.light_add(type="AREA", location=(-2.5, -3.0, 5.5), rotation=(math.radians(35), 0, -0.6))
    light = bpy.context.object.data
    light.energy, light.size = 480, 3.0
    world = scene.world = bpy.data.worlds.new("Sky")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.55, 0.7, 0.9, 1.0)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.6
    scene.render.engine = "CYCLES"  # on the processor: no graphics card is needed
    scene.cycles.device, scene.cycles.samples, scene.cycles.use_denoising = "CPU", 24, True
    scene.render.resolution_x, scene.render.resolution_y = RENDER_SIZE
    return {"floor": floor, "crate": crate, "ball": ball}


def render(path: Path) -> None:
    """Render the scene into the Render Result and into a PNG file."""
    scene = bpy.context.scene
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    # What the .blend keeps must mean the same on another machine.
    scene.render.filepath = f"//{path.name}"


def paint(image: bpy.types.Image, stroke: list[tuple[float, float]], width: float) -> None:
    """A white brush stroke on an image, as an artist's: a soft disc along the points; all in parts of the width."""
    columns, rows = image.size
    values = np.empty(columns * rows * 4, np.float32)
    image.pixels.foreach_get(values)
    rgba = values.reshape(rows, columns, 4)
    y, x = np.mgrid[0:rows, 0:columns] / np.float32(columns)
    for (x0, y0), (x1, y1) in pairwise(stroke):
        for t in np.linspace(0, 1, 24):
            distance = np.hypot(x - (x0 + t * (x1 - x0)), y - (y0 + t * (y1 - y0)))
            white = np.clip((width / 2 - distance) * columns / 2, 0, 1)
            rgba[..., :3] = np.maximum(rgba[..., :3], white[..., None])
    rgba[..., 3] = 1.0
    image.pixels.foreach_set(values)
    image.update()


def pixels_of(image: bpy.types.Image) -> np.ndarray:
    """uint8, height x width x 3, row 0 at the top, as the image stores it."""
    values = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(values)
    width, height = image.size
    return np.rint(values.reshape(height, width, 4)[::-1, :, :3] * 255).astype(np.uint8)


def texture_of(thing: bpy.types.Object) -> bpy.types.Image:
    """The image that the object's material shows as its Base Color."""
    shader = next(node for node in thing.active_material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    return shader.inputs["Base Color"].links[0].from_node.image


def _named(name: str, repeat: int) -> bpy.types.Object:
    """Name the new object and have its texture repeat so many times across it."""
    thing = bpy.context.object
    thing.name = thing.data.name = name
    for corner in thing.data.uv_layers.active.data:
        corner.uv = [coordinate * repeat for coordinate in corner.uv]
    return thing


def _one_picture_per_face(thing: bpy.types.Object) -> None:
    for face in thing.data.polygons:
        for loop, corner in zip(face.loop_indices, CORNERS, strict=True):
            thing.data.uv_layers.active.data[loop].uv = corner
