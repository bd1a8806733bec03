# SPDX-License-Identifier: GPL-3.0-or-later
"""The styles and presets there are: the bundled ones, and the artist's own in a file among Blender's user data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic

import bpy

from ...core.errors import BlenderStateError, InvalidRequest
from ...core.named_files import MAX_ENTRIES, MAX_NAME, T, check_text
from ...core.presets import Preset, available_presets, bundled_presets, export_presets, import_presets
from ...core.prompt_styles import Style, available_styles, bundled_styles, export_styles, import_styles
from ...core.sentence import Sentence
from ..results import keeping


class Library(Generic[T]):
    """All things of one kind. The file is read once, since panels ask at every redraw, and again when it changes here,
    or a menu that opens finds that another Blender has changed it.

    available: the bundled ones with those of a file, and a sentence when it was refused. read, write: of a file of such
    things; they raise InvalidRequest.
    """

    def __init__(
        self,
        kind: str,
        bundled: Callable[[], Sequence[T]],
        available: Callable[[Path], tuple[tuple[T, ...], str]],
        read: Callable[[Path], Sequence[T]],
        write: Callable[[Path, Sequence[T]], None],
    ) -> None:
        self.kind = kind
        self.read = read
        self.write = write
        self._bundled = bundled
        self._available = available
        self._read: tuple[tuple[T, ...], str] | None = None
        self._read_at: tuple[int, int] | None = None

    @property
    def path(self) -> Path:
        return Path(bpy.utils.user_resource("DATAFILES", path=keeping.FOLDER), f"{self.kind}.json")

    def all(self) -> tuple[T, ...]:
        """The bundled ones, and the own ones, which replace their namesakes."""
        return self._known()[0]

    def own(self) -> tuple[T, ...]:
        bundled = self._bundled()
        return tuple(thing for thing in self.all() if thing not in bundled)

    def find(self, name: str) -> T | None:
        return next((thing for thing in self.all() if thing.name == name), None)

    def complaint(self) -> str:
        """Why the own ones are missing, in one sentence, or ""."""
        if not self._known()[1]:
            return ""
        return Sentence(
            "Your own {kind} cannot be read; repair or remove {path}.", kind=self.kind, path=self.path
        )

    def keep(self, things: Sequence[T]) -> None:
        """Add to the own ones, in place of their namesakes. Raises SDBlenderError, and then nothing has changed."""
        self.forget()  # another Blender may have written since
        self._write(tuple({thing.name: thing for thing in (*self.own(), *things)}.values()))

    def delete(self, name: str) -> None:
        """Drop one of the own ones; a bundled namesake comes back. Raises SDBlenderError."""
        self.forget()
        left = tuple(thing for thing in self.own() if thing.name != name)
        if len(left) == len(self.own()):
            raise BlenderStateError(
                Sentence(
                    'You have no {kind} called "{name}"; choose another name.',
                    kind=self.kind,
                    name=name[:MAX_NAME],
                )
            )
        self._write(left)

    def forget(self) -> None:
        """Read the file again when it is next asked for."""
        self._read = None

    def look(self) -> None:
        """Read the file again if it is another one than was read, or has come or gone since."""
        if self._stamp() != self._read_at:
            self.forget()

    def _known(self) -> tuple[tuple[T, ...], str]:
        if self._read is None:
            self._read_at = self._stamp()
            self._read = self._available(self.path)
        return self._read

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def _write(self, things: tuple[T, ...]) -> None:
        if complaint := self.complaint():
            raise BlenderStateError(complaint)  # or what a slip of the hand made unreadable would be lost
        if len(things) > MAX_ENTRIES:
            raise BlenderStateError(
                Sentence(
                    "No more than {max_entries} own {kind} are kept; delete some first.",
                    max_entries=MAX_ENTRIES,
                    kind=self.kind,
                )
            )
        if not keeping.safe_folder():
            raise BlenderStateError(
                Sentence(
                    "The folder {parent} cannot be made; check who may write there.", parent=self.path.parent
                )
            )
        self.write(self.path, things)
        self.forget()


STYLES: Library[Style] = Library("styles", bundled_styles, available_styles, import_styles, export_styles)
PRESETS: Library[Preset] = Library(
    "presets", bundled_presets, available_presets, import_presets, export_presets
)


def checked_name(name: str) -> str:
    """A name for something own, without space around it. Raises InvalidRequest."""
    return checked_line(name.strip(), "name", MAX_NAME, least=1)


def checked_line(text: str, label: str, longest: int, least: int = 0) -> str:
    """``text`` if a file of ours takes it. Raises InvalidRequest."""
    try:
        check_text(text, label, longest)
    except InvalidRequest:
        longest = -1
    if not least <= len(text) <= longest:
        raise InvalidRequest(
            label,
            Sentence(
                "The {label} is empty, too long or more than a line of text; type another.", label=label
            ),
        )
    return text


def forget() -> None:
    """Read both files again when they are next asked for."""
    for library in (STYLES, PRESETS):
        library.forget()
