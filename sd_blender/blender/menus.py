# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators in Blender's own menus, which is where its search (F3) finds them, and the one shortcut."""

from __future__ import annotations

import bpy

from ..core.errors import SDBlenderError
from . import guard, late
from .prompt_operators import OnScene

with late.imports():
    from . import build_request, targets

SHORTCUT = {"type": "D", "value": "PRESS", "shift": True, "alt": True}
"""Free in all keymaps of Blender 4.2 to 5.2, of 2.7 and of the industry; Alt Ctrl writes letters on many keyboards."""

KEYMAPS = (("3D View", "VIEW_3D"), ("Image", "IMAGE_EDITOR"))
SHORTCUT_FOR = "sdb.generate"


class SDB_OT_generate_here(OnScene, bpy.types.Operator):
    """Make a texture from the settings of the scene and show it on this object"""

    bl_idname = "sdb.generate_here"
    bl_label = "Generate Texture Here"
    bl_options = {"REGISTER"}  # as for Generate

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        try:
            targets.check_object(context.view_layer.objects.active)
            build_request.refuse_early(context)
        except SDBlenderError as error:
            cls.poll_message_set(str(error))
            return False
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.sd_blender.destination = "MATERIAL"
        how = "EXEC_DEFAULT" if bpy.app.background else "INVOKE_DEFAULT"
        try:
            return bpy.ops.sdb.generate(how)
        except RuntimeError as error:  # what it reported
            self.report({"ERROR"}, str(error).strip().removeprefix("Error: "))
            return {"CANCELLED"}


class SDB_MT_main(bpy.types.Menu):
    """Everything, for the menus Object and Image."""

    bl_label = "Stable Diffusion Textures"

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("sdb.generate", icon="TEXTURE")
        layout.operator("sdb.generate_here")
        layout.operator("sdb.cancel")
        layout.separator()
        layout.operator("sdb.edit_prompt")
        layout.operator("sdb.new_seed")
        layout.menu("SDB_MT_styles")
        layout.menu("SDB_MT_presets")
        layout.separator()
        layout.operator("sdb.new_mask")
        layout.operator("sdb.use_as_source")
        layout.separator()
        layout.operator("sdb.restore_from_image", text="Restore from Image...")
        layout.operator("sdb.restore_from_file", text="Restore from PNG File...")
        layout.separator()
        layout.operator("sdb.unload")


@guard.draw
def draw_submenu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.menu("SDB_MT_main", icon="TEXTURE")


@guard.draw
def draw_here(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator("sdb.generate_here", icon="TEXTURE")


ENTRIES = (
    ("VIEW3D_MT_object", draw_submenu),
    ("IMAGE_MT_image", draw_submenu),
    ("VIEW3D_MT_object_context_menu", draw_here),
)

_register_classes, _unregister_classes = bpy.utils.register_classes_factory(
    (SDB_OT_generate_here, SDB_MT_main)
)


def register() -> None:
    _register_classes()
    for menu, draw in ENTRIES:
        getattr(bpy.types, menu).append(draw)
    if (keys := bpy.context.window_manager.keyconfigs.addon) is not None:
        for name, space in KEYMAPS:
            keys.keymaps.new(name=name, space_type=space).keymap_items.new(SHORTCUT_FOR, **SHORTCUT)


def unregister() -> None:
    # Looked up again: a reference to an item would dangle once Blender has read its settings anew.
    for keymap in _keymaps():
        for item in [item for item in keymap.keymap_items if item.idname == SHORTCUT_FOR]:
            keymap.keymap_items.remove(item)
    for menu, draw in ENTRIES:
        getattr(bpy.types, menu).remove(draw)
    _unregister_classes()


def _keymaps() -> list[bpy.types.KeyMap]:
    keys = bpy.context.window_manager.keyconfigs.addon
    return [keys.keymaps[name] for name, _ in KEYMAPS if name in keys.keymaps] if keys is not None else []
