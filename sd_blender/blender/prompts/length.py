# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a prompt the model reads, told while it is typed."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...core.choices import STARTER_MODEL
from ...core.clip_tokens import TokenCount, TokenCounter
from ...core.errors import BlenderStateError
from ..model_choice import chosen_model

STARTER_FOLDER = Path(__file__).parents[2] / "starter_model"
SHOWN = 60
"""Characters of what is cut."""

logger = logging.getLogger(__name__)


def sentence(settings: Any, prompt: str) -> str:
    """The count of its tokens, and what is cut; "" for a model whose tokenizer cannot be read here."""
    try:
        model = chosen_model(settings)
    except BlenderStateError:
        return ""
    folder = STARTER_FOLDER if model == STARTER_MODEL else Path(model)
    count = _count(str(folder), prompt)
    if count is None:
        return ""
    if count.cut:
        cut = count.cut if len(count.cut) <= SHOWN else f"{count.cut[:SHOWN].rstrip()} ..."
        return f"{count.tokens} tokens are too many; the model will not see the end: {cut}"
    if count.chunks > 1:
        return f"{count.tokens} tokens, read in {count.chunks} pieces"
    return f"{count.tokens} tokens"


@lru_cache(maxsize=8)  # it is drawn at every redraw
def _count(folder: str, prompt: str) -> TokenCount | None:
    counter = _counter(folder)
    return None if counter is None else counter.count(prompt)


@lru_cache(maxsize=2)
def _counter(folder: str) -> TokenCounter | None:
    try:
        return TokenCounter.of_folder(Path(folder) / "tokenizer")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        logger.info("the tokens of prompts are not counted: %s", error)
        return None
