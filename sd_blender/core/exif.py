# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts in the EXIF data of a picture, where JPEG and WebP files keep what PNG keeps in text chunks.

EXIF is a TIFF file of its own: a header, and directories of entries of 12 bytes, which hold a value or say where it
lies. Only texts of the first directory and of the one for the camera are read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

NAMES = {
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x013B: "Artist",
    0x927C: "MakerNote",
    0x9286: "UserComment",
}
CAMERA = 0x8769
"""The entry that says where the second directory is."""

LONG, BYTES = 4, (1, 2, 7)
"""Types of entries: a number of 32 bits; bytes, text of single bytes, and anything."""

MAX_ENTRIES = 200
PREFIX = 8
"""Bytes of a comment that say how the rest is encoded."""


def read(data: bytes) -> dict[str, str]:
    """The texts by the names of their tags; what is damaged is passed over."""
    data = data.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return {}
    texts: dict[str, str] = {}
    waiting, seen = [_number(data, 4, order)], set()
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        for tag, kind, value in _entries(data, at, order):
            if tag == CAMERA and kind == LONG:
                waiting.append(int.from_bytes(value, "little" if order == "<" else "big"))
            elif tag in NAMES and kind in BYTES and (text := decoded(value)):
                texts.setdefault(NAMES[tag], text)
    return texts


def _number(data: bytes, at: int, order: str) -> int:
    return int(struct.unpack_from(f"{order}I", data, at)[0]) if at + 4 <= len(data) else 0


def _entries(data: bytes, at: int, order: str) -> Iterator[tuple[int, int, bytes]]:
    if not 0 < at <= len(data) - 2:
        return
    (count,) = struct.unpack_from(f"{order}H", data, at)
    for index in range(min(count, MAX_ENTRIES)):
        entry = at + 2 + 12 * index
        if entry + 12 > len(data):
            return
        tag, kind, length = struct.unpack_from(f"{order}HHI", data, entry)
        size = 4 if kind == LONG else length
        start = entry + 8 if size <= 4 else _number(data, entry + 8, order)
        yield tag, kind, data[start : start + size]


def decoded(value: bytes) -> str:
    """A text of any of the encodings that programs use, whatever they say it is."""
    if value.startswith(b"UNICODE\0"):
        return _wide(value[PREFIX:]).strip("\0 ")
    if value.startswith((b"ASCII\0\0\0", b"\0" * PREFIX)):
        value = value[PREFIX:]
    return plain(value).strip("\0 ")


def plain(value: bytes) -> str:
    """Bytes that are UTF-8 are hardly ever meant as Latin-1, in which any bytes are a text."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _wide(value: bytes) -> str:
    """UTF-16, of which some write the one byte order and some the other: the right one has the Latin letters."""
    if value[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return value.decode("utf-16", "replace")
    big, little = value[0::2].count(0), value[1::2].count(0)
    return value.decode("utf-16-be" if big >= little else "utf-16-le", "replace")
