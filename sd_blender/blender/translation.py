# SPDX-License-Identifier: GPL-3.0-or-later
"""Our text in the language of Blender's interface.

A file of ``translations/`` is a language: English to the other, for labels, tooltips and sentences alike. Blender looks
up what is the same each time by itself, in its own catalogue first; a sentence with values in it is looked up by its
pattern, in :func:`shown`, wherever one is shown. Errors, logs and what is copied for a report of a bug stay English.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import bpy

from .. import __package__ as ADD_ON  # the name under which Blender knows the add-on
from . import late

with late.imports():
    from ..core import phrasebook

FOLDER = Path(__file__).with_name("translations")
CONTEXT = "SD Blender"
"""For labels that Blender's catalogue has with another meaning, which would be taken before ours."""

CONTEXTS = ("*", "Operator", CONTEXT)
"""Blender looks up the labels of buttons that call operators in a context of their own."""


@cache
def locales() -> frozenset[str]:
    """The languages there are, by Blender's names: "de_DE"."""
    return frozenset(path.stem for path in FOLDER.glob("*.json"))


@cache
def entries(locale: str) -> dict[str, str]:
    """The translations into one of :func:`locales`."""
    return json.loads((FOLDER / f"{locale}.json").read_text(encoding="utf-8"))


@cache
def _book(locale: str) -> phrasebook.Phrasebook:
    return phrasebook.Phrasebook(entries(locale))


def shown(sentence: str, kind: str = "interface") -> str:
    """A sentence as it is to be shown. kind: "interface", "reports" or "tooltips", as Blender's preferences have it."""
    locale = bpy.app.translations.locale
    if locale not in locales() or not getattr(bpy.context.preferences.view, f"use_translate_{kind}"):
        return sentence
    return _book(locale).translate(sentence)


def report(operator: bpy.types.Operator, level: str, sentence: str) -> None:
    """Report a sentence in the language of the interface. level: "INFO", "WARNING" or "ERROR"."""
    operator.report({level}, shown(sentence, "reports"))


def refuse(operator: type[bpy.types.Operator], sentence: str) -> None:
    """Say in the tooltip of a greyed button why it is grey."""
    operator.poll_message_set(shown(sentence, "tooltips"))


def reported(error: RuntimeError) -> str:
    """What an operator of Blender's reported, without the word Error, which is in the language of the interface."""
    text = str(error).strip()
    for word in ("Error", bpy.app.translations.pgettext_rpt("Error")):
        text = text.removeprefix(f"{word}: ")
    return text


def register() -> None:
    bpy.app.translations.register(
        ADD_ON,
        {
            locale: {
                (context, english): other
                for english, other in entries(locale).items()
                for context in CONTEXTS
            }
            for locale in locales()
        },
    )


def unregister() -> None:
    bpy.app.translations.unregister(ADD_ON)
