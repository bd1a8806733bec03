# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore Settings: from the history, from an image of this file, from a picture file."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty

from ...core.errors import BlenderStateError, SDBlenderError
from ...core.sentence import Sentence
from .. import compat, late, translation
from ..prompts.operators import OnScene
from ..properties import status
from .properties import chosen

with late.imports():
    from ...core import recall
    from .. import build_request
    from ..results import saving
    from . import history, restore


def shown_image(context: bpy.types.Context) -> bpy.types.Image | None:
    """The image with settings that the artist looks at: in this Image Editor, else on the active object."""
    space = context.space_data
    edited = space is not None and space.type == "IMAGE_EDITOR"
    image = space.image if edited else build_request.active_texture(context)
    return image if image is not None and saving.KEYWORD in image else None


class _Restore(OnScene):
    """What the operators share: settings of a scene that can be changed, and one sentence at the end."""

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            note = restore.apply(context, self.recalled(context))
        except SDBlenderError as error:
            translation.report(self, "ERROR", str(error))
            return {"CANCELLED"}
        status.error = status.details = ""
        status.note = note
        translation.report(self, "WARNING" if note else "INFO", note or "Settings restored")
        return {"FINISHED"}


class SDB_OT_restore_settings(_Restore, bpy.types.Operator):
    """Set everything as it was for the chosen texture of the history"""

    bl_idname = "sdb.restore_settings"
    bl_label = "Restore Settings"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if chosen(context.scene.sd_blender_history) is None:
            translation.refuse(cls, "Choose a texture in the history")
            return False
        return super().poll(context)

    def recalled(self, context: bpy.types.Context) -> recall.Recalled:
        return recall.from_provenance(chosen(context.scene.sd_blender_history).settings)


class SDB_OT_restore_from_image(_Restore, bpy.types.Operator):
    """Set everything as it was for an image of this file that the add-on made"""

    bl_idname = "sdb.restore_from_image"
    bl_label = "Restore from Image"

    image: StringProperty(
        name="Image",
        description="An image that the add-on made; empty for the one shown",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not history.our_images() and shown_image(context) is None:
            translation.refuse(cls, "No image of this file carries settings")
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.image:
            return self.execute(context)
        if image := shown_image(context):
            self.image = image.name
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop_search(self, "image", bpy.data, "images")

    def recalled(self, context: bpy.types.Context) -> recall.Recalled:
        image = bpy.data.images.get(self.image) if self.image else shown_image(context)
        if image is None:
            raise BlenderStateError("No image that the add-on made is shown; choose one.")
        if saving.KEYWORD not in image:
            raise BlenderStateError(
                Sentence(
                    'Image "{name}" carries no settings; choose one that the add-on made.', name=image.name
                )
            )
        return recall.from_provenance(image[saving.KEYWORD])


class SDB_OT_restore_from_file(_Restore, bpy.types.Operator):
    """Set everything as a picture file tells that this add-on or another program wrote"""

    bl_idname = "sdb.restore_from_file"
    bl_label = "Restore from File"

    filepath: StringProperty(
        name="File",
        description="A PNG, JPEG or WebP file with settings inside",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"} | compat.relative_path(),
    )
    filter_glob: StringProperty(
        description="Files that are listed", default="*.png;*.jpg;*.jpeg;*.webp", options={"HIDDEN"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def recalled(self, context: bpy.types.Context) -> recall.Recalled:
        return restore.read_file(bpy.path.abspath(self.filepath))


register, unregister = bpy.utils.register_classes_factory(
    (SDB_OT_restore_settings, SDB_OT_restore_from_image, SDB_OT_restore_from_file)
)
