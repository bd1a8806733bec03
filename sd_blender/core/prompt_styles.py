# SPDX-License-Identifier: GPL-3.0-or-later
"""Styles: words that turn "mossy stone" into the kind of texture that is wanted, such as a seamless photo scan.

Applied before the request is made, whose prompt is what the style and the artist wrote together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .named_files import check_text, read_entries, with_own, write_entries

MAX_TEMPLATE = 2000
PLACE = "{prompt}"


@dataclass(frozen=True)
class Style:
    """Templates for both prompts. The artist's words take the place of ``{prompt}``, or else come first."""

    name: str
    prompt: str
    negative_prompt: str = ""

    def apply(self, prompt: str, negative_prompt: str = "") -> tuple[str, str]:
        """The prompt and the negative prompt in this style."""
        return _fill(self.prompt, prompt), _fill(self.negative_prompt, negative_prompt)

    def words_in(self, prompt: str, negative_prompt: str = "") -> tuple[str, str] | None:
        """The words that :meth:`apply` makes these prompts of, or None when there are none."""
        words = _words_in(self.prompt, prompt), _words_in(self.negative_prompt, negative_prompt)
        return words if self.apply(*words) == (prompt, negative_prompt) else None


def take_apart(
    styles: Sequence[Style], prompt: str, negative_prompt: str
) -> tuple[Style | None, tuple[str, str]]:
    """The style that may have made these prompts, and the artist's words; both together give the same prompts again.

    Of several, the one that leaves the fewest words. A style that adds nothing to them does not count.
    """
    best, words = None, (prompt, negative_prompt)
    for style in styles:
        found = style.words_in(prompt, negative_prompt)
        if found is not None and len("".join(found)) < len("".join(words)):
            best, words = style, found
    return best, words


def _words_in(template: str, text: str) -> str:
    """The words in ``text`` if it is the template filled with any; else something that does not fill it to ``text``."""
    if text == _fill(template, ""):
        return ""
    before, place, after = template.partition(PLACE)
    if not place:
        before, after = "", f", {template}" if template.strip() else ""
    return text.removeprefix(before).removesuffix(after)


def _fill(template: str, words: str) -> str:
    if PLACE not in template:
        return ", ".join(part for part in (words, template) if part.strip())
    # Replaced and not formatted: {a|b}, of the template or of the artist, is left for the wildcards.
    filled = template.replace(PLACE, words)
    return filled if words.strip() else filled.strip(" ,")


@cache
def bundled_styles() -> tuple[Style, ...]:
    return import_styles(Path(__file__).with_name("prompt_styles.json"))


def available_styles(own: Path | None = None) -> tuple[tuple[Style, ...], str]:
    """The bundled styles with the artist's; the sentence says why the file ``own`` was refused, else it is ""."""
    return with_own(bundled_styles(), own, import_styles)


def import_styles(path: Path) -> tuple[Style, ...]:
    """The styles in a file. Raises InvalidRequest for a file that is not wholly in order."""
    fields = [field.name for field in dataclasses.fields(Style)]
    styles = tuple(
        Style(
            entry["name"],
            check_text(entry.get("prompt"), "prompt", MAX_TEMPLATE),
            check_text(entry.get("negative_prompt", ""), "negative prompt", MAX_TEMPLATE),
        )
        for entry in read_entries(path, "styles", fields)[0]
    )
    return styles


def export_styles(path: Path, styles: Sequence[Style]) -> None:
    """Write a file that :func:`import_styles` reads. Raises InvalidRequest when it cannot be written."""
    write_entries(path, "styles", [dataclasses.asdict(style) for style in styles])
