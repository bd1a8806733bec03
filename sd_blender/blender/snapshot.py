# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings at one moment, to be compared with those of another."""

from __future__ import annotations

from typing import Any

PASSING = frozenset({"rna_type", "name", "seed", "long_seed", "show_mask"})
"""Properties that no error is about: Generate draws the seed itself."""

Snapshot = tuple[Any, ...]


def of(settings: Any) -> Snapshot:
    """The values of a scene's settings; of datablocks the session id."""
    names = (name for name in settings.bl_rna.properties.keys() if name not in PASSING)  # noqa: SIM118 - bpy's own
    return tuple(_plain(getattr(settings, name)) for name in names)


def _plain(value: Any) -> Any:
    return getattr(value, "session_uid", value)
