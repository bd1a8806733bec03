# SPDX-License-Identifier: GPL-3.0-or-later
"""Another seed, and one that was typed or pasted."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty

from ..core.choices import SEED_LIMIT
from ..core.sentence import Sentence
from . import late, seeds, translation
from .prompts.operators import OnScene

with late.imports():
    from . import build_request


class SDB_OT_new_seed(OnScene, bpy.types.Operator):
    """Draw another seed"""

    bl_idname = "sdb.new_seed"
    bl_label = "New Seed"

    def execute(self, context: bpy.types.Context) -> set[str]:
        seeds.write(context.scene.sd_blender, build_request.draw_seed())
        return {"FINISHED"}


class SDB_OT_set_seed(OnScene, bpy.types.Operator):
    """Type or paste the seed of a texture, also a long one of another program, and lock it"""

    bl_idname = "sdb.set_seed"
    bl_label = "Set Seed"

    seed: StringProperty(
        name="Seed", description=f"A number from 0 to {SEED_LIMIT - 1}", options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.seed:
            self.seed = str(seeds.read(context.scene.sd_blender))
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        seed = seeds.parse(self.seed)
        if seed is None:
            sentence = Sentence(
                '"{seed}" is no seed; type a number from 0 to {seed_limit}.',
                seed=self.seed[:40],
                seed_limit=SEED_LIMIT - 1,
            )
            translation.report(self, "ERROR", sentence)
            return {"CANCELLED"}
        settings = context.scene.sd_blender
        seeds.write(settings, seed)
        settings.lock_seed = True
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((SDB_OT_new_seed, SDB_OT_set_seed))
