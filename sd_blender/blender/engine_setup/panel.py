# SPDX-License-Identifier: GPL-3.0-or-later
"""The first minute: as long as there is no engine, the sidebar says what is missing and has the button for it."""

from __future__ import annotations

import bpy

from .. import guard, late, places
from ..preferences import ADD_ON
from . import operators as engine_operators

with late.imports():
    from . import engine_setup


class Engine:
    """Goes away when the engine is there."""

    bl_label = "Engine"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return engine_setup.state.activity == "install" or engine_setup.is_missing()

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        engine_operators.draw_state(self.layout, context)
        row = self.layout.row()
        row.operator(
            "preferences.addon_show", text="More in the Preferences", icon="PREFERENCES"
        ).module = ADD_ON


classes = places.panels_of(Engine, "engine", parent="")
SDB_PT_view3d_engine, SDB_PT_image_engine, *_ = classes
register, unregister = bpy.utils.register_classes_factory(classes)
