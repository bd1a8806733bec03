# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of the viewport leaves the cube as it is and is shown in the Image Editor."""

from __future__ import annotations

import bpy

from tests.gui import stage


def mouse() -> stage.Scenario:
    """From the viewport, with nothing else chosen; then again, the result chosen to be the material."""
    stage.scripted_engine(hold=None)
    stage.name_engine()
    settings = stage.settings()
    settings.steps, settings.lock_seed, settings.prompt = 2, True, "mossy stone"
    settings.task, settings.source, settings.use_source_size = "IMAGE_TO_IMAGE", "VIEWPORT", False
    settings.width = settings.height = 64
    stage.editors()["VIEW_3D"].spaces.active.shading.type = "MATERIAL"
    yield from stage.open_sidebars()
    yield from stage.show("before", places=stage.places())
    yield from stage.click("generate", "sdb.generate(", lambda: bool(stage.status().note))
    yield from stage.show("after", places=stage.places(), **facts())
    settings.render_destination = "MATERIAL"
    yield from stage.click("again", "sdb.generate(", lambda: stage.texture() is not None)
    yield from stage.show("on the cube", places=stage.places(), **facts())


def facts() -> dict:
    texture, opened = stage.texture(), stage.editors()["IMAGE_EDITOR"].spaces.active.image
    return {
        "cube": texture and texture.name,
        "editor": opened and opened.name,
        "note": stage.status().note,
        "images": [image.name for image in bpy.data.images if "sd_blender" in image],
    }
