# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether two U-Nets have the same weights, told in milliseconds: a LoRA belongs to those that it was trained on.

A checksum of all bytes takes seconds for each 5 GB, before every picture. Training moves every weight, so a few places
tell two trainings apart; a damaged file they do not show, for which there is :mod:`~.known_models`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from .families import UNET
from .model_files import ModelFiles

UNET_KEY = "sd_blender_unet"
"""Where the metadata of a LoRA of ours tell the fingerprint of the U-Net that it was trained on."""

_PLACES, _PLACE = 64, 2**14
"""How many pieces of a file are read, and their bytes."""


def unet_fingerprint(files: ModelFiles) -> str:
    """16 hex digits: of a SHA-256 of sizes and pieces of the files of the U-Net. Raises OSError."""
    digest = hashlib.sha256()
    for path in sorted(path for path in files.weights if path.parent.name == UNET):
        for piece in _pieces(path):
            digest.update(piece)
    return digest.hexdigest()[:16]


def _pieces(path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    yield str(size).encode()
    with path.open("rb") as file:
        for start in range(0, size, max(_PLACE, size // _PLACES)):
            file.seek(start)
            yield file.read(_PLACE)
