# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON that came with a model, from a stranger: of a sane size, an object, or refused with the file's name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import ModelRefused
from .sentence import Sentence

_MAX_BYTES = 32 * 2**20
"""More than any configuration or list of shards has; what is read is held in memory some ten times over."""


def read_json(path: Path) -> dict[str, Any]:
    """The object in the file. Raises ModelRefused, with a sentence that names it, for anything else."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ModelRefused(
                Sentence("{path} is far too large for a configuration; download the model again.", path=path)
            )
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelRefused(Sentence("{path} is missing; download the model again.", path=path)) from error
    except (OSError, ValueError, RecursionError) as error:  # the last for brackets nested by the thousand
        raise ModelRefused(
            Sentence("{path} cannot be read; download the model again.", path=path), details=str(error)
        ) from error
    if not isinstance(value, dict):
        raise ModelRefused(Sentence("{path} is not a configuration; download the model again.", path=path))
    return value
