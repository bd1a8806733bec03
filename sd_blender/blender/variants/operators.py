# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing between variants: look, apply, discard, and make more. To look is no undo step; to apply is one.

Apply and Discard make their step themselves, since Blender makes none for what a script calls.
"""

from __future__ import annotations

import bpy
from bpy.props import IntProperty

from ...core.errors import BlenderStateError, SDBlenderError
from ...core.sentence import Sentence
from .. import editors, late, lifecycle, seeds, translation
from ..history.properties import UNJUDGED
from ..operators import Generates
from ..properties import status
from .properties import SDB_PG_variant, shown_in

with late.imports():
    from ...core import request
    from .. import interrupt, pump, session
    from ..results import stored_targets, writeback
    from . import requests as variant_requests
    from . import variants

NOTHING = "There are no variants; set Count above 1 and generate"


class _Choice:
    """What the operators share: a variant of the scene, by its number or as the one that is shown."""

    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        scene = context.scene
        if not len(scene.sd_blender_variants):
            translation.refuse(cls, NOTHING)
        elif not scene.is_editable:
            translation.refuse(cls, "This scene is linked from another file")
        elif busy := lifecycle.busy_with():
            translation.refuse(cls, f"Blender is {busy}; wait until it is done")
        else:
            return True
        return False

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            note = self.choose(context)
        except SDBlenderError as error:
            translation.report(self, "ERROR", str(error))
            return {"CANCELLED"}
        status.error = status.details = ""
        status.note = note
        if note:
            translation.report(self, "WARNING", note)
        editors.redraw()
        return {"FINISHED"}

    def choose(self, context: bpy.types.Context) -> str:
        """Do it; returns one sentence to know, or "". Raises SDBlenderError."""
        raise NotImplementedError


class _OfOne(_Choice):
    """For one variant; without a number one must be shown."""

    index: IntProperty(
        name="Variant",
        description="Number of the variant, the oldest is 0. -1 for the one that is shown",
        default=-1,
        min=-1,
        options={"SKIP_SAVE"},
    )


class SDB_OT_preview_variant(_OfOne, bpy.types.Operator):
    """Show this variant where it belongs, without committing to it; changes nothing for good and is no undo step"""

    bl_idname = "sdb.preview_variant"
    bl_label = "Preview Variant"
    bl_options = {"INTERNAL"}

    def choose(self, context: bpy.types.Context) -> str:
        return variants.preview(context.scene, variants.find(context.scene, self.index), context.space_data)


class SDB_OT_show_original(_Choice, bpy.types.Operator):
    """Show what was there before the variants, which can be chosen from still"""

    bl_idname = "sdb.show_original"
    bl_label = "Show Original"
    bl_options = {"INTERNAL"}

    def choose(self, context: bpy.types.Context) -> str:
        variants.end_preview()
        return ""


class SDB_OT_apply_variant(_OfOne, bpy.types.Operator):
    """Use the variant that is shown. The others stay in the history"""

    bl_idname = "sdb.apply_variant"
    bl_label = "Apply Variant"

    def choose(self, context: bpy.types.Context) -> str:
        item = variants.find(context.scene, self.index)
        score = item.score  # the item goes with the choice
        note = variants.apply(context.scene, item, context.space_data)
        writeback.push_undo(self.bl_label)
        if score > UNJUDGED:
            translation.report(self, "INFO", Sentence("Score {score}", score=f"{score:.2f}"))
        return note


class SDB_OT_cancel_variants(_Choice, bpy.types.Operator):
    """Use none of the variants and bring back what was there. They stay in the history"""

    bl_idname = "sdb.cancel_variants"
    bl_label = "Discard Variants"

    def choose(self, context: bpy.types.Context) -> str:
        variants.cancel(context.scene)
        writeback.push_undo(self.bl_label)
        return ""


class SDB_OT_lock_variant_seed(_OfOne, bpy.types.Operator):
    """Have the next Generate use the seed of the variant, and keep it"""

    bl_idname = "sdb.lock_variant_seed"
    bl_label = "Lock Seed"
    bl_options = {"REGISTER", "UNDO"}

    def choose(self, context: bpy.types.Context) -> str:
        settings = context.scene.sd_blender
        seed = seeds.parse(variants.find(context.scene, self.index).seed)
        if seed is None:
            raise BlenderStateError("The settings of this variant are damaged; use Generate instead.")
        seeds.write(settings, seed)
        settings.lock_seed = True
        return ""


class SDB_OT_copy_variant_seed(_OfOne, bpy.types.Operator):
    """Copy the seed of the variant to the clipboard"""

    bl_idname = "sdb.copy_variant_seed"
    bl_label = "Copy Seed"

    def choose(self, context: bpy.types.Context) -> str:
        seed = variants.find(context.scene, self.index).seed
        context.window_manager.clipboard = seed
        translation.report(self, "INFO", Sentence("Seed {seed} copied", seed=seed))
        return ""


class _More(_OfOne, Generates):
    """Submits a job for the place of a variant; ``invoke``, ``execute`` and ``wait`` are those of Generate."""

    execute = Generates.execute

    def submit(self, context: bpy.types.Context) -> session.Ticket:
        item = self.item(context)
        request, target = self.request(item), stored_targets.load(item.target)
        status.error = status.details = status.note = ""
        with interrupt.deferred():
            ticket = session.submit(request, target)
        pump.start()
        return ticket


class SDB_OT_reroll_variants(_More, bpy.types.Operator):
    """Make as many again with the same settings and other seeds; what is there can be chosen still"""

    bl_idname = "sdb.reroll_variants"
    bl_label = "Re-Roll"

    def item(self, context: bpy.types.Context) -> SDB_PG_variant:
        """Of the batch that the artist looks at, or of the newest."""
        offered = context.scene.sd_blender_variants
        is_chosen = self.index >= 0 or shown_in(context.scene) is not None
        return variants.find(context.scene, self.index if is_chosen else len(offered) - 1)

    def request(self, item: SDB_PG_variant) -> request.Request:
        return variant_requests.reroll(item)


class SDB_OT_more_like_variant(_More, bpy.types.Operator):
    """Make variations of the variant that is shown: it is the source, at strength 0.5, and the seeds are new"""

    bl_idname = "sdb.more_like_variant"
    bl_label = "More Like This"

    def item(self, context: bpy.types.Context) -> SDB_PG_variant:
        return variants.find(context.scene, self.index)

    def request(self, item: SDB_PG_variant) -> request.Request:
        return variant_requests.more_like(item)


register, unregister = bpy.utils.register_classes_factory(
    (
        SDB_OT_preview_variant,
        SDB_OT_show_original,
        SDB_OT_apply_variant,
        SDB_OT_cancel_variants,
        SDB_OT_reroll_variants,
        SDB_OT_more_like_variant,
        SDB_OT_lock_variant_seed,
        SDB_OT_copy_variant_seed,
    )
)
