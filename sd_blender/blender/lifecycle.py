# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender is doing, as its handlers tell: whether its data may be changed now, and which file is open.

The handlers of a render run on the render's thread, so that all of them do no more than note a word. Not even that
can raise, so that none of them needs a guard.
"""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from . import tools

_busy: set[str] = set()
_file_generation = 0


JOBS = {"RENDER": "rendering", "OBJECT_BAKE": "baking"}
"""What Blender calls its jobs: one that began before the add-on was enabled was told to no handler of ours."""


def busy_with() -> str | None:
    """What keeps Blender's data from being changed ("rendering", "baking", "saving", "loading", "painting", "in the
    middle of Move"), or None.
    """
    jobs = (word for job, word in JOBS.items() if bpy.app.is_job_running(job))
    return next(iter(_busy), None) or next(jobs, None) or tools.in_hand()


def waits_for() -> str | None:
    """As :func:`busy_with`, for what a timer of ours wants to change: it waits for the tools of add-ons too."""
    return busy_with() or tools.in_hand_of_addon()


def file_generation() -> int:
    """A number that changes when another file is opened: data of an older one is gone."""
    return _file_generation


@persistent
def _render_begins(*_) -> None:
    _busy.add("rendering")


@persistent
def _render_ends(*_) -> None:
    _busy.discard("rendering")


@persistent
def _bake_begins(*_) -> None:
    _busy.add("baking")


@persistent
def _bake_ends(*_) -> None:
    _busy.discard("baking")


@persistent
def _save_begins(*_) -> None:
    _busy.add("saving")


@persistent
def _save_ends(*_) -> None:
    _busy.discard("saving")


@persistent
def _load_begins(*_) -> None:
    _busy.add("loading")


@persistent
def _load_ends(*_) -> None:
    global _file_generation
    _file_generation += 1
    _busy.clear()


@persistent
def _load_fails(*_) -> None:
    _busy.discard("loading")


HANDLERS = {
    "render_init": _render_begins,
    "render_complete": _render_ends,
    "render_cancel": _render_ends,
    "object_bake_pre": _bake_begins,
    "object_bake_complete": _bake_ends,
    "object_bake_cancel": _bake_ends,
    "save_pre": _save_begins,
    "save_post": _save_ends,
    "save_post_fail": _save_ends,
    "load_pre": _load_begins,
    "load_post": _load_ends,
    "load_post_fail": _load_fails,
}


def register() -> None:
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)
    _busy.clear()
