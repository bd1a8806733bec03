# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebars as they are first seen, one texture, and a real worker with all that can happen to it."""

from __future__ import annotations

import sys

import bpy

from tests.gui import stage


def sidebars() -> stage.Scenario:
    """As they are first seen, but for the panel Engine, which stands closed: there is no engine yet."""
    yield from stage.open_sidebars()
    stage.open_panels("Engine")
    yield lambda: stage.module("blender.engine_setup.engine_setup").state.look.offer
    yield from stage.show(
        "sidebars", draws=dict(stage.draws), places=stage.places(), version=bpy.app.version_string
    )
    # The test presses N over the 3D View: the window still hears its user.
    space = stage.editors()["VIEW_3D"].spaces.active
    yield lambda: not space.show_region_ui


def generate() -> stage.Scenario:
    """The test clicks Generate on the default cube; a scripted engine stands in for torch and waits to be let go."""
    engine = stage.scripted_engine()
    stage.name_engine()
    settings = bpy.context.scene.sd_blender
    settings.prompt, settings.width, settings.height, settings.steps = "mossy stone", 256, 256, 8
    settings.seed, settings.lock_seed = 7, True
    stage.editors()["VIEW_3D"].spaces.active.shading.color_type = "TEXTURE"
    yield from stage.open_sidebars()
    yield from stage.click("generate", "sdb.generate", lambda: engine.requests)
    yield from stage.show("generating", places=stage.places())
    # The test presses N over the 3D View while the job runs.
    space = stage.editors()["VIEW_3D"].spaces.active
    yield lambda: not space.show_region_ui
    engine.hold.set()
    yield stage.texture
    stage.editors()["IMAGE_EDITOR"].spaces.active.image = stage.texture()
    space.show_region_ui = True
    yield from stage.show(
        "generated",
        places=stage.places(),
        image=stage.texture().name,
        packed=bool(stage.texture().packed_file),
    )
    # The test presses Ctrl Z over the 3D View: a result is one undo step.
    yield lambda: stage.texture() is None


def worker() -> stage.Scenario:
    """Four jobs of a real worker: one is finished, one cancelled, one killed, and one runs while Blender is closed."""
    stage.name_engine()
    bpy.context.preferences.view.use_save_prompt = False
    settings = bpy.context.scene.sd_blender
    settings.prompt, settings.width, settings.height, settings.steps = "red brick wall", 128, 128, 200
    settings.seed, settings.lock_seed = 7, True
    stage.editors()["VIEW_3D"].spaces.active.shading.color_type = "TEXTURE"
    yield from stage.open_sidebars()
    yield from stage.click("generate", "sdb.generate", lambda: stage.status().preview_icon)
    yield from stage.show("progress", places=stage.places(), text=stage.status().text)
    yield stage.texture
    stage.editors()["IMAGE_EDITOR"].spaces.active.image = stage.texture()
    yield from stage.show(
        "textured", places=stage.places(), torch="torch" in sys.modules, image=stage.texture().name
    )
    settings.steps = 1000
    yield from stage.click("again", "sdb.generate", stage.is_denoising)
    yield from stage.click("cancel", "sdb.cancel", lambda: not stage.status().busy)
    yield from stage.show("cancelled", note=stage.status().note)
    yield from stage.click("third", "sdb.generate", stage.is_denoising)
    yield from stage.show("to be killed", pid=stage.worker_pid())
    yield lambda: not stage.status().busy
    yield from stage.show("killed", places=stage.places(), error=stage.status().error)
    yield from stage.click("fourth", "sdb.generate", stage.is_denoising)
    yield from stage.show("to be closed", places=stage.places(), pid=stage.worker_pid())
    yield lambda: False  # the test presses Ctrl Q
