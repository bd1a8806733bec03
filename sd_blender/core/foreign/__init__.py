# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that other programs put into their pictures, one module for each way of writing them.

A reader is a module with NAME, ``recognises(texts)`` and ``read(texts)``. The texts of a picture are those of
:mod:`~..picture_text`. Who wrote a picture is found first; then it is read, or refused with the name of that program.
"""

from __future__ import annotations

from types import ModuleType

from ..errors import InvalidRequest
from ..sentence import Sentence
from . import (
    comfyui,
    draw_things,
    easy_diffusion,
    fooocus,
    infotext,
    invokeai,
    novelai,
    ruined_fooocus,
    spaces,
    swarmui,
    unreadable,
)
from .told import Texts, Told, is_json, main_text

READERS: tuple[ModuleType, ...] = (
    swarmui,
    ruined_fooocus,
    fooocus,
    invokeai,
    novelai,
    draw_things,
    infotext,  # a picture of ComfyUI may carry such a text too, which says more clearly what was done
    comfyui,
    easy_diffusion,
    spaces,
    unreadable,
)
"""The first one that recognises a picture reads it."""


def read(texts: Texts) -> Told | None:
    """What a picture of another program tells, None for one that nobody here recognises. Raises InvalidRequest."""
    for reader in READERS:
        try:
            if reader.recognises(texts):
                told: Told = reader.read(texts)
                return told
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError):
            raise InvalidRequest(
                "parameters",
                Sentence(
                    "This picture is of {name}, and its settings cannot be read; choose another picture.",
                    name=reader.NAME,
                ),
            ) from None
    if is_json(main_text(texts)):
        raise InvalidRequest(
            "parameters",
            "The settings in this picture are damaged or of a program that is not known here; choose another picture.",
        )
    return None
