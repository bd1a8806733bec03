# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a PNG file hides a text in the lowest bit of its alpha, as pictures of NovelAI and others do.

The bits go down the first column, then the next one, and begin with a word that says so. It is only looked for.
"""

from __future__ import annotations

import struct
import zlib

from . import png

WORDS = (b"stealth_pnginfo", b"stealth_pngcomp")
ROWS = 8 * len(WORDS[0])
RGBA, EIGHT_BITS = 6, 8
FILTER_UP, FILTER_AVERAGE, FILTER_PAETH = 2, 3, 4


def hides_text(data: bytes) -> bool:
    """For the data of a PNG file; False for one that is damaged, or too low to tell it from its first column."""
    try:
        return _first_alpha(data) in WORDS
    except (ValueError, struct.error, zlib.error):
        return False


def _first_alpha(data: bytes) -> bytes:
    """The lowest bits of the alpha of the first column, eight to a byte."""
    packed = b""
    width = height = 0
    for kind, body in png.chunks(data):
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            if (depth, colour, interlaced) != (EIGHT_BITS, RGBA, 0) or height < ROWS:
                return b""
        elif kind == b"IDAT":
            packed += body
    row = 1 + 4 * width
    lines = zlib.decompressobj().decompress(packed, row * ROWS)
    bits, above = 0, 0
    if len(lines) < row * ROWS:
        return b""
    for at in range(0, row * ROWS, row):
        filtered, value = lines[at], lines[at + 4]
        # Left of the first column all is zero, and what Paeth predicts is then what lies above.
        if filtered in (FILTER_UP, FILTER_PAETH):
            value += above
        elif filtered == FILTER_AVERAGE:
            value += above // 2
        above = value % 256
        bits = 2 * bits + above % 2
    return bits.to_bytes(ROWS // 8, "big")
