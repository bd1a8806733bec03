# SPDX-License-Identifier: GPL-3.0-or-later
"""Encoding pictures as PNG and writing them to the output folder, on the generation thread: no bpy here.

A picture encoded there costs Blender's main thread less than a millisecond to pack.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import os
from pathlib import Path

from ...core import png, thumbnails
from ...core.messages import GeneratedImage
from ...core.request import Request
from ...core.sentence import Sentence
from ...core.serialization import KEYWORD, provenance
from .naming import file_name


class Saver:
    """Encodes a picture that stays; called by the generation thread as soon as there is one.

    folder: absolute path of the output folder, or "" to write no files; the main thread sets it at each submit.
    """

    def __init__(self) -> None:
        self.folder = ""

    def __call__(self, request: Request, image: GeneratedImage) -> GeneratedImage:
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
                    Sentence(
                        "The texture could not be saved in {folder} ({reason}), so it is packed in the .blend; "
                        "check the output folder in the preferences.",
                        folder=self.folder,
                        reason=reason,
                    ),
                )
        return dataclasses.replace(
            image,
            warnings=warnings,
            png=data,
            provenance=story,
            path=path,
            thumbnail=thumbnails.make(image.pixels),
        )


def encode(request: Request, image: GeneratedImage) -> bytes:
    """The PNG file of a picture, with its provenance inside."""
    return png.encode(image.pixels, {KEYWORD: provenance(request, image)})


def write(folder: str, name: str, data: bytes) -> str:
    """Write ``data`` to a file in ``folder``, whole or not at all, and return its path.

    A file of that name that holds other bytes is left alone, since an artist may have painted on it; then the name
    gets a number. Raises OSError when the folder is not there, cannot be written, is full, or gives back other bytes.
    """
    if not os.path.isabs(folder):  # such as "//textures" in the preferences while the .blend has no file yet
        raise OSError(errno.ENOENT, "the folder belongs to a .blend that is not saved yet")
    path = _free_path(Path(folder, name), data)
    if path.exists():
        return str(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
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


def _free_path(path: Path, data: bytes) -> Path:
    """``path``, or with a number in its name the first one that is free or holds ``data`` already."""
    for number in itertools.count(2):
        if not path.exists() or path.read_bytes() == data:
            return path
        stem = path.stem if number == 2 else path.stem.rpartition("_")[0]
        path = path.with_name(f"{stem}_{number}{path.suffix}")
    raise AssertionError("counting ends with the first free name")
