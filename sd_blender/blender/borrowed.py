# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the artist's that are changed for a moment, and come back in any case."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import bpy

from ..core.errors import BlenderStateError

STANDARD = {
    "view_transform": "Standard",  # before the look, of which each view has its own
    "look": "None",
    "exposure": 0.0,
    "gamma": 1.0,
    "use_curve_mapping": False,
    "use_white_balance": False,  # from 4.3
}


@contextlib.contextmanager
def values(owner: Any, **wanted: Any) -> Iterator[None]:
    """Set properties of a bpy object in the order given, and put back what they were."""
    before = {name: getattr(owner, name) for name in wanted}
    try:
        for name, value in wanted.items():
            setattr(owner, name, value)
        yield
    finally:
        for name, value in before.items():
            # A value may have gone meanwhile, such as a view of a colour configuration; the others still come back.
            with contextlib.suppress(TypeError):
                setattr(owner, name, value)


@contextlib.contextmanager
def standard_view(settings: bpy.types.ColorManagedViewSettings) -> Iterator[None]:
    """The view transform Standard, at exposure 0 and with no look. Raises BlenderStateError where there is none."""
    wanted = {name: value for name, value in STANDARD.items() if hasattr(settings, name)}
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(values(settings, **wanted))
        except TypeError as error:
            raise BlenderStateError(
                "This colour configuration has no view transform Standard; set Colors to As Displayed."
            ) from error
        yield
