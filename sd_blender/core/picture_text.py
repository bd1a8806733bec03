# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts that a PNG, JPEG or WebP file carries beside its pixels, by keyword."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from . import exif, png, stealth

XMP = "XML:com.adobe.xmp"
"""The keyword of XMP in a PNG file."""

STEALTH = "stealth"
"""The keyword of what a PNG file without any text hides in its pixels."""

JPEG, RIFF, WEBP = b"\xff\xd8\xff", b"RIFF", b"WEBP"
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_APP1, _COMMENT, _SCAN, _END = 0xE1, 0xFE, 0xDA, 0xD9
_ALONE = {0x01, *range(0xD0, 0xD9)}
"""Markers of JPEG without a length."""

MAX_HEAD = 2**24
"""Bytes before the picture in which a JPEG file is searched."""


def read(data: bytes) -> dict[str, str]:
    """Raises ValueError for a file of another kind, and for a PNG file that is damaged."""
    if data.startswith(JPEG):
        return _of_parts(_segments(data))
    if data.startswith(RIFF) and data[8:12] == WEBP:
        return _of_parts(_chunks(data))
    if not data.startswith(png.SIGNATURE):
        raise ValueError("not a PNG file, nor JPEG or WebP")
    texts = png.read_text(data)
    return texts if texts or not stealth.hides_text(data) else {STEALTH: ""}


def _of_parts(parts: Iterator[tuple[str, bytes]]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, body in parts:
        found = exif.read(body) if name == "exif" else {name: exif.plain(body)}
        texts = found | texts
    return texts


def _segments(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 2
    while at + 4 <= min(len(data), MAX_HEAD) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in (_SCAN, _END):  # the picture itself comes next
            return
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + length]
        if marker == _APP1 and body.startswith(_EXIF):
            yield "exif", body
        elif marker == _APP1 and body.startswith(_XMP):
            yield XMP, body.removeprefix(_XMP)
        elif marker == _COMMENT:
            yield "Comment", body
        at += 2 + max(length, 2)


def _chunks(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind in (b"EXIF", b"XMP "):
            yield ("exif" if kind == b"EXIF" else XMP), data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
