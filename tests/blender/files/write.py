# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrote the .blend files beside it, one in each Blender, with the add-on of version 0.1.

Run in the root of the repository, in an environment with the bpy of that version:
``python -m tests.blender.files.write 4.2``. They are not made anew: they stand for the files that artists have.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import bpy

import sd_blender
from sd_blender.blender import session
from tests.fakes import FakeEngine

VALUES = {
    "prompt": "moss 苔",
    "negative_prompt": "blurry",
    "task": "INPAINT",
    "destination": "IMAGE",
    "model": "//models/mine",
    "source": "IMAGE",
    "mask_source": "STENCIL",
    "tiling": "BOTH",
    "scheduler": "Heun",
    "width": 48,
    "height": 32,
    "steps": 33,
    "seed": 7,
    "lock_seed": True,
    "count": 3,
    "feather": 17,
}


def main(version: str) -> None:
    if bpy.app.version_string[:3] != version:
        raise SystemExit(f"this is Blender {bpy.app.version_string}")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    session.set_engine_factory(FakeEngine)
    sd_blender.register()
    bpy.ops.mesh.primitive_plane_add()
    settings = bpy.context.scene.sd_blender
    settings.prompt, settings.width, settings.height = "old", 48, 32
    settings.seed, settings.lock_seed = 7, True
    bpy.ops.sdb.generate()
    for name, value in VALUES.items():
        setattr(settings, name, value)
    settings.source_image = bpy.data.images["old"]
    # A .blend holds its own path, and nobody's folders are to be in these; run it with another HOME, too.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"blender-{version}.blend")
        bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True)
        shutil.copy(path, Path(__file__).parent)
    sd_blender.unregister()


if __name__ == "__main__":
    main(sys.argv[1])
