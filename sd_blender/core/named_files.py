# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of named things, presets or styles, as JSON: ours, the artist's own, and those that strangers pass around.

    {"version": 1, "presets": [{"name": "Draft", ...}, ...]}

A file is taken whole or refused whole, with one sentence, and nothing in it is guessed.
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from .errors import InvalidRequest
from .sentence import Sentence

FIRST_VERSION = 1
MAX_BYTES = 4 * 2**20
MAX_ENTRIES = 500
MAX_NAME = 60

Entry = dict[str, Any]


class Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


def read_entries(
    path: Path, kind: str, fields: Collection[str], newest: int = FIRST_VERSION
) -> tuple[list[Entry], int]:
    """The entries of a file of ``kind`` ("presets"), each with a name of its own and no fields but ``fields``; and the
    version of its format.

    newest: version that can be read, with all before it. The values beside the name are not looked at. Raises
    InvalidRequest.
    """
    document = _parse(path, kind)
    if not isinstance(document, dict) or set(document) != {"version", kind}:
        raise _refused(path, kind, Sentence("is no file of {kind}; choose another", kind=kind))
    version = document["version"]
    if type(version) is not int or not FIRST_VERSION <= version <= newest:
        raise _refused(path, kind, Sentence("is not of format {version}; update the add-on", version=newest))
    entries = document[kind]
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise _refused(
            path,
            kind,
            Sentence(
                "holds no list of up to {max_entries} {kind}; choose another",
                max_entries=MAX_ENTRIES,
                kind=kind,
            ),
        )
    names: set[str] = set()
    for entry in entries:
        if not isinstance(entry, dict):
            raise _refused(path, kind, Sentence("holds {kind} that are none; choose another", kind=kind))
        name = check_text(entry.get("name"), "name", MAX_NAME)
        if not name.strip() or name in names:
            raise _refused(
                path, kind, Sentence("holds {kind} without a name of their own; give each another", kind=kind)
            )
        names.add(name)
        for field in entry:
            if field not in fields:
                raise InvalidRequest(
                    field[:60],
                    Sentence(
                        "{name} has the unknown setting {field}; update the add-on.",
                        name=repr(name),
                        field=repr(field[:40]),
                    ),
                )
    return entries, version


def _parse(path: Path, kind: str) -> object:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError):  # the latter for a path with a null character
        raise _refused(path, kind, "cannot be read; choose another") from None
    if len(content) > MAX_BYTES:
        raise _refused(path, kind, Sentence("is far too large for {kind}; choose another", kind=kind))
    try:
        return json.loads(content, parse_constant=_refuse_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError):  # the last for brackets nested by the thousand
        raise _refused(path, kind, "is damaged or no JSON; choose another") from None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object whose names are all different; JSON leaves open which of two values counts."""
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name stands twice")
    return values


def _refused(path: Path, kind: str, why: str) -> InvalidRequest:
    return InvalidRequest(kind, Sentence("The file {name} {why}.", name=repr(path.name[:80]), why=why))


def check_text(value: object, label: str, longest: int) -> str:
    """``value`` if it is one line of text that can be shown and saved. Raises InvalidRequest."""
    if not isinstance(value, str):
        raise InvalidRequest(
            label,
            Sentence("A {label} in the file is not text; correct it or choose another file.", label=label),
        )
    if len(value) > longest:
        raise InvalidRequest(
            label,
            Sentence(
                "A {label} in the file is longer than {longest} characters; shorten it.",
                label=label,
                longest=longest,
            ),
        )
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in value):
        raise InvalidRequest(
            label, Sentence("A {label} in the file holds control characters; remove them.", label=label)
        )
    return value


def write_entries(path: Path, kind: str, entries: Sequence[Entry], version: int = FIRST_VERSION) -> None:
    """Write a file that :func:`read_entries` reads, under its name only when it is whole. Raises InvalidRequest."""
    text = json.dumps({"version": version, kind: list(entries)}, indent=2, ensure_ascii=False) + "\n"
    temporary = path.with_name(f"{path.name}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidRequest(
            kind,
            Sentence(
                "{name} cannot be written ({reason}); choose another folder.",
                name=repr(path.name[:80]),
                reason=reason,
            ),
        ) from None


def with_own(
    bundled: Sequence[T], own: Path | None, read: Callable[[Path], Sequence[T]]
) -> tuple[tuple[T, ...], str]:
    """``bundled`` and those of the file ``own``, which replace the bundled ones of their names; and a sentence.

    The sentence is "" unless the file was refused; then the bundled ones stay as they are. A file that is not there
    is none.
    """
    if own is None or not os.path.exists(own):
        return tuple(bundled), ""
    try:
        added = read(own)
    except InvalidRequest as error:
        return tuple(bundled), error.message
    return tuple({item.name: item for item in (*bundled, *added)}.values()), ""
