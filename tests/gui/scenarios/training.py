# SPDX-License-Identifier: GPL-3.0-or-later
"""A short training with the mouse: begun, paused, gone on with, used."""

from __future__ import annotations

import tempfile
from pathlib import Path

import bpy

from tests.gui import stage


def mouse() -> stage.Scenario:
    """A scripted trainer on four images of the file; the test clicks Train, Pause, Resume and Use in Prompt."""
    trainer = make_trainer()
    stage.name_engine()
    settings = bpy.context.scene.sd_blender_training
    settings.source, settings.trigger = "IMAGES", "zx"
    settings.steps, settings.size, settings.checkpoint_every, settings.sample_every = 60, 64, 10, 10
    settings.output = str(Path(tempfile.mkdtemp(prefix="sd_blender_")) / "stripes.safetensors")
    make_images()
    stage.open_panels("Training")
    stage.open_panels("LoRAs")
    yield from stage.open_sidebars()
    yield from stage.click("train", "sdb.train(", lambda: training().job)
    yield lambda: training().curve and len(training().samples) >= 2 and "left" in stage.status().text
    yield from stage.show("training", places=stage.places(), text=stage.status().text)
    yield from stage.click("pause", "sdb.pause_training(", lambda: not training().job)
    left = training().steps
    yield from stage.show("paused", places=stage.places(), steps=left, message=training().message)
    stage.module("blender.training.status").forget()  # as after a restart: the panel looks for it on the disk
    stage.editors()["VIEW_3D"].tag_redraw()
    yield lambda: training().steps == left and training().curve and training().samples
    yield from stage.show("found again", places=stage.places())
    trainer.step_seconds = 0.01
    yield from stage.click("resume", "sdb.train(", lambda: not training().job and training().is_made)
    yield from stage.show("trained", places=stage.places(), message=training().message)
    yield from stage.click("use", "sdb.use_training(", lambda: loras())
    yield from stage.show(
        "used",
        places=stage.places(),
        loras=loras(),
        prompt=stage.settings().prompt,
        runs=len(trainer.trained),
    )


def renders() -> stage.Scenario:
    """Twelve views of the cube, of which the test clicks Pause after some, and then has all of them made."""
    trainer = make_trainer(step_seconds=0.01)
    rendering = stage.module("blender.training.rendering")
    breath, rendering.BREATH = rendering.BREATH, 5.0  # time for a mouse that has to look for its button
    stage.name_engine()
    settings = bpy.context.scene.sd_blender_training
    settings.source, settings.trigger, settings.views = "RENDERS", "zx", 12
    settings.steps, settings.size = 6, 128
    settings.output = str(Path(tempfile.mkdtemp(prefix="sd_blender_")) / "cube.safetensors")
    bpy.context.scene.render.engine, bpy.context.scene.cycles.samples = "CYCLES", 64
    stage.open_panels("Training")
    yield from stage.open_sidebars()
    yield from stage.click("render", "sdb.train(", lambda: training().rendering)
    yield lambda: not training().rendering or training().rendering[0] > 1
    yield from stage.show("rendering", places=stage.places(), rendering=training().rendering)
    yield from stage.click("stop", "sdb.pause_training(", lambda: not training().rendering)
    yield from stage.show(
        "stopped", places=stage.places(), message=training().message, runs=len(trainer.trained)
    )
    rendering.BREATH = breath
    yield from stage.click("again", "sdb.train(", lambda: training().is_made)
    yield from stage.show(
        "made", places=stage.places(), captions=trainer.captions, scenes=len(bpy.data.scenes)
    )


def make_trainer(step_seconds: float = 0.5):
    """A trainer of the tests behind the add-on's Train, slow enough to look at."""
    stage.scripted_engine(hold=None)
    from tests.fake_trainer import FakeTrainer

    trainer = FakeTrainer(step_seconds=step_seconds)
    stage.module("blender.session").set_engine_factory(lambda: trainer)
    return trainer


def make_images() -> None:
    """Four that are ticked, and one that is not."""
    for name in ("Red stripes", "Yellow stripes", "Wide stripes.png", "Thin stripes", "Something else"):
        image = bpy.data.images.new(name, 64, 64)
        image.generated_type = "UV_GRID"
        image.sd_blender_train = name != "Something else"


def training():
    return stage.module("blender.training.status").training


def loras() -> list[str]:
    return [Path(entry.path).name for entry in bpy.context.scene.sd_blender_adapters.entries]
