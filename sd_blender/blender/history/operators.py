# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons below the history: show a texture again, or drop it."""

from __future__ import annotations

import bpy

from ...core.errors import BlenderStateError, SDBlenderError
from ...core.sentence import Sentence, without_stop
from .. import late, lifecycle, translation
from ..properties import status
from .properties import chosen

with late.imports():
    from ..results import materials, placement, saving, targets
    from ..variants import variants
    from . import history


class SDB_OT_use_from_history(bpy.types.Operator):
    """Show the chosen texture as Base Color of the active object's material"""

    bl_idname = "sdb.use_from_history"
    bl_label = "Use Image"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        try:
            _image_and_object(context)
        except SDBlenderError as error:
            translation.refuse(cls, without_stop(str(error)))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        image, thing = _image_and_object(context)
        material = thing.active_material
        try:
            if material is not None:
                materials.find_place(material, made_by_us=saving.KEYWORD)
        except SDBlenderError as error:
            translation.report(self, "ERROR", str(error))
            return {"CANCELLED"}
        variants.end_preview()
        note = placement.place(image, targets.Target.of(thing, None))
        status.error = status.details = ""
        status.note = note
        if note:
            translation.report(self, "WARNING", note)
        return {"FINISHED"}


class SDB_OT_delete_from_history(bpy.types.Operator):
    """Drop the chosen texture, and its image too when nothing uses it and nobody painted on it"""

    bl_idname = "sdb.delete_from_history"
    bl_label = "Delete from History"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if chosen(context.scene.sd_blender_history) is None:
            translation.refuse(cls, "Choose a texture in the history")
            return False
        if not context.scene.is_editable:
            translation.refuse(cls, "This scene is linked from another file")
            return False
        if busy := lifecycle.busy_with():
            translation.refuse(cls, f"Blender is {busy}; wait until it is done")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        group = context.scene.sd_blender_history
        if (kept := history.delete(group, group.active)) is not None:
            translation.report(
                self,
                "INFO",
                Sentence('Image "{name}" stays, since it is in use or was changed', name=kept.name),
            )
        return {"FINISHED"}


def _image_and_object(context: bpy.types.Context) -> tuple[bpy.types.Image, bpy.types.Object]:
    """The chosen image and the object to show it on. Raises BlenderStateError."""
    if busy := lifecycle.busy_with():
        raise BlenderStateError(Sentence("Blender is {busy}; wait until it is done.", busy=busy))
    entry = chosen(context.scene.sd_blender_history)
    if entry is None:
        raise BlenderStateError("Choose a texture in the history.")
    thing = context.view_layer.objects.active
    targets.check_object(thing)
    image = history.find_image(entry)
    if image is None:
        raise BlenderStateError("The image is gone; restore its settings and generate it again.")
    return image, thing


register, unregister = bpy.utils.register_classes_factory(
    (SDB_OT_use_from_history, SDB_OT_delete_from_history)
)
