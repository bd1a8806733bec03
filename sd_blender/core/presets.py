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
from .request import Sampling
from .validation import check_sampling


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
    return tuple(_preset(entry) for entry in read_entries(path, "presets", ("name", *_SETTINGS)))


def _preset(entry: Entry) -> Preset:
    settings = {field: value for field, value in entry.items() if field != "name"}
    try:
        check_sampling(Sampling(**settings))
    except InvalidRequest as error:
        reason = error.message[0].lower() + error.message[1:]
        raise InvalidRequest(error.field, f"The preset {entry['name']!r} cannot be used: {reason}") from None
    return Preset(entry["name"], **settings)


def export_presets(path: Path, presets: Sequence[Preset]) -> None:
    """Write a file that :func:`import_presets` reads. Raises InvalidRequest when it cannot be written."""
    write_entries(path, "presets", [{"name": preset.name, **preset.settings()} for preset in presets])
