# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets: some settings of the sampling under one name, such as Draft.

The bundled ones set what means the same to every model, how carefully the reverse process is run; the right size and
guidance are the model's own. A preset of the artist may set them too. Seed and count belong to the job.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .errors import InvalidRequest
from .named_files import Entry, read_entries, with_own, write_entries
from .request import SPACINGS, Sampling
from .sentence import Sentence, within
from .serialization import renewed
from .validation import check_sampling

VERSION = 2
"""Of the format of files. Since 2 the scheduler DPM++ SDE is the single-step solver, as elsewhere."""


@dataclass(frozen=True)
class Preset:
    """Settings of :class:`~.request.Sampling`; None leaves a setting as it is."""

    name: str
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    scheduler: str | None = None
    clip_guidance_scale: float | None = None
    classifier_guidance_scale: float | None = None
    spacing: str | None = None
    clip_skip: int | None = None

    @classmethod
    def of(cls, name: str, sampling: Sampling) -> Preset:
        """Everything that a preset can hold, of ``sampling``."""
        return cls(name, **{field: getattr(sampling, field) for field in _SETTINGS})

    def settings(self) -> Entry:
        """What the preset sets, by the names of the fields of Sampling."""
        return {field: value for field in _SETTINGS if (value := getattr(self, field)) is not None}

    def apply(self, sampling: Sampling) -> Sampling:
        return dataclasses.replace(sampling, **self.settings())


_SETTINGS = tuple(field.name for field in dataclasses.fields(Preset) if field.name != "name")


@cache
def bundled_presets() -> tuple[Preset, ...]:
    return import_presets(Path(__file__).with_name("presets.json"))


def available_presets(own: Path | None = None) -> tuple[tuple[Preset, ...], str]:
    """The bundled presets with the artist's; the sentence says why the file ``own`` was refused, else it is ""."""
    return with_own(bundled_presets(), own, import_presets)


def import_presets(path: Path) -> tuple[Preset, ...]:
    """The presets in a file. Raises InvalidRequest for a file that is not wholly in order."""
    entries, version = read_entries(path, "presets", ("name", *_SETTINGS), VERSION)
    return tuple(_preset(entry, version) for entry in entries)


def _preset(entry: Entry, version: int) -> Preset:
    settings = renewed({field: value for field, value in entry.items() if field != "name"}, version)
    if "scheduler" in settings:  # else one that has no use for it would get that of the scheduler before
        settings = {"spacing": SPACINGS[0]} | settings
    try:
        check_sampling(Sampling(**settings))
    except InvalidRequest as error:
        reason = within(error.message)
        raise InvalidRequest(
            error.field,
            Sentence("The preset {entry} cannot be used: {reason}", entry=repr(entry["name"]), reason=reason),
        ) from None
    return Preset(entry["name"], **settings)


def export_presets(path: Path, presets: Sequence[Preset]) -> None:
    """Write a file that :func:`import_presets` reads. Raises InvalidRequest when it cannot be written."""
    write_entries(
        path, "presets", [{"name": preset.name, **preset.settings()} for preset in presets], VERSION
    )
