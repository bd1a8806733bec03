# SPDX-License-Identifier: GPL-3.0-or-later
"""Trainings as tests begin them, and the images they learn from."""

from __future__ import annotations

import bpy
import pytest

from tests.blender.conftest import new_image
from tests.fakes import picture


def begin():
    """Press Train as the panel does, and let the test drain."""
    bpy.ops.sdb.train.poll()
    from sd_blender.blender.training.operators import SDB_OT_train

    ticket = SDB_OT_train.submit(None, bpy.context)
    return ticket


def refused(match):
    return pytest.raises(RuntimeError, match=match)


def three_images():
    images = [
        new_image(name, picture(n, 24, 16)) for n, name in enumerate(("Mossy rock", "Dry rock", "Untitled"))
    ]
    for image in images:
        image.sd_blender_train = True
    new_image("Not this one", picture(9, 8, 8))
    return images
