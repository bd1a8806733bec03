# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the artist's that are changed for a moment, and come back in any case."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import bpy

from ...core.errors import BlenderStateError

SRGB = "sRGB"

STANDARD = {
    "view_transform": "Standard",  # before the look, of which each view has its own
    "look": "None",
    "exposure": 0.0,
    "gamma": 1.0,
    "use_curve_mapping": False,
    "use_white_balance": False,  # from 4.3
}


@contextlib.contextmanager
def kept(owner: Any, names: Iterable[str] = ()) -> Iterator[None]:
    """Whatever is done to these properties of a bpy object, or to all that can be set, what they were is put back."""
    names = names or [p.identifier for p in owner.bl_rna.properties if not p.is_readonly]
    before = {name: getattr(owner, name) for name in names if hasattr(owner, name)}
    try:
        yield
    finally:
        _put_back(owner, before)


@contextlib.contextmanager
def values(owner: Any, **wanted: Any) -> Iterator[None]:
    """Set properties of a bpy object in the order given, and put back what they were."""
    before = {name: getattr(owner, name) for name in wanted}
    unset = [name for name in wanted if not owner.is_property_set(name)]
    try:
        for name, value in wanted.items():
            setattr(owner, name, value)
        yield
    finally:
        _put_back(owner, before)
        for name in unset:  # nobody has chosen it
            owner.property_unset(name)


@contextlib.contextmanager
def standard_view(owner: bpy.types.Scene | bpy.types.ImageFormatSettings) -> Iterator[None]:
    """The view transform Standard on sRGB, without look and exposure. Raises BlenderStateError where there is none."""
    view = owner.view_settings
    wanted = {name: value for name, value in STANDARD.items() if hasattr(view, name)}
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(values(owner.display_settings, display_device=SRGB))
            stack.enter_context(values(view, **wanted))
        except TypeError as error:
            raise BlenderStateError(
                "This colour configuration has no view transform Standard; set Colors to As Displayed."
            ) from error
        yield


@contextlib.contextmanager
def srgb_display(owner: bpy.types.Scene | bpy.types.ImageFormatSettings) -> Iterator[None]:
    """The view of the artist as a display of sRGB shows it, since that is what an engine takes and gives.

    A display that Blender has no sRGB beside, as of another colour configuration, stays.
    """
    if owner.display_settings.display_device == SRGB:
        yield
        return
    view = owner.view_settings
    with kept(view, STANDARD), contextlib.ExitStack() as stack:
        shown = {name: getattr(view, name) for name in ("view_transform", "look")}
        with contextlib.suppress(TypeError):
            stack.enter_context(values(owner.display_settings, display_device=SRGB))
        _put_back(view, shown)  # another display may have chosen another view
        yield


def _put_back(owner: Any, before: dict[str, Any]) -> None:
    """In the order in which Blender lists them, or they were set: what others depend on comes first."""
    for name, value in before.items():
        # A value may have gone meanwhile, such as a view of a colour configuration; the others still come back.
        with contextlib.suppress(TypeError):
            setattr(owner, name, value)
