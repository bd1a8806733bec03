# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine in the preferences, and as long as there is none in the sidebar: its state in one line, and the buttons.

The sidebar has it below all else and closed, since the starter model does without it.
"""

from __future__ import annotations

import bpy

from .. import guard, late, places, preferences
from ..preferences import ADD_ON, Preferences
from ..sentences import draw_sentence

with late.imports():
    from . import engine_setup

NOTHING_CHOSEN = Preferences()
OFFLINE = (
    "Blender is offline: the engine can be downloaded when Allow Online Access is on, under System, Network."
)


class Engine:
    """Goes away when the engine is there."""

    bl_label = "Engine"
    bl_order = 100
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return engine_setup.state.activity == "install" or engine_setup.is_missing()

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        draw_state(self.layout, context)
        row = self.layout.row()
        row.operator(
            "preferences.addon_show", text="More in the Preferences", icon="PREFERENCES"
        ).module = ADD_ON


def draw(layout: bpy.types.UILayout, context: bpy.types.Context, stored: bpy.types.AddonPreferences) -> None:
    """The engine's part of the preferences."""
    box = layout.box()
    draw_state(box, context)
    column = box.column()
    column.prop(stored, "engine_build")
    column.prop(stored, "engine_folder", placeholder=str(engine_setup.engine_folder(NOTHING_CHOSEN)))
    column.prop(stored, "engine_python", placeholder="Installed Engine")
    column.operator("sdb.diagnose", icon="COPYDOWN")


def draw_state(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Which engine there is, what can be installed, and how that goes."""
    state = engine_setup.state
    if engine_setup.key_of(preferences.read()) != state.looked_for:
        engine_setup.look_soon()
    draw_sentence(layout, context, state.look.summary, "CHECKMARK" if state.look.ready else "INFO")
    if state.activity in ("install", "diagnose"):
        draw_activity(layout, context)
    else:
        draw_install(layout, context)
    if state.error:
        draw_sentence(layout, context, state.error, "ERROR")
    elif state.note:
        draw_sentence(layout, context, state.note, "INFO")


def draw_activity(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    state = engine_setup.state
    row = layout.row(align=True)
    row.progress(factor=state.factor, type="BAR", text=f"{state.factor:.0%}")
    row.operator("sdb.cancel_engine", text="", icon="X")
    text = state.text or ("Writing the report" if state.activity == "diagnose" else "Starting")
    draw_sentence(layout, context, text, "TIME")


def draw_install(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What Install would download, and the button; nothing of it for a Python that the user named."""
    look = engine_setup.state.look
    if look.note:
        draw_sentence(layout, context, look.note, "INFO")
    if look.refusal:
        draw_sentence(layout, context, look.refusal, "INFO")
    elif look.offer:
        draw_sentence(layout, context, look.offer, "IMPORT")
        row = layout.row()
        row.scale_y = 1.4
        row.enabled = bool(bpy.app.online_access)
        verb = "Repair Engine" if look.broken else "Update Engine" if look.ready else "Install Engine"
        row.operator("sdb.install_engine", text=verb)
        if not bpy.app.online_access:
            draw_sentence(layout, context, OFFLINE, "INTERNET")
            layout.prop(context.preferences.system, "use_online_access")
    elif look.broken:
        layout.operator("sdb.install_engine", text="Repair Engine", icon="FILE_REFRESH")
    elif look.ready and not look.is_own:
        layout.operator("sdb.install_engine", text="Repair Engine", icon="FILE_REFRESH").repair = True


classes = places.panels_of(Engine, "engine", parent="")
SDB_PT_view3d_engine, SDB_PT_image_engine, *_ = classes
_register, _unregister = bpy.utils.register_classes_factory(classes)


def register() -> None:
    _register()
    preferences.sections.append(draw)


def unregister() -> None:
    preferences.sections.remove(draw)
    _unregister()
