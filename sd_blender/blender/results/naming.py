# SPDX-License-Identifier: GPL-3.0-or-later
"""Names made from prompts: safe for a datablock of every Blender and for a file of every system."""

from __future__ import annotations

import hashlib
import re

NAME_BYTES = 59
"""Blender up to 4.5 cuts names to 63 bytes; four are left for the ".001" of a second one."""

SLUG_LENGTH = 40


def datablock_name(prompt: str, fallback: str) -> str:
    """The prompt on one line and short enough for a datablock, or ``fallback`` when nothing of it can be shown."""
    line = " ".join("".join(c if c.isprintable() else " " for c in prompt).split())
    line = line.lstrip(". ")  # Blender hides what starts with a dot
    cut = line.encode("utf-8", "ignore")[:NAME_BYTES].decode("utf-8", "ignore").strip()
    return cut or fallback


def file_name(prompt: str, seed: int, data: bytes) -> str:
    """``words-of-the-prompt-seed-hash.png``: ASCII, no reserved name, and the same only for the same bytes."""
    return f"{slug(prompt, 'texture')}-{seed}-{hashlib.sha256(data).hexdigest()[:8]}.png"


def of_file(path: str) -> str:
    """What a file is called where there is little room: the last part of its path, without what says its kind."""
    return path.replace("\\", "/").rpartition("/")[2].removesuffix(".safetensors")


def slug(text: str, fallback: str) -> str:
    """Words in ASCII joined by hyphens, for the name of a file; ``fallback`` when none of the text can be written."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:SLUG_LENGTH].strip("-") or fallback
