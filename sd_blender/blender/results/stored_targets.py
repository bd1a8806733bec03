# SPDX-License-Identifier: GPL-3.0-or-later
"""The target of a job as text in the .blend. The ids in it hold until another file is opened; then the names do."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

import bpy

from ...core.errors import BlenderStateError
from .. import lifecycle
from ..encoding import Encoding
from . import nodes
from .targets import NodeReference, Reference, Target

NOTHING = -1
"""The id of no datablock."""

_session = uuid.uuid4().hex


def dump(target: Target) -> str:
    """The text of a target in the open file."""
    values = asdict(target) | {"file_generation": _file()}
    if target.node is not None and (owner := target.node.owner.find(nodes.trees())):
        values["node"]["kind"] = owner.id_type
    return json.dumps(values)


def load(text: str) -> Target:
    """The target, with the present names of what is there. Raises BlenderStateError when the text is damaged."""
    try:
        return _target(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BlenderStateError(
            "Where this variant belongs is damaged; use its image from the history."
        ) from error


def renew(text: str) -> str:
    """The text with the present names, which are all that is left of it when the file is opened again."""
    try:
        return dump(load(text))
    except BlenderStateError:
        return text  # choosing it says so


def _target(values: dict[str, Any]) -> Target:
    here = values["file_generation"] == _file()
    return Target(
        lifecycle.file_generation(),
        _reference(values["object"], bpy.data.objects, here),
        _reference(values["material"], bpy.data.materials, here),
        _reference(values["source"], bpy.data.images, here),
        int(values["slot"]),
        _node(values["node"], here),
        _reference(values.get("scene"), bpy.data.scenes, here),  # older files have none
        _encoding(values.get("encoding")),
    )


def _encoding(values: dict[str, Any] | None) -> Encoding:
    """Older versions stored none."""
    known = {field.name for field in fields(Encoding)}
    return Encoding(**{name: str(value) for name, value in (values or {}).items() if name in known})


def _node(values: dict[str, Any] | None, here: bool) -> NodeReference | None:
    if values is None:
        return None
    owners = (owner for owner in nodes.trees() if owner.id_type == values.get("kind"))
    owner = _reference(values["owner"], owners, here)
    return NodeReference(owner, str(values["name"]), _reference(values["image"], bpy.data.images, here))


def _reference(values: dict[str, Any] | None, there: Iterable[bpy.types.ID], here: bool) -> Reference | None:
    """here: whether the id was given in the file that is open, by this Blender."""
    if values is None:
        return None
    reference = Reference(str(values["name"]), int(values["uid"]))
    if here:
        return Reference.to(reference.find(there)) or reference
    found = next((item for item in there if item.name == reference.name and item.library is None), None)
    return Reference.to(found) or Reference(reference.name, NOTHING)


def _file() -> str:
    return f"{_session}-{lifecycle.file_generation()}"
