# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that cannot go into the open file become files, in a folder whose path the panel names."""

from __future__ import annotations

import os
import tempfile

import bpy

from ...core.messages import GeneratedImage, Result
from . import naming
from .saving import encode, write

FOLDER = "sd_blender"
"""Of the add-on, in the user's data files of Blender."""


def keep(result: Result) -> str:
    """Have every picture of a result in a file and say where: the path of the one, or the folder of several.

    Pictures that are in the output folder stay there. Raises OSError when no folder takes the others.
    """
    paths = [
        picture.path if os.path.exists(picture.path) else _save(result, picture) for picture in result.images
    ]
    if len(paths) == 1:
        return paths[0]
    return " and ".join(dict.fromkeys(os.path.dirname(path) for path in paths))


def _save(result: Result, picture: GeneratedImage) -> str:
    data = picture.png or encode(result.request, picture)
    name = naming.file_name(result.request.prompt, picture.seed, data)
    try:
        return write(safe_folder(), name, data)
    except OSError:
        folder = tempfile.mkdtemp(prefix="sd_blender_")
    try:
        return write(folder, name, data)
    except OSError:
        os.rmdir(folder)
        raise


def safe_folder(*, create: bool = True) -> str:
    """A folder among the user's own files of Blender, which uninstalling an extension does not empty.

    That is why it is not ``extension_path_user``. "" when the folder cannot be made.
    """
    return bpy.utils.user_resource("DATAFILES", path=FOLDER, create=create)
