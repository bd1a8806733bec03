# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guide shows: a real worker with the starter model, and the panels as they are used."""

from __future__ import annotations

import bpy
import numpy as np

from tests.gui import stage

SIDE = 256


def book() -> stage.Scenario:
    stage.name_engine()
    settings = stage.settings()
    settings.width = settings.height = SIDE
    settings.tiling, settings.steps, settings.lock_seed = "BOTH", 16, True
    view = stage.editors()["VIEW_3D"].spaces.active
    view.shading.type = "MATERIAL"
    view.region_3d.view_distance = 7.5
    bpy.ops.wm.save_as_mainfile(filepath=str(stage.folder / "pictures.blend"))
    yield from stage.open_sidebars()
    yield from generate("mossy grey cobblestone", 3)
    yield from variants()
    yield from mask()
    yield from history()
    yield from train()
    yield from node()


def generate(prompt: str, seed: int) -> stage.Scenario:
    settings = stage.settings()
    settings.prompt, settings.seed = prompt, seed
    stage.submit()
    yield lambda: stage.is_denoising() and stage.status().factor > 0.5 and stage.status().preview_icon
    yield from stage.show("picture progress", settle=0.2, places=stage.places())
    yield lambda: stage.texture() and not stage.status().busy
    stage.editors()["IMAGE_EDITOR"].spaces.active.image = stage.texture()
    yield from stage.show("picture texture", places=stage.places())


def variants() -> stage.Scenario:
    settings = stage.settings()
    settings.prompt, settings.seed, settings.count = "wooden planks", 5, 4
    stage.submit()
    yield lambda: len(bpy.context.scene.sd_blender_variants) == 4 and not stage.status().busy
    over_view("preview_variant", index=1)
    yield from stage.show("picture variants", places=stage.places())
    over_view("apply_variant")
    settings.count = 1


def mask() -> stage.Scenario:
    """A round mask on the texture of the cube."""
    settings = stage.settings()
    settings.task, settings.source, settings.source_image = "INPAINT", "IMAGE", stage.texture()
    settings.prompt = "green moss"
    over_view("new_mask")
    rows, columns = np.mgrid[:SIDE, :SIDE]
    white = (rows - 140) ** 2 + (columns - 90) ** 2 < 60**2
    pixels = np.ones((SIDE, SIDE, 4), np.float32)
    pixels[..., :3] = white[..., None]
    settings.mask_image.pixels.foreach_set(pixels.ravel())
    settings.mask_image.update()
    stage.editors()["IMAGE_EDITOR"].spaces.active.image = stage.texture()
    yield from stage.show("picture mask", settle=2.0, places=stage.places())


def history() -> stage.Scenario:
    settings = stage.settings()
    settings.task = "TEXT_TO_IMAGE"
    entries = bpy.context.scene.sd_blender_history
    entries.entries[0].favourite = True
    entries.active = 0
    stage.open_panels("History")
    for kind in ("VIEW_3D", "IMAGE_EDITOR"):
        stage.editors()[kind].tag_redraw()
    yield from stage.show("picture history", settle=2.0, places=stage.places())


def train() -> stage.Scenario:
    """The beginning of a LoRA, from all that was made before; the best that can be shown in a minute."""
    lessons = bpy.context.scene.sd_blender_training
    lessons.source, lessons.trigger, lessons.output = "IMAGES", "zx", str(stage.folder / "planks.safetensors")
    lessons.size, lessons.batch, lessons.steps, lessons.sample_every, lessons.tiling = 64, 1, 400, 10, "BOTH"
    bpy.ops.sdb.tick_images(choice="ALL")
    stage.open_panels("Training")
    over_view("train")
    training = stage.module("blender.training.status").training
    yield lambda: len(training.samples) == 4 and training.job and training.curve
    yield from stage.show("picture training", settle=2.0, places=stage.places())
    stage.module("blender.session").cancel_all()
    yield lambda: not training.job


def node() -> stage.Scenario:
    """The Shader Editor in place of the Image Editor, with the Image Texture of the cube active."""
    area = stage.editors()["IMAGE_EDITOR"]
    area.ui_type = "ShaderNodeTree"
    area.spaces.active.show_region_ui = True
    tree = bpy.data.objects["Cube"].active_material.node_tree
    tree.nodes.active = next(found for found in tree.nodes if found.type == "TEX_IMAGE")
    area.tag_redraw()
    yield lambda: stage.sidebar(area).width > 1 and stage.sidebar(area).active_panel_category != "UNSUPPORTED"
    stage.sidebar(area).active_panel_category = stage.category()
    with bpy.context.temp_override(
        window=bpy.context.window_manager.windows[0], area=area, region=area.regions[-1]
    ):
        bpy.ops.node.view_all()
    yield from stage.show("picture node", settle=2.0, places=stage.places())


def over_view(operator: str, **values: object) -> None:
    """Call an operator of ours as a click in the 3D View does."""
    area = stage.editors()["VIEW_3D"]
    with bpy.context.temp_override(
        window=bpy.context.window_manager.windows[0], area=area, region=area.regions[-1]
    ):
        getattr(bpy.ops.sdb, operator)("INVOKE_DEFAULT", **values)
