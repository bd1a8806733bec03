# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons of the queue: cancel one job, or have it run earlier or later."""

from __future__ import annotations

import bpy
from bpy.props import IntProperty, StringProperty

from .. import editors, late, translation

with late.imports():
    from .. import session
    from . import progress


class OfJob:
    """For operators on one job; one that ended meanwhile is left alone."""

    bl_options = {"INTERNAL"}
    job: StringProperty(name="Job", description="Its number in the queue's list", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not session.open_tickets():
            translation.refuse(cls, "Nothing is being generated")
            return False
        return True


class SDB_OT_cancel_job(OfJob, bpy.types.Operator):
    """Drop this job; the others stay"""

    bl_idname = "sdb.cancel_job"
    bl_label = "Cancel Job"

    def execute(self, context: bpy.types.Context) -> set[str]:
        session.current().thread.cancel(self.job)
        return {"FINISHED"}


class SDB_OT_move_job(OfJob, bpy.types.Operator):
    """Have this job run earlier or later than others that wait"""

    bl_idname = "sdb.move_job"
    bl_label = "Move Job"

    places: IntProperty(name="Places", description="Later, or earlier if negative", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        session.current().thread.move(self.job, self.places)
        progress.refresh()
        editors.redraw()
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((SDB_OT_cancel_job, SDB_OT_move_job))
