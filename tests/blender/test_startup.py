# SPDX-License-Identifier: GPL-3.0-or-later
"""Enabling the add-on loads what Blender must know, and leaves the rest for the first click."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import sd_blender.blender
from sd_blender.blender import late

pytestmark = pytest.mark.every_version

PROBE = """
import json, sys
import bpy
before = set(sys.modules)
import sd_blender
sd_blender.register()
new = set(sys.modules) - before
print("LOADED", json.dumps(sorted(new)))
for module in list(sys.modules.values()):
    getattr(module, "__dict__", None)  # as Blender does when it exits
sd_blender.unregister()
print("AFTER", json.dumps(sorted(set(sys.modules) - before - new)))
"""

# What computes, reads, runs or writes: none of it is needed before the artist does something.
FOR_LATER = {
    "build_request",
    "engine_setup.engine_setup",
    "engines",
    "history.history",
    "prompts.library",
    "pump",
    "results.materials",
    "results.nodes",
    "results.targets",
    "results.textures",
    "results.writeback",
    "session",
    "source.capture",
    "source.viewport",
}


def test_the_start_of_blender_waits_for_little():
    folder = Path(sd_blender.blender.__file__).parent
    assert all(folder.joinpath(*name.split(".")).with_suffix(".py").is_file() for name in FOR_LATER)
    process = subprocess.run(
        [sys.executable, "-c", PROBE],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(sd_blender.__file__).parents[1],
    )
    lines = dict(
        line.split(" ", 1) for line in process.stdout.splitlines() if line[:6] in ("LOADED", "AFTER ")
    )
    loaded = set(json.loads(lines["LOADED"]))
    assert "sd_blender.blender.panels" in loaded
    assert not loaded & {"numpy", "torch"}
    assert not loaded & {f"sd_blender.blender.{name}" for name in FOR_LATER}
    assert {name for name in loaded if name.startswith(("sd_blender.core.", "sd_blender.worker"))} == {
        "sd_blender.core.choices",
        "sd_blender.core.errors",
        "sd_blender.core.sentence",
    }
    assert not json.loads(lines["AFTER"])  # nor is anything loaded only to be told that it is over


def test_a_late_module_is_the_one_that_everybody_has(tmp_path, monkeypatch):
    """Made anew for the test: all of ours may have been used by now."""
    (tmp_path / "late_sample.py").write_text("import sys\nvalue = [1]\n")
    monkeypatch.setattr(sd_blender.blender, "__path__", [*sd_blender.blender.__path__, str(tmp_path)])
    with late.imports():
        from sd_blender.blender import late_sample
    assert not late.is_loaded(late_sample)
    assert not hasattr(sd_blender.blender, "late_sample")
    assert late_sample.value == [1]
    assert late.is_loaded(late_sample)
    from sd_blender.blender import late_sample as itself

    itself.value = [2]
    assert late_sample.value == [2]
    with late.imports():
        from sd_blender.blender import late_sample as again
    assert again is itself
    with pytest.raises(AttributeError, match="nothing"):
        _ = late_sample.nothing
    del sys.modules[itself.__name__], sd_blender.blender.late_sample


def test_what_is_not_there_is_told_at_once():
    with pytest.raises(ImportError), late.imports():
        from sd_blender.blender import no_such_module  # noqa: F401
    assert not [finder for finder in sys.meta_path if isinstance(finder, late._LateFinder)]
