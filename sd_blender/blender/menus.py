# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators in Blender's own menus, which is where its search (F3) finds them, and the one shortcut."""

from __future__ import annotations

import bpy

from . import editors, guard
from .masks import panel as mask_panel

SHORTCUT = {"type": "D", "value": "PRESS", "shift": True, "alt": True}
"""Free in all keymaps of Blender 4.2 to 5.2, of 2.7 and of the industry; Alt Ctrl writes letters on many keyboards."""

KEYMAPS = (("3D View", "VIEW_3D"), ("Image", "IMAGE_EDITOR"))
SHORTCUT_FOR = "sdb.generate"


class SDB_MT_main(bpy.types.Menu):
    """Everything, for the menus Object and Image."""

    bl_label = "Stable Diffusion Textures"

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("sdb.generate", icon="TEXTURE")
        layout.operator("sdb.generate_here")
        layout.operator("sdb.inpaint")
        layout.operator("sdb.cancel")
        layout.separator()
        layout.operator("sdb.apply_variant")
        layout.operator("sdb.cancel_variants")
        layout.operator("sdb.reroll_variants", text="Re-Roll Variants")
        layout.operator("sdb.more_like_variant", text="More Like This Variant")
        layout.separator()
        layout.operator("sdb.edit_prompt")
        layout.operator("sdb.new_seed")
        layout.operator("sdb.set_seed", text="Set Seed...")
        layout.menu("SDB_MT_styles")
        layout.menu("SDB_MT_presets")
        layout.separator()
        layout.menu("SDB_MT_mask")
        layout.operator("sdb.use_as_source")
        layout.operator("sdb.outpaint", text="Outpaint...")
        layout.separator()
        layout.operator("sdb.restore_from_image", text="Restore from Image...")
        layout.operator("sdb.restore_from_file", text="Restore from File...")
        layout.separator()
        layout.operator("sdb.unload")


class SDB_MT_mask(bpy.types.Menu):
    """What makes a mask or changes all of it."""

    bl_label = "Mask"

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("sdb.new_mask")
        layout.operator("sdb.mask_from_faces", text="Mask from Faces").islands = False
        layout.operator("sdb.mask_from_faces", text="Mask from UV Islands").islands = True
        layout.separator()
        layout.operator("sdb.mask_expand", text="Expand Mask").pixels = mask_panel.STEP
        layout.operator("sdb.mask_expand", text="Shrink Mask").pixels = -mask_panel.STEP
        layout.operator("sdb.mask_invert")
        layout.operator("sdb.mask_fill")
        layout.operator("sdb.mask_clear")


@guard.draw
def draw_submenu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.menu("SDB_MT_main", icon="TEXTURE")


@guard.draw
def draw_here(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator("sdb.generate_here", icon="TEXTURE")


@guard.draw
def draw_in_node(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    if editors.is_shader_editor(context.space_data):
        self.layout.separator()
        self.layout.operator("sdb.generate_in_node", icon="TEXTURE")


ENTRIES = (
    ("VIEW3D_MT_object", draw_submenu),
    ("IMAGE_MT_image", draw_submenu),
    ("VIEW3D_MT_object_context_menu", draw_here),
    ("NODE_MT_context_menu", draw_in_node),
)

_register_classes, _unregister_classes = bpy.utils.register_classes_factory((SDB_MT_mask, SDB_MT_main))


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
