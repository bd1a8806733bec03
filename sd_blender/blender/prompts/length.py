# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the model reads all of a prompt, told while it is typed, and only once that is in doubt."""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...core import lora_tags, prompt_editing
from ...core.choices import STARTER_MODEL
from ...core.clip_tokens import MAX_CHUNKS, TokenCount, TokenCounter
from ...core.errors import BlenderStateError
from ...core.sentence import Sentence
from ..model_choice import chosen_model

STARTER_FOLDER = Path(__file__).parents[2] / "starter_model"
SHOWN = 60
"""Characters of what is cut."""

AGAIN = 5.0
"""Seconds between two looks for a tokenizer that was not there."""

logger = logging.getLogger(__name__)


def sentence(settings: Any, prompt: str) -> str:
    """What is cut, or how long it is once that is near; "" also for a model whose tokenizer cannot be read here."""
    try:
        model = chosen_model(settings)
    except BlenderStateError:
        return ""
    folder = STARTER_FOLDER if model == STARTER_MODEL else Path(model)
    count = _count(str(folder), lora_tags.split(prompt)[0])
    if count is None:
        return ""
    if count.cut:
        cut = count.cut if len(count.cut) <= SHOWN else f"{count.cut[:SHOWN].rstrip()} ..."
        return Sentence(
            "{tokens} tokens are too many; the model will not see the end: {cut}",
            tokens=count.tokens,
            cut=cut,
        )
    if count.chunks < MAX_CHUNKS:
        return ""
    return Sentence(
        "The prompt is nearly as long as the model can read: {tokens} tokens", tokens=count.tokens
    )


def _count(folder: str, prompt: str) -> TokenCount | None:
    counter = _counter(folder)
    if counter is None:
        return None
    return max(_counted(counter, end) for end in prompt_editing.ends(prompt))


@lru_cache(maxsize=8)  # it is drawn at every redraw
def _counted(counter: TokenCounter, prompt: str) -> TokenCount:
    return counter.count(prompt)


_absent: dict[str, float] = {}
"""When a folder was last looked at that had no tokenizer, by time.monotonic()."""


def _counter(folder: str) -> TokenCounter | None:
    """The counter of a model's folder; what is not there is looked for again, though not at every redraw."""
    if time.monotonic() - _absent.get(folder, -AGAIN) < AGAIN:
        return None
    try:
        return _read_counter(folder)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        if folder not in _absent:
            logger.info("the tokens of prompts are not counted: %s", error)
        _absent[folder] = time.monotonic()
        return None


@lru_cache(maxsize=2)
def _read_counter(folder: str) -> TokenCounter:
    return TokenCounter.of_folder(Path(folder) / "tokenizer")
