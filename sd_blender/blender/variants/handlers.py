# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a preview out of what outlives it: files, undo steps, and a Blender without the add-on."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from .. import guard, late, lifecycle
from .properties import previewed, shown

with late.imports():
    from . import variants


@persistent
@guard.handler
def _before_save(*_) -> None:
    """While a render or a bake uses the nodes they are left alone; then the file is put right when it is opened."""
    if not lifecycle.busy_with():
        variants.pause()


@persistent
@guard.handler
def _after_save(*_) -> None:
    if shown.paused:
        variants.resume()


@persistent
@guard.handler
def _before_undo(*_) -> None:
    """Undo takes from memory what no step has changed; a preview that is no step would be taken for the past."""
    if shown.key:
        variants.end_preview()


@persistent
@guard.handler
def _after_change(*_) -> None:
    """A step that was made during a preview holds it, and so does a file that Blender saved by itself."""
    if previewed():
        variants.sweep()


@persistent
@guard.handler
def _after_load(*_) -> None:
    shown.reset()
    _after_change()


HANDLERS = {
    "save_pre": _before_save,
    "save_post": _after_save,
    "save_post_fail": _after_save,
    "undo_pre": _before_undo,
    "redo_pre": _before_undo,
    "undo_post": _after_change,
    "redo_post": _after_change,
    "load_post": _after_load,
}


def register() -> None:
    """Before ``lifecycle``, whose handler of the same moment says that Blender is busy."""
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)
    if shown.key:
        variants.end_preview()
