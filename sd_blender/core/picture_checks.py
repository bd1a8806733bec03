# SPDX-License-Identifier: GPL-3.0-or-later
"""What must never arrive silently: broken numbers, blank pictures, cut prompts, memory that ran out."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from .clip_tokens import TokenCount
from .errors import BadResult, OutOfMemory
from .geometry import Size
from .prompt_editing import ends
from .prompt_hints import hint
from .request import ImageArray
from .sentence import Sentence
from .wildcards import Prompts

Count = Callable[[str], TokenCount]
"""How long a prompt is to the model."""

# What CUDA's allocator says of itself: "Tried to allocate 2.00 GiB. GPU 0 has ... of which 1.12 GiB is free."
_TRIED = re.compile(r"Tried to allocate ([\d.]+ [KMG]iB)")
_FREE = re.compile(r"of which ([\d.]+ [KMG]iB) is free")


class NotFinite(BadResult):
    """A network gave NaN or infinity. network: which, as sentences call it."""

    def __init__(self, message: str, network: str = "") -> None:
        super().__init__(message)
        self.network = network


def not_finite(what: str) -> NotFinite:
    """what: the network that gave the numbers."""
    return NotFinite(
        Sentence(
            "The {what} gave values that are not numbers; choose the precision float32 in the "
            "preferences, or another model.",
            what=what,
        ),
        network=what,
    )


def blank_warning(pixels: ImageArray) -> str | None:
    """A sentence if the picture is one flat colour, which is seldom what was asked for."""
    for part in (pixels[::16, ::16], pixels):  # a look at a few pixels settles nearly every case
        if np.ptp(part, axis=(0, 1)).max() > 2:
            return None
    colour = ", ".join(str(value) for value in pixels[0, 0])
    return Sentence(
        "The picture is one flat colour ({colour}); try another seed, prompt or scheduler.", colour=colour
    )


def warnings_on(words: Prompts, count: Count) -> tuple[str, ...]:
    """Sentences on what the model does not see of the words of a picture, and on what they may be meant to be."""
    return (*cuts(words, count), *hints(words))


def hints(words: Prompts) -> tuple[str, ...]:
    found = dict.fromkeys(hint(text) for text in (words.prompt, words.negative_prompt))
    return tuple(f"{sentence}." for sentence in found if sentence)


def cuts(words: Prompts, count: Count) -> tuple[str, ...]:
    prompts = ((words.prompt, "prompt"), (words.negative_prompt, "negative prompt"))
    found = (cut_warning(count, end, label) for text, label in prompts for end in ends(text))
    return tuple(dict.fromkeys(cut for cut in found if cut))


def cut_warning(count: Count, prompt: str, label: str) -> str | None:
    """A sentence if the text encoder will not see the end of ``prompt``."""
    cut = count(prompt).cut
    if not cut:
        return None
    shown = (
        repr(cut)
        if len(cut) <= 200
        else Sentence("{split} words, from {cut} on", split=len(cut.split()), cut=repr(cut[:100]))
    )
    return Sentence(
        "The {label} is too long for the model, which did not see its end: {shown}; shorten it.",
        label=label,
        shown=shown,
    )


def out_of_memory(error: BaseException, size: Size | None) -> OutOfMemory:
    """The sentence for the artist. Holds the words of ``error`` and not its frames, which hold the memory."""
    if size is None or max(size.width, size.height) <= 64:
        advice = "close other programs or choose a smaller model"
    else:
        smaller = " x ".join(str(max(64, side * 7 // 10 // 8 * 8)) for side in (size.width, size.height))
        advice = Sentence(
            "try {smaller} instead of {width} x {height}, or close other programs",
            smaller=smaller,
            width=size.width,
            height=size.height,
        )
    tried, free = _TRIED.search(str(error)), _FREE.search(str(error))
    amounts = (
        Sentence(" ({tried} more were needed, {free} were free)", tried=tried[1], free=free[1])
        if tried and free
        else ""
    )
    return OutOfMemory(
        Sentence("The memory ran out{amounts}; {advice}.", amounts=amounts, advice=advice), details=str(error)
    )
