# SPDX-License-Identifier: GPL-3.0-or-later
"""The Blender layer's tests: bpy from PyPI, a scripted engine in place of torch, an empty file for each test.

Each module also runs alone, and is best run so: bpy is one global state, and a crash of it takes the whole process.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import tempfile
import threading

import numpy as np
import pytest

HAS_BPY = importlib.util.find_spec("bpy") is not None
if HAS_BPY:
    # Before bpy is imported, so that no preferences of this machine are read or written.
    _resources = tempfile.mkdtemp(prefix="sd_blender_test_")
    os.environ["BLENDER_USER_RESOURCES"] = _resources
    atexit.register(shutil.rmtree, _resources, ignore_errors=True)
    import bpy

    import sd_blender
    from sd_blender.blender import operators, pump, session
    from sd_blender.core import png
    from tests.fake_trainer import FakeTrainer
    from tests.fakes import picture
else:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def empty_file():
    """A factory-empty file with the add-on registered; nothing of a test is left for the next one."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    sd_blender.register()
    yield
    sd_blender.unregister()
    session.set_engine_factory(None)
    assert not [t for t in threading.enumerate() if t.name.startswith("SD Blender")]


@pytest.fixture
def engine():
    """The engine behind Generate and Train; set its fields to script it."""
    engine = FakeTrainer()
    session.set_engine_factory(lambda: engine)
    return engine


@pytest.fixture
def plane():
    """The active object: a square with a UV map and without a material."""
    mesh = bpy.data.meshes.new("Plane")
    corners = [(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)]
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", [0, 0, 1, 0, 1, 1, 0, 1])
    thing = bpy.data.objects.new("Plane", mesh)
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    return thing


@pytest.fixture
def settings(engine):
    """The scene's settings for a small, repeatable texture."""
    settings = bpy.context.scene.sd_blender
    change(settings, prompt="mossy stone", width=48, height=32, steps=2, seed=7, lock_seed=True)
    return settings


@pytest.fixture
def folder(tmp_path):
    """Three pictures, of which one has no words in its name."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(("red_brick", "old-brick_2", "IMG_0001")):
        folder.joinpath(f"{name}.png").write_bytes(png.encode(picture(number, 32, 32)))
    return folder


@pytest.fixture
def lessons(engine, folder, tmp_path):
    """The settings of a short training on the folder."""
    lessons = bpy.context.scene.sd_blender_training
    change(
        lessons,
        folder=str(folder),
        output=str(tmp_path / "out" / "brick.safetensors"),
        trigger="zx",
        steps=6,
        size=64,
        checkpoint_every=2,
        sample_every=3,
    )
    return lessons


@pytest.fixture
def held(plane, settings, engine):
    """An engine that stops at its first step until the test lets it go on; `plane` is the target."""
    engine.hold = threading.Event()
    yield engine
    engine.hold.set()


@pytest.fixture
def painted(plane):
    """The material of `plane` and its Image Texture, with a texture that the artist painted."""
    from tests.blender.variants_scene import a_painted_texture

    return a_painted_texture(plane)


@pytest.fixture
def scene_file(tmp_path):
    """Where a test may save the scene."""
    return str(tmp_path / "scene.blend")


def running(engine):
    """A condition to drain for: the engine has begun."""
    return lambda: bool(engine.requests)


def finish(engine, ticket):
    """Let the engine go on and drain until the job is dealt with."""
    engine.hold.set()
    drain_until(lambda: not ticket.is_open)


def engine_done():
    """Wait until the engine has finished everything, and drain nothing."""
    waited = threading.Event()
    while session.current().thread._open:
        waited.wait(0.01)


def change(settings, **values):
    for name, value in values.items():
        setattr(settings, name, value)


def generate(**values):
    """Press Generate the way a script does, with some settings changed first; returns when the job is closed."""
    change(bpy.context.scene.sd_blender, **values)
    assert bpy.ops.sdb.generate() == {"FINISHED"}


def submit(**values):
    """Submit as the panel's button does, and let the test drain; in background mode bpy.ops itself always waits."""
    change(bpy.context.scene.sd_blender, **values)
    return operators.submit(bpy.context)


def drain_until(condition, seconds=10.0):
    """Drain as the timer does until the condition holds."""
    waited = threading.Event()
    for _ in range(int(seconds / 0.01)):
        pump.drain()
        if condition():
            return
        waited.wait(0.01)
    raise AssertionError("it did not come to that in time")


def base_color_image(material):
    """The image that a renderer would see at the end of the Base Color link."""
    surface = material.node_tree.get_output_node("ALL").inputs["Surface"].links[0].from_node
    return surface.inputs["Base Color"].links[0].from_node.image


def pixels_of(image):
    """uint8, height x width x 4, row 0 at the top, read without the code under test."""
    width, height = image.size
    values = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(values)
    return np.rint(values.reshape(height, width, 4)[::-1] * 255).astype(np.uint8)


def new_image(name, pixels, **options):
    """An image of uint8 pixels, height x width x 3 or 4, row 0 at the top."""
    height, width, channels = pixels.shape
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :channels] = pixels[::-1] / np.float32(255)
    image = bpy.data.images.new(name, width, height, alpha=channels == 4, **options)
    image.pixels.foreach_set(rgba.ravel())
    return image


def textured(thing, image, name="Painted"):
    """Give the object a material whose Base Color is an image, as an artist would have made it."""
    material = bpy.data.materials.new(name)
    if material.node_tree is None:
        material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    shader = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    material.node_tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
    thing.data.materials.append(material)
    return material, node
