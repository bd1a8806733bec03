# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the preferences that is about the engine: its state in one line, and the buttons for it."""

from __future__ import annotations

import sys

import bpy
from bpy.props import BoolProperty, StringProperty

from ...core.errors import SDBlenderError
from .. import late, preferences, translation
from ..sentences import draw_sentence

with late.imports():
    from . import engine_setup

OFFLINE = (
    "Blender is offline: the engine can be downloaded when Allow Online Access is on, under System, Network."
)


class Idle:
    """For operators that need the one thread of the installation."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if engine_setup.is_busy():
            translation.refuse(cls, "Wait until what runs now is done, or cancel it")
            return False
        return True

    def finish(self) -> set[str]:
        """In background mode, wait for the end and tell it; in a window the timer does that."""
        if not bpy.app.background:
            return {"FINISHED"}
        engine_setup.wait(lambda text: print(f"sd_blender: {text}", file=sys.stderr, flush=True))
        if engine_setup.state.error:
            translation.report(self, "ERROR", engine_setup.state.error)
            return {"CANCELLED"}
        return {"FINISHED"}


class SDB_OT_install_engine(Idle, bpy.types.Operator):
    """Download and install torch and diffusers in an environment of their own, apart from Blender's Python"""

    bl_idname = "sdb.install_engine"
    bl_label = "Install Engine"
    bl_options = {"REGISTER"}

    repair: BoolProperty(
        name="Repair",
        description="Install again what is installed already",
        options={"SKIP_SAVE"},
    )
    wheels: StringProperty(
        name="Wheels",
        description="Folder with the packages, for a machine without a network",
        subtype="DIR_PATH",
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            engine_setup.install(bpy.path.abspath(self.wheels), repair=self.repair)
        except SDBlenderError as error:
            translation.report(self, "ERROR", str(error))
            return {"CANCELLED"}
        return self.finish()


class SDB_OT_cancel_engine(bpy.types.Operator):
    """Stop the installation; what was downloaded is kept for the next time"""

    bl_idname = "sdb.cancel_engine"
    bl_label = "Cancel Installation"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not engine_setup.is_busy():
            translation.refuse(cls, "Nothing is being installed")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        engine_setup.cancel()
        return {"FINISHED"}


class SDB_OT_diagnose(Idle, bpy.types.Operator):
    """Write a report on Blender, this machine and the engine, for the clipboard and the Text Editor"""

    bl_idname = "sdb.diagnose"
    bl_label = "Diagnose"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        engine_setup.report()
        return self.finish()


def draw(layout: bpy.types.UILayout, context: bpy.types.Context, stored: bpy.types.AddonPreferences) -> None:
    """The engine's part of the preferences."""
    box = layout.box()
    draw_state(box, context)
    column = box.column()
    for name in ("engine_build", "engine_folder", "engine_python"):
        column.prop(stored, name)
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
    if look.refusal:
        draw_sentence(layout, context, look.refusal, "INFO")
    elif look.offer:
        draw_sentence(layout, context, look.offer, "IMPORT")
        row = layout.row()
        row.scale_y = 1.4
        row.enabled = bool(bpy.app.online_access)
        row.operator("sdb.install_engine", text="Update Engine" if look.ready else "Install Engine")
        if not bpy.app.online_access:
            draw_sentence(layout, context, OFFLINE, "INTERNET")
            layout.prop(context.preferences.system, "use_online_access")
    elif look.ready and not engine_setup.state.look.summary.startswith("Own Python"):
        layout.operator("sdb.install_engine", text="Repair Engine", icon="FILE_REFRESH").repair = True


classes = (SDB_OT_install_engine, SDB_OT_cancel_engine, SDB_OT_diagnose)
_register, _unregister = bpy.utils.register_classes_factory(classes)


def register() -> None:
    _register()
    preferences.sections.append(draw)


def unregister() -> None:
    """End what runs before its buttons go."""
    preferences.sections.remove(draw)
    if late.is_loaded(engine_setup):
        engine_setup.stop()
    _unregister()
