# SPDX-License-Identifier: GPL-3.0-or-later
"""The model of a scene, and which paths of a .blend are not to be looked at."""

from __future__ import annotations

import ntpath
from typing import Any

import bpy

from ..core.choices import STARTER_MODEL
from ..core.errors import BlenderStateError
from . import preferences


def chosen_model(settings: Any) -> str:
    """The model of the scene, of the preferences, or the one that ships with the add-on. Raises BlenderStateError."""
    chosen = bpy.path.abspath(settings.model)
    if is_foreign(chosen):
        raise BlenderStateError(
            "This scene's model is on the network; if you trust it, choose that folder in the preferences instead."
        )
    return chosen or preferences.read().model_folder or STARTER_MODEL


def usual_model() -> str:
    """The name of the model of scenes that choose none, "" for the one that ships with the add-on."""
    return ntpath.basename(preferences.read().model_folder.rstrip("/\\"))


def is_foreign(path: str) -> bool:
    """Whether a path leads to another computer than this .blend lies on.

    To look at a folder there is to log in, and the path may be a stranger's.
    """
    return _share(path) not in ("", _share(bpy.data.filepath))


def _share(path: str) -> str:
    """The computer and folder of a path on the network, as Windows sees it; "" for a path on this computer."""
    drive = ntpath.splitdrive(path.replace("/", "\\"))[0]
    return drive if drive.startswith("\\\\") else ""
