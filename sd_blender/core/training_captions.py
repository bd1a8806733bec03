# SPDX-License-Identifier: GPL-3.0-or-later
"""The captions that a training learns from, and refusals that need no more than a look at its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .captions import CAPTIONS_FILE, Caption, read_captions, with_trigger
from .errors import InvalidRequest
from .sentence import Sentence
from .training_request import TextualInversion, Training

FEWEST = 3
"""Images; from fewer a model learns these very pictures instead of what they have in common."""

_SHOWN = 4


def captions_of(request: Training) -> dict[str, str]:
    """The caption of every image of the folder as it is trained on, by name. Raises InvalidRequest."""
    folder = Path(request.images).expanduser()
    captions = read_captions(folder)
    if len(captions) < FEWEST:
        raise InvalidRequest(
            "images",
            Sentence(
                "{folder} holds {captions} images and training needs at least {fewest}; add some.",
                folder=folder,
                captions=len(captions),
                fewest=FEWEST,
            ),
        )
    texts = {name: _words(request, caption) for name, caption in captions.items()}
    if silent := [name for name, text in texts.items() if not text]:
        raise InvalidRequest(
            "images",
            Sentence(
                "{listed} {value} no caption; write it in {captions_file} or in a text file of the same "
                "name, or give a trigger word.",
                listed=listed(silent),
                value="has" if len(silent) == 1 else "have",
                captions_file=CAPTIONS_FILE,
            ),
        )
    return texts


def listed(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    some = ", ".join(names[:_SHOWN])
    if len(names) <= _SHOWN:
        return some
    return Sentence.joined("", (some, Sentence(" and {lost} more", lost=len(names) - _SHOWN)))


def _words(request: Training, caption: Caption) -> str:
    # A word to be learned must be in every caption; "picture of" is what surrounds it where nobody says more.
    text = with_trigger(request.trigger, caption.text)
    if isinstance(request, TextualInversion) and not caption.text:
        return f"a picture of {request.trigger.strip()}"
    return text
