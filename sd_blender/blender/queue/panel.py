# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue in the sidebar, shown while more than one job is open."""

from __future__ import annotations

import bpy

from .. import guard, places
from ..properties import QueuedJob, status


class Queue:
    """The job that runs, and those that wait, each with its buttons."""

    bl_label = "Queue"
    bl_order = 1

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(status.queue)

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        for job in status.queue:
            draw_job(column.row(align=True), job)


def draw_job(row: bpy.types.UILayout, job: QueuedJob) -> None:
    row.label(text=job.title, translate=False, icon="PLAY" if job.is_first else "SORTTIME")
    if not job.is_first:
        for icon, places in (("TRIA_UP", -1), ("TRIA_DOWN", 1)):
            button = row.operator("sdb.move_job", text="", icon=icon)
            button.job, button.places = job.id, places
    row.operator("sdb.cancel_job", text="", icon="X").job = job.id


classes = places.panels_of(Queue, "queue")
SDB_PT_view3d_queue, SDB_PT_image_queue, *_ = classes
register, unregister = bpy.utils.register_classes_factory(classes)
