# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures that are trained on: found, looked at and captioned before anything slow begins."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ...core.errors import InvalidRequest
from ...core.request import ImageArray
from ...core.sentence import Sentence
from ...core.training_captions import captions_of, listed
from ...core.training_request import Training

SMALLEST = 32
"""Pixels per side; less is an icon."""


@dataclass(frozen=True)
class Source:
    """One picture of the folder. caption: as it is trained on, with the trigger. width, height: in pixels."""

    path: Path
    caption: str
    width: int
    height: int


def find_sources(request: Training) -> list[Source]:
    """Every picture of the folder. Raises InvalidRequest, which names the files at fault."""
    folder = Path(request.images).expanduser()
    texts = captions_of(request)
    return [Source(folder / name, text, *_size(folder / name)) for name, text in texts.items()]


def read_pixels(path: Path) -> ImageArray:
    """height x width x 3, turned as its camera meant; what is transparent becomes grey. Raises InvalidRequest."""
    try:
        with Image.open(path) as image:
            turned = ImageOps.exif_transpose(image)
            if "A" in turned.getbands() or "transparency" in turned.info:
                turned = turned.convert("RGBA")
                grey = Image.new("RGBA", turned.size, (128, 128, 128, 255))
                turned = Image.alpha_composite(grey, turned)
            elif turned.mode in ("I", "F", "I;16"):
                raise ValueError(f"{turned.mode} pixels of more than 8 bits")
            return np.array(turned.convert("RGB"))
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error


_UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError)
"""What Pillow raises for files that are cut off, are no pictures, or would fill the memory."""


def digest(sources: Sequence[Source]) -> str:
    """A short SHA-256 of names and captions, for the provenance."""
    text = "\n".join(f"{source.path.name}\t{source.caption}" for source in sources)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def notes_on(sources: Sequence[Source], size: int) -> list[str]:
    """Sentences on what may make the result worse than it could be."""
    small = [source.path.name for source in sources if min(source.width, source.height) < size]
    if not small:
        return []
    verb = "is" if len(small) == 1 else "are"
    return [
        Sentence(
            "{listed} {verb} smaller than {size} pixels and had to be enlarged, which blurs.",
            listed=listed(small),
            verb=verb,
            size=size,
        )
    ]


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112) in (5, 6, 7, 8)
            width, height = image.size[::-1] if turned else image.size
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error
    if min(width, height) < SMALLEST:
        raise InvalidRequest(
            "images",
            Sentence(
                "{name} is {width} x {height} pixels, too small to learn from; remove it.",
                name=path.name,
                width=width,
                height=height,
            ),
        )
    return width, height


def _unreadable(path: Path, error: BaseException) -> InvalidRequest:
    reason = str(error).split("\n")[0][:120] or type(error).__name__
    return InvalidRequest(
        "images",
        Sentence(
            "{name} cannot be read as a picture ({reason}); repair or remove it.",
            name=path.name,
            reason=reason,
        ),
    )
