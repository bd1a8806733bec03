# SPDX-License-Identifier: GPL-3.0-or-later
"""What the add-on needs of Blender's Python and a distribution may leave out: NumPy, said once when it is not there."""

from __future__ import annotations

import functools
import logging

from ..core.sentence import Sentence

logger = logging.getLogger(__name__)

NO_NUMPY = (
    "Blender's Python has no NumPy, which the add-on needs; install it, on Debian and Ubuntu as the package "
    "python3-numpy, then restart Blender."
)


@functools.cache
def problem() -> str:
    """Why the add-on cannot work in this Blender, a sentence on what to do, or "". The first call imports NumPy."""
    try:
        import numpy  # noqa: F401
    except ModuleNotFoundError as error:
        found = NO_NUMPY if error.name == "numpy" else _broken(error)
    except Exception as error:  # noqa: BLE001 - whatever a broken one raises
        found = _broken(error)
    else:
        return ""
    logger.error("%s", found)
    return found


def is_known() -> bool:
    """Whether :func:`problem` was asked before."""
    return problem.cache_info().currsize > 0


def _broken(error: Exception) -> str:
    cause = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
    return Sentence(
        "NumPy in Blender's Python cannot be imported ({cause}), and the add-on needs it; "
        "install it again, then restart Blender.",
        cause=cause,
    )
