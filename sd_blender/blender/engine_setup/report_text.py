# SPDX-License-Identifier: GPL-3.0-or-later
"""The diagnosis as a text of the file. It is no work of the artist's: no undo step makes it, and none takes it away."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from .. import guard

REPORT_NAME = "SD Textures Report"

_before: str | None = None
"""The text before an undo or redo, None where there was none."""


def write(report: str) -> None:
    """Have the text editor's list hold the report, in place of an older one."""
    block = bpy.data.texts.get(REPORT_NAME) or bpy.data.texts.new(REPORT_NAME)
    block.from_string(report)


@persistent
@guard.handler
def _note(*_) -> None:
    global _before
    block = bpy.data.texts.get(REPORT_NAME)
    _before = None if block is None else block.as_string()


@persistent
@guard.handler
def _keep(*_) -> None:
    """Undo knows nothing of what was made without a step, and drops it."""
    if _before is not None and REPORT_NAME not in bpy.data.texts:
        write(_before)


HANDLERS = {"undo_pre": _note, "redo_pre": _note, "undo_post": _keep, "redo_post": _keep}


def register() -> None:
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)
