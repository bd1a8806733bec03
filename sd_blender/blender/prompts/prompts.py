# SPDX-License-Identifier: GPL-3.0-or-later
"""The prompt that the artist wrote, in a field or over many lines in a text, and what is sent of it in a style.

The request has no style: its prompts are what the style and the artist wrote together, and so is the provenance. To
restore them takes them apart again where the style is at hand; the same prompts are sent in any case.
"""

from __future__ import annotations

from typing import Any

import bpy

from ...core.errors import BlenderStateError
from ...core.named_files import MAX_NAME
from ...core.prompt_styles import Style, take_apart
from ...core.sentence import Sentence
from ...core.validation import MAX_PROMPT
from .library import STYLES


def written(settings: Any) -> str:
    """The artist's words: of the text where one is chosen, its lines joined."""
    return settings.prompt if settings.prompt_text is None else _joined(settings.prompt_text)


def _joined(text: bpy.types.Text) -> str:
    lines: list[str] = []
    length = -1
    for line in text.lines:
        lines.append(line.body)
        length += len(line.body) + 1
        # Refused as it is: a book that was chosen by mistake is not read to its end at every redraw.
        if length > MAX_PROMPT:
            return "\n".join(lines)
    return " ".join(" ".join(lines).split())


def find_style(name: str) -> Style | None:
    """The style of this name, None for "". Raises BlenderStateError when it is gone, as on another computer."""
    style = STYLES.find(name)
    if style is None and name:
        raise BlenderStateError(
            Sentence(
                'There is no style "{name}" here; choose another one, or import it.', name=name[:MAX_NAME]
            )
        )
    return style


def sent(settings: Any) -> tuple[str, str]:
    """Prompt and negative prompt in the chosen style. Raises BlenderStateError."""
    words = written(settings), settings.negative_prompt
    style = find_style(settings.style)
    return words if style is None else style.apply(*words)


def put_back(settings: Any, prompt: str, negative_prompt: str) -> None:
    """Have :func:`sent` give these prompts again, with the style where it can be told."""
    style, words = take_apart(STYLES.all(), prompt, negative_prompt)
    settings.style = "" if style is None else style.name
    settings.prompt, settings.negative_prompt = words
    settings.prompt_text = None
