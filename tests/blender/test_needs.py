# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender without NumPy, as Debian's without its recommended packages, and one whose NumPy is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# In a process of its own, in which NumPy cannot be imported from the beginning.
WITHOUT = """
import logging, os, sys

class NoNumpy:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "numpy":
            raise {error}

import bpy
for name in [name for name in sys.modules if name.partition(".")[0] == "numpy"]:
    del sys.modules[name]
sys.meta_path.insert(0, NoNumpy())
logging.basicConfig(stream=sys.stdout, format="LOG %(message)s")

import sd_blender

class Layout:
    drawn = []
    def __getattr__(self, name):
        return lambda *given, text="", **options: self.drawn.append(text) or self

sd_blender.register()
bpy.context.scene.sd_blender.prompt = "moss"

def ours(base):
    for kind in base.__subclasses__():
        yield from ours(kind)
        if kind.__module__.startswith("sd_blender"):
            yield kind

for _ in range(3):  # as many redraws
    for kind in [*ours(bpy.types.Panel), *ours(bpy.types.Operator), *ours(bpy.types.Menu)]:
        poll = getattr(kind, "poll", None)
        can = poll is None or poll(bpy.context)
        if can and issubclass(kind, bpy.types.Panel) and kind.bl_space_type == "VIEW_3D":
            print("PANEL", kind.__name__)
            if kind.__name__ == "SDB_PT_view3d_main":
                panel = type("Drawn", kind.__mro__[1:3], {{"layout": Layout()}})()
                Layout.drawn.clear()
                kind.draw(panel, bpy.context)
print("SHOWN", " ".join(Layout.drawn))
assert not bpy.ops.sdb.generate.poll()
sd_blender.unregister()
print("DONE", flush=True)
os._exit(0)
"""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("ModuleNotFoundError('No module named numpy', name='numpy')", "Python has no NumPy"),
        (
            "ImportError('libopenblas.so.0: cannot open')",
            "cannot be imported (libopenblas.so.0: cannot open)",
        ),
        ("RuntimeError('made for another Python')", "cannot be imported (made for another Python)"),
    ],
)
def test_it_is_said_once_in_a_whole_sentence_and_nothing_raises(tmp_path, error, words):
    variables = os.environ | {"BLENDER_USER_RESOURCES": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(error=error)],
        cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "DONE" in done.stdout, done.stdout[-2000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stdout + done.stderr
    (shown,) = [line for line in done.stdout.splitlines() if line.startswith("SHOWN")]
    assert "restart Blender." in shown and "Generate" not in shown
    logged = [line for line in done.stdout.splitlines() if line.startswith("LOG")]
    assert len(logged) == 1 and words in logged[0], logged
    panels = {line for line in done.stdout.splitlines() if line.startswith("PANEL")}
    assert "PANEL SDB_PT_view3d_main" in panels and not any("_output" in panel for panel in panels)
