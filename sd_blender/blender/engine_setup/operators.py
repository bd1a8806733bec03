# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons of the engine: install, repair, cancel, diagnose."""

from __future__ import annotations

import sys

import bpy
from bpy.app.handlers import persistent
from bpy.props import BoolProperty, StringProperty

from ...core.errors import SDBlenderError
from .. import guard, late, translation

with late.imports():
    from . import engine_setup


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


classes = (SDB_OT_install_engine, SDB_OT_cancel_engine, SDB_OT_diagnose)
_register, _unregister = bpy.utils.register_classes_factory(classes)


@persistent
@guard.handler
def _loaded(*_) -> None:
    if late.is_loaded(engine_setup):
        engine_setup.another_file()


def register() -> None:
    _register()
    bpy.app.handlers.load_post.append(_loaded)


def unregister() -> None:
    """End what runs before its buttons go."""
    bpy.app.handlers.load_post.remove(_loaded)
    if late.is_loaded(engine_setup):
        engine_setup.stop()
    _unregister()
