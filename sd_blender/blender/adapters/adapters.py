# SPDX-License-Identifier: GPL-3.0-or-later
"""From the scene's list of LoRAs and embeddings to a request, and back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import BlenderStateError, InvalidRequest
from ...core.request import Lora
from ...core.tensor_header import look_at
from ..model_choice import is_foreign
from ..results import naming

Entry = Any


def chosen(scene: bpy.types.Scene) -> dict[str, Any]:
    """``loras`` and ``embeddings`` of a request: those in use, in the order of the list. Raises BlenderStateError."""
    used = [(entry, _path(entry)) for entry in scene.sd_blender_adapters.entries if entry.use]
    return {
        "loras": tuple(Lora(path=path, weight=entry.weight) for entry, path in used if entry.kind == "LORA"),
        "embeddings": tuple(path for entry, path in used if entry.kind == "EMBEDDING"),
    }


def _path(entry: Entry) -> str:
    path = bpy.path.abspath(entry.path)
    if is_foreign(path):
        raise BlenderStateError(
            f'"{naming.of_file(path)}" of this scene is on the network; if you trust it, copy it to this computer and '
            "choose that."
        )
    return path


def paths_in(header: Mapping[str, Any]) -> list[str]:
    """The files that a request names, as JSON that may be a stranger's."""
    items = [
        item
        for name in ("loras", "embeddings")
        if isinstance(header.get(name), list)
        for item in header[name]
    ]
    paths = [item.get("path") if isinstance(item, dict) else item for item in items]
    return [path for path in paths if isinstance(path, str)]


def add(scene: bpy.types.Scene, path: str) -> Entry:
    """Add a file of this computer, or switch on its entry if it has one. Raises InvalidRequest for another kind."""
    told = look_at(Path(path))
    entry = _find(scene, path) or scene.sd_blender_adapters.entries.add()
    entry.path = stored(path)
    entry.kind = "EMBEDDING" if told.is_word else "LORA"
    entry.trigger, entry.use = told.trigger, True
    scene.sd_blender_adapters.active = list(scene.sd_blender_adapters.entries).index(entry)
    return entry


def stored(path: str) -> str:
    """A path as it is kept in the .blend: beside it where Blender's preferences have it so."""
    if bpy.data.filepath and bpy.context.preferences.filepaths.use_relative_paths:
        try:
            return bpy.path.relpath(path)
        except ValueError:  # on another drive
            return path
    return path


def put_back(
    scene: bpy.types.Scene, loras: Iterable[Mapping[str, Any]], embeddings: Iterable[str]
) -> list[str]:
    """Use exactly these; returns the names of those that are not on this computer.

    The files may be a stranger's, so that none on the network is looked at. Other entries stay in the list, switched
    off.
    """
    for entry in scene.sd_blender_adapters.entries:
        entry.use = False
    wanted = [(lora["path"], lora.get("weight", 1.0)) for lora in loras]
    lost = []
    for path, weight in [*wanted, *((path, None) for path in embeddings)]:
        if is_foreign(path) or not os.path.isfile(path):
            lost.append(
                f"LoRA {naming.of_file(path)}" if weight is not None else f"embedding {naming.of_file(path)}"
            )
            continue
        entry = _find(scene, path) or scene.sd_blender_adapters.entries.add()
        entry.path, entry.use = stored(path), True
        entry.kind = "EMBEDDING" if weight is None else "LORA"
        entry.weight = 1.0 if weight is None else weight
        with contextlib.suppress(InvalidRequest):  # the engine says what is wrong with it
            entry.trigger = look_at(Path(path)).trigger
    return lost


def _find(scene: bpy.types.Scene, path: str) -> Entry | None:
    wanted = os.path.normcase(os.path.normpath(path))
    entries = scene.sd_blender_adapters.entries
    return next(
        (e for e in entries if os.path.normcase(os.path.normpath(bpy.path.abspath(e.path))) == wanted), None
    )
