# SPDX-License-Identifier: GPL-3.0-or-later
"""Images in a folder and what they show, in words that an artist can edit.

A caption is, in this order: the line of the image in ``metadata.jsonl`` (one JSON object a line, with ``file_name`` and
``text``, as other trainers read it); the text file of its name beside it, ``wall.txt`` for ``wall.png``; or its own
name, if that says something: ``red_brick-wall_02.png`` is "red brick wall" and ``IMG_2041.png`` is nothing.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import InvalidRequest
from .sentence import Sentence

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".tga"})
CAPTIONS_FILE = "metadata.jsonl"
MAX_CAPTION = 2000
MAX_BYTES = 16 * 2**20
"""Of the captions file: more than ten thousand long captions."""

# What cameras, screenshots and programs call a picture when nobody gave it a name.
_NO_WORDS = frozenset(
    {"img", "image", "dsc", "dscn", "dscf", "dcim", "pxl", "photo", "picture", "pic", "screenshot", "screen"}
    | {"shot", "scan", "untitled", "copy", "tile", "texture", "render"}
)
_BREAK = re.compile(r"[\W_]+", re.UNICODE)


@dataclass(frozen=True)
class Caption:
    """text: "" where nobody says anything. source: "metadata", "text file", "file name" or ""."""

    text: str
    source: str


def image_names(folder: Path) -> list[str]:
    """Names of the files that look like pictures, in order. Raises InvalidRequest for what is no folder."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidRequest(
            "images",
            Sentence(
                "The folder of images {folder} cannot be read ({reason}); choose another one.",
                folder=folder,
                reason=reason,
            ),
        ) from error
    return [n for n in names if Path(n).suffix.lower() in SUFFIXES and not n.startswith(".")]


def read_captions(folder: Path) -> dict[str, Caption]:
    """The caption of every image of the folder, by name. Raises InvalidRequest for a captions file that is none."""
    listed = _listed(folder / CAPTIONS_FILE)
    return {name: _caption(folder / name, listed) for name in image_names(folder)}


def write_captions(folder: Path, texts: dict[str, str]) -> None:
    """Write ``metadata.jsonl``, whole or not at all; lines of files that are not in ``texts`` stay. Raises OSError."""
    path = folder / CAPTIONS_FILE
    merged = _listed(path) | texts
    lines = [json.dumps({"file_name": n, "text": t}, ensure_ascii=False) for n, t in sorted(merged.items())]
    part = path.with_suffix(".part")
    try:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def words_of_name(name: str) -> str:
    """What a file's name says: its words without numbers, or "" if they are only what a camera writes."""
    words = [w for w in _BREAK.split(Path(name).stem) if w and not any(c.isdigit() for c in w)]
    return "" if all(w.lower() in _NO_WORDS or len(w) == 1 for w in words) else " ".join(words)


def with_trigger(trigger: str, text: str) -> str:
    """The caption that is trained on: the trigger first, unless the text has it."""
    trigger, text = trigger.strip(), text.strip()
    if not trigger or trigger.lower() in text.lower():
        return text
    return f"{trigger}, {text}" if text else trigger


def _caption(path: Path, listed: dict[str, str]) -> Caption:
    if path.name in listed:
        return Caption(listed[path.name], "metadata")
    beside = path.with_suffix(".txt")
    if beside.is_file():
        text = " ".join(_read(beside).split())
        return Caption(text[:MAX_CAPTION], "text file")
    text = words_of_name(path.name)
    return Caption(text, "file name" if text else "")


def _listed(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    texts = {}
    for number, line in enumerate(_read(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            name, text = entry["file_name"], entry["text"]
        except (ValueError, KeyError, TypeError, RecursionError):
            name = text = None
        if not isinstance(name, str) or not isinstance(text, str):
            raise InvalidRequest(
                "images",
                Sentence(
                    'Line {number} of {path} is no caption; write it as {"file_name": "wall.png", "text": "a '
                    'wall"}.',
                    number=number,
                    path=path,
                ),
            )
        texts[name] = " ".join(text.split())[:MAX_CAPTION]
    return texts


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidRequest(
                "images", Sentence("{path} is far too long for captions; shorten or delete it.", path=path)
            )
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            "images", Sentence("{path} cannot be read; save it as text in UTF-8 or delete it.", path=path)
        ) from error
