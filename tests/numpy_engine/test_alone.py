# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing but Python and NumPy: no torch, no diffusers, no transformers, no Pillow, and no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ALONE = """
import importlib.abc, socket, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        if top not in sys.stdlib_module_names | {"numpy", "sd_blender"}:
            raise ImportError(f"{name} is not to be had")

def no_socket(*args, **kwargs):
    raise OSError("no network")

sys.meta_path.insert(0, Refuse())
socket.socket = socket.create_connection = no_socket
for name in ("torch", "diffusers", "transformers", "PIL", "scipy", "bpy"):
    try:
        __import__(name)
    except ImportError:
        continue
    raise SystemExit(f"{name} could be imported")

import numpy as np
from sd_blender.core.request import ImageToImage, Inpaint, Sampling, TextToImage, Tiling
from sd_blender.numpy_engine.engine import NumpyEngine

sampling = Sampling(width=40, height=48, steps=2, guidance_scale=2.0, count=2)
words = {"prompt": "(mossy:1.2) red brick", "sampling": sampling, "tiling": Tiling.BOTH}
image = np.arange(40 * 48 * 3, dtype=np.uint8).reshape(48, 40, 3)
mask = np.zeros((48, 40), np.float32)
mask[10:30, 8:25] = 1
engine = NumpyEngine(preview_interval=0.0)
for request in (
    TextToImage(**words, keep=1),
    ImageToImage(**words, image=image),
    Inpaint(**words, image=image, mask=mask),
):
    made = engine.generate("job", request, lambda message: None, lambda: False).images
    assert len(made) == (request.keep or 2)
    assert made[0].pixels.shape == (48, 40, 3) and made[0].pixels.std() > 1, made[0].pixels.std()
"""


def test_all_tasks_are_done_without_torch_and_without_a_network():
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(root)!r})\n{ALONE}"],
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
