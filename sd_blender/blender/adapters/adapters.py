# SPDX-License-Identifier: GPL-3.0-or-later
"""From the scene's list of LoRAs and embeddings to a request, and back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import bpy

from ...core import lora_library, lora_tags
from ...core.errors import BlenderStateError, InvalidRequest
from ...core.lora_tags import Call
from ...core.request import Lora
from ...core.sentence import Sentence
from ...core.tensor_header import look_at
from .. import preferences
from ..model_choice import is_foreign
from ..results import naming

Entry = Any
SEARCH_SECONDS = 2.0
"""For a file by its checksum; each is read to its end."""


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
            Sentence(
                '"{of_file}" of this scene is on the network; if you trust it, copy it to this computer '
                "and choose that.",
                of_file=naming.of_file(path),
            )
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
                f"LoRA {naming.of_file(path)}"
                if weight is not None
                else Sentence("embedding {of_file}", of_file=naming.of_file(path))
            )
            continue
        entry = _find(scene, path) or scene.sd_blender_adapters.entries.add()
        entry.path, entry.use = stored(path), True
        entry.kind = "EMBEDDING" if weight is None else "LORA"
        entry.weight = 1.0 if weight is None else weight
        with contextlib.suppress(InvalidRequest):  # the engine says what is wrong with it
            entry.trigger = look_at(Path(path)).trigger
    return lost


def library(scene: bpy.types.Scene) -> tuple[str, ...]:
    """The folders in which files are looked for by their names: of the preferences, of the list, and of the training.

    None is on the network unless the preferences say so: the others may be a stranger's.
    """
    paths = [entry.path for entry in scene.sd_blender_adapters.entries]
    paths.append(scene.sd_blender_training.output)
    folders = [os.path.dirname(bpy.path.abspath(path)) for path in paths if path]
    own = preferences.read().lora_folder
    return tuple(dict.fromkeys([*filter(None, [own]), *(f for f in folders if f and not is_foreign(f))]))


def called_from(scene: bpy.types.Scene, prompt: str) -> dict[str, Any]:
    """``lora_folders`` of a request whose prompt may call LoRAs by their names; nothing for any other."""
    return {"lora_folders": library(scene)} if lora_tags.may_call(prompt) else {}


def find(scene: bpy.types.Scene, call: Call) -> tuple[str, str]:
    """The path of a file that is called by its name or known by its checksum, "" for none, and what is odd about it."""
    folders = library(scene)
    path = lora_library.find(call.name, folders)
    if path is not None:
        same = len(call.digest) < lora_library.SHORTEST or lora_library.matches(path, call.digest)
        return str(path), "" if same else f"{call.label} (the file of this name is another one)"
    path = lora_library.find_by_digest(call.digest, folders, SEARCH_SECONDS)
    return ("", "") if path is None else (str(path), "")


def _find(scene: bpy.types.Scene, path: str) -> Entry | None:
    wanted = os.path.normcase(os.path.normpath(path))
    entries = scene.sd_blender_adapters.entries
    return next(
        (e for e in entries if os.path.normcase(os.path.normpath(bpy.path.abspath(e.path))) == wanted), None
    )
