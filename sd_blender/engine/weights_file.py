# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this file really safetensors? Decided by its content, never by its name, and without loading a tensor."""

from __future__ import annotations

import json
from pathlib import Path

from ..core.errors import ModelRefused
from ..core.sentence import Sentence

Shapes = dict[str, tuple[int, ...]]

_MAX_HEADER = 100_000_000
"""Bytes; the limit of the safetensors format itself."""

_FOREIGN = (
    (b"version https://git-lfs", "only a Git LFS pointer, not the weights; download the file itself"),
    (b"<", "a web page, not weights; delete it and download the model again"),
    (
        b"PK\x03\x04",
        "a pickle archive under another name, which could run code; get the model as safetensors",
    ),
    (b"7z\xbc\xaf", "a 7-Zip archive, not weights; unpack it, or get the model as safetensors"),
    (b"\x80", "a pickle under another name, which could run code; get the model as safetensors"),
)


def read_shapes(path: Path) -> Shapes:
    """The shape of every tensor in a safetensors file, by name.

    Reads the header alone: 8 bytes of length, that many bytes of JSON, then data whose offsets must fill the
    rest of the file exactly. Raises ModelRefused, with a sentence that names the file, for anything else.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(32)
            length = int.from_bytes(start[:8], "little")
            if size < 8 or length > min(size - 8, _MAX_HEADER) or not start[8:9] == b"{":
                raise ModelRefused(
                    Sentence(
                        "The file {path} is {what_instead}.", path=path, what_instead=_what_instead(start)
                    )
                )
            file.seek(8)
            text = file.read(length)
    except OSError as error:
        raise ModelRefused(
            Sentence("{path} cannot be read; check its permissions.", path=path), details=str(error)
        ) from error
    try:
        header = json.loads(text)
        header.pop("__metadata__", None)
        ends = [int(entry["data_offsets"][1]) for entry in header.values()]
        shapes = {name: tuple(map(int, entry["shape"])) for name, entry in header.items()}
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        OverflowError,
        RecursionError,
    ) as error:
        raise ModelRefused(
            Sentence("{path} is damaged; delete it and download it again.", path=path), details=str(error)
        ) from error
    if max(ends, default=0) != size - 8 - length:
        raise ModelRefused(
            Sentence("{path} is cut off or has bytes too many; delete it and download it again.", path=path)
        )
    return shapes


def _what_instead(start: bytes) -> str:
    if not start:
        return "empty; delete it and download it again"
    for magic, sentence in _FOREIGN:
        if start.lstrip().startswith(magic):
            return sentence
    return "not a safetensors file, or cut off; delete it and download it again"
