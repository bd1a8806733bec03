# SPDX-License-Identifier: GPL-3.0-or-later
"""Encoding results as PNG and writing them to the output folder, on the generation thread: no bpy here.

A picture encoded there costs Blender's main thread less than a millisecond to pack.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path

from ..core import png
from ..core.messages import GeneratedImage, Result
from ..core.request import Request
from ..core.serialization import provenance
from .naming import file_name

KEYWORD = "sd_blender"
"""Of the provenance: the text in a PNG file and the custom property on an image are called the same."""


class Saver:
    """Encodes the pictures of a result; called by the generation thread.

    folder: absolute path of the output folder, or "" to write no files; the main thread sets it at each submit.
    """

    def __init__(self) -> None:
        self.folder = ""

    def __call__(self, result: Result) -> Result:
        images = tuple(self._save(result.request, image) for image in result.images)
        return dataclasses.replace(result, images=images)

    def _save(self, request: Request, image: GeneratedImage) -> GeneratedImage:
        story = provenance(request, image)
        data = png.encode(image.pixels, {KEYWORD: story})
        path, warnings = "", image.warnings
        if self.folder:
            try:
                path = write(self.folder, file_name(request.prompt, image.seed, data), data)
            except OSError as error:
                reason = error.strerror or str(error)
                warnings = (
                    *warnings,
                    f"The texture could not be saved in {self.folder} ({reason}), so it is packed in the .blend; "
                    "check the output folder in the preferences.",
                )
        return dataclasses.replace(image, warnings=warnings, png=data, provenance=story, path=path)


def encode(request: Request, image: GeneratedImage) -> bytes:
    """The PNG file of a picture, with its provenance inside."""
    return png.encode(image.pixels, {KEYWORD: provenance(request, image)})


def write(folder: str, name: str, data: bytes) -> str:
    """Write ``data`` to a file in ``folder``, whole or not at all, and return its path.

    Raises OSError when the folder is not there, cannot be written, is full, or gives back other bytes.
    """
    path = Path(folder, name)
    temporary = path.with_name(f".{name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # A full disk or a dropped network drive may accept a write and lose it.
        if temporary.read_bytes() != data:
            raise OSError("the file reads back differently")
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    return str(path)
