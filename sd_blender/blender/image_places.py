# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the artist sees an image or paints with it: Image Editors, and canvas, stencil and clone of Texture Paint.

When an image takes the place of another, these go along, or strokes would land where nothing shows them. Undo and redo
bring back what nodes and settings point at and leave all of these as they are; so what was moved is remembered, and
goes back and comes again with the step that it was part of.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import guard

PAINTED_ON = ("image", "canvas")
"""What goes along to another picture; the stencil and what is cloned were chosen for what they show."""

EVERYWHERE = (*PAINTED_ON, "stencil_image", "clone_image")

MOST = 64
"""Moves that are remembered, the newest."""

Key = tuple[int, str]
"""Of a place, however often undo makes its owner anew: address of the editor or session id of the scene, and name."""


@dataclass(frozen=True)
class _Move:
    """From an image to another, by their session ids. holds: tells whether the second still has the first's place."""

    key: Key
    old: int
    new: int
    holds: Callable[[], bool] | None


_moves: deque[_Move] = deque(maxlen=MOST)
_before: dict[Key, int] = {}
_held: list[bool] = []
"""Before an undo or redo: what the places show, and which moves hold."""


def put(owner: Any, name: str, image: bpy.types.Image, holds: Callable[[], bool] | None = None) -> None:
    """Show an image in one place; see :func:`follow`.

    Args:
        owner: the space of an Image Editor, or the settings of Texture Paint.
        name: of its property, one of EVERYWHERE.
    """
    before = getattr(owner, name)
    if before == image:
        return
    _set(owner, name, image)
    if before is not None:
        _moves.append(_Move(_key(owner, name), before.session_uid, image.session_uid, holds))


def follow(
    old: bpy.types.Image | None,
    new: bpy.types.Image,
    names: Iterable[str] = PAINTED_ON,
    holds: Callable[[], bool] | None = None,
) -> None:
    """Have the places of an image show the one that takes its place. A pinned editor goes on to show what it shows.

    Args:
        names: which kinds of places.
        holds: whether that is still so, asked before and after an undo. By default it is while the new one exists,
            which is right for an image that was made in the same step.
    """
    if old is None:
        return
    for (_, name), owner in _places().items():
        if name in names and getattr(owner, name) == old and not getattr(owner, "use_image_pin", False):
            put(owner, name, new, holds)


@contextlib.contextmanager
def stay() -> Iterator[None]:
    """Have Image Editors show what they do: Blender turns them to a new Image Texture, and to a new canvas."""
    spaces = [owner for (_, name), owner in _places().items() if name == "image"]
    before = [(space, space.image) for space in spaces]
    try:
        yield
    finally:
        for space, image in before:
            if space.image != image:
                space.image = image


def _set(owner: Any, name: str, image: bpy.types.Image) -> None:
    with contextlib.nullcontext() if name == "image" else stay():
        setattr(owner, name, image)


def _places() -> dict[Key, Any]:
    """Every place, in workspaces that are not open too."""
    areas = (area for screen in bpy.data.screens for area in screen.areas)
    owners = [(space, ("image",)) for area in areas for space in area.spaces if space.type == "IMAGE_EDITOR"]
    scenes = (scene for scene in bpy.data.scenes if scene.is_editable)
    owners += [(scene.tool_settings.image_paint, EVERYWHERE[1:]) for scene in scenes]
    return {_key(owner, name): owner for owner, names in owners for name in names}


def _key(owner: Any, name: str) -> Key:
    return (owner.as_pointer() if name == "image" else owner.id_data.session_uid), name


def _holding() -> list[bool]:
    existing = {image.session_uid for image in bpy.data.images}
    asked = {move.holds: move.holds() for move in _moves if move.holds is not None and move.new in existing}
    return [move.new in existing and asked.get(move.holds, True) for move in _moves]


@persistent
@guard.handler
def _note(*_) -> None:
    global _before, _held
    _before, _held = {}, []
    if _moves:
        shown = ((key, getattr(owner, key[1])) for key, owner in _places().items())
        _before = {key: image.session_uid for key, image in shown if image is not None}
        _held = _holding()


@persistent
@guard.handler
def _go_along(*_) -> None:
    if len(_held) != len(_moves):
        return
    changed = [(move, now) for move, was, now in zip(_moves, _held, _holding(), strict=True) if was != now]
    if not changed:
        return
    images = {image.session_uid: image for image in bpy.data.images}
    for key, owner in _places().items():
        image = images.get(_end_of(key, _before.get(key, 0), changed))
        if image is not None and getattr(owner, key[1]) != image:
            _set(owner, key[1], image)


def _end_of(key: Key, uid: int, changed: list[tuple[_Move, bool]]) -> int:
    """Where the moves of one place lead that came to hold, and back those that do no more."""
    steps = {}
    for move, holds in changed:
        if move.key == key:
            steps |= {move.old: move.new} if holds else {move.new: move.old}
    passed: set[int] = set()
    while uid in steps and uid not in passed:
        passed.add(uid)
        uid = steps[uid]
    return uid


@persistent
@guard.handler
def _loaded(*_) -> None:
    """Session ids of the file before mean other images now."""
    _moves.clear()


HANDLERS = {
    "undo_pre": _note,
    "redo_pre": _note,
    "undo_post": _go_along,
    "redo_post": _go_along,
    "load_post": _loaded,
}


def register() -> None:
    """After the variants, which take what is on trial out of the editors before an undo."""
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)
    _moves.clear()
