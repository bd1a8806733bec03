# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs whose pictures are known and tell nothing that could be set here: they are refused by their names."""

from __future__ import annotations

import re
from typing import NoReturn

from ..errors import InvalidRequest
from ..picture_text import STEALTH
from ..sentence import Sentence
from .told import Texts

NAME = "another program"
MARKS = (
    (
        "Midjourney",
        ("Description", "ImageDescription", "Software", "Author"),
        r"Job ID: [0-9a-f-]{36}|midjourney",
    ),
    ("DALL-E", ("Software", "ImageDescription", "Description"), r"dall.?e|openai"),
    ("Adobe Firefly", ("Software", "XML:com.adobe.xmp"), r"firefly"),
    ("Ideogram", ("Software", "ImageDescription"), r"ideogram"),
)


def _writer(texts: Texts) -> str:
    for name, keywords, mark in MARKS:
        if any(re.search(mark, texts.get(keyword, "")[:10_000], re.IGNORECASE) for keyword in keywords):
            return name
    return ""


def recognises(texts: Texts) -> bool:
    return STEALTH in texts or bool(_writer(texts))


def read(texts: Texts) -> NoReturn:
    if STEALTH in texts:
        raise InvalidRequest(
            "parameters",
            "The settings of this picture are hidden in its pixels, as NovelAI and others do, and are not read there; "
            "choose another picture.",
        )
    name = _writer(texts)
    raise InvalidRequest(
        "parameters",
        Sentence(
            "This picture is of {name}, which tells nothing that can be set here; choose another picture.",
            name=name,
        ),
    )
