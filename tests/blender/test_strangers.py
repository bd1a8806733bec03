# SPDX-License-Identifier: GPL-3.0-or-later
"""A .blend from a stranger: opening it and looking at it runs, asks, loads and writes nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

import sd_blender
from sd_blender.blender import session
from sd_blender.blender.results import keeping
from tests.blender.conftest import base_color_image, generate, new_image, pixels_of, textured
from tests.fakes import FakeEngine, picture

pytestmark = [pytest.mark.every_version, pytest.mark.fault("F53")]

ROOT = Path(sd_blender.__file__).parents[1]
HOSTILE = [
    "__import__('os').system('touch canary')",
    "$(touch canary)",
    "`touch canary`; touch canary",
    "../../../../canary",
    "\\\\evil.example\\share\\canary",
    "file:///etc/passwd",
    "https://evil.example/model",
    "{0.__class__}%s%n",
    "%(message)s {status}",
    "\u202egnp.yranac",
    "x" * 5000,
]


def plant(path, canary, text):
    """Save a file with ``text`` in everything of ours that takes any, a registered script, and a driver."""
    sd_blender.register()
    scene = bpy.context.scene
    script = bpy.data.texts.new("startup.py")
    script.write(f"open({str(canary)!r}, 'w').write('script')")
    script.use_module = True
    settings = scene.sd_blender
    for name in ("prompt", "negative_prompt", "model"):
        setattr(settings, name, text)
    image = new_image("Theirs", picture(1, 16, 16))
    image.pack()
    image["sd_blender"] = text
    image["sd_blender_mask"] = text
    thing = bpy.context.view_layer.objects.active
    textured(thing, image)
    settings.source_image = settings.mask_image = image
    missing = bpy.data.images.new("Missing", 4, 4)
    missing.source, missing.filepath_raw = "FILE", "\\\\evil.example\\share\\x.png"
    missing.use_fake_user = True
    driver = thing.driver_add("location", 0).driver
    driver.expression = f"open({str(canary)!r}, 'w').write('driver')"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))


OPEN = """
import json, os, socket, sys, threading
import bpy, sd_blender
from sd_blender.blender import session
asked = []

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec"):
        asked.append(event)
    if event == "open" and isinstance(arguments[0], str) and set(str(arguments[1])) & set("wax+"):
        asked.append(f"write {arguments[0]}")

sd_blender.register()
threads = threading.active_count()
sys.addaudithook(refuse)
bpy.ops.wm.open_mainfile(filepath=sys.argv[1], use_scripts=False)
bpy.context.view_layer.update()
poll = bpy.ops.sdb.generate.poll()
print("SEEN", json.dumps({
    "asked": asked,
    "session": session.current() is not None,
    "threads": threading.active_count() - threads,
    "autoexec": bpy.context.preferences.filepaths.use_scripts_auto_execute,
}), flush=True)
os._exit(0)  # 4.2 crashes at exit when a driver of the file holds Python, with or without us
"""


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_opening_it_runs_and_asks_nothing(plane, tmp_path, text):
    folder, canary = tmp_path / "theirs", tmp_path / "canary"
    folder.mkdir()
    plant(folder / "scene.blend", canary, text)
    canary.unlink(missing_ok=True)  # the driver ran in this Blender, which made it
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(folder / "scene.blend")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (seen,) = [line for line in done.stdout.splitlines() if line.startswith("SEEN ")]
    assert json.loads(seen.removeprefix("SEEN ")) == {
        "asked": [],
        "session": False,
        "threads": 0,
        "autoexec": False,
    }
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_generating_in_it_writes_to_no_place_of_its_choice(plane, tmp_path, text, monkeypatch):
    """The artist looks at the prompt and presses Generate: the strings are text, on the way out too."""

    def no_network(*_, **__):
        raise AssertionError("a connection was tried")

    monkeypatch.chdir(tmp_path)
    plant(tmp_path / "scene.blend", tmp_path / "canary", text)
    (tmp_path / "canary").unlink(missing_ok=True)
    engine = FakeEngine()
    session.set_engine_factory(lambda: engine)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"), use_scripts=False)
    kept = sorted(Path(keeping.safe_folder()).rglob("*"))
    monkeypatch.setattr(socket, "socket", no_network)
    before = sorted(tmp_path.rglob("*"))
    theirs = bpy.data.images["Theirs"]
    shown = pixels_of(theirs)
    refusals = {
        "\\\\": "This scene's model is on the network",
        "__": "The wildcard __import__ needs a list",
        "{0": "The wildcard __class__ needs a list",
    }
    refused = refusals.get(text[:2])
    if refused:
        with pytest.raises(RuntimeError, match=refused):
            generate(width=16, height=16)
        assert not engine.requests
    else:
        generate(width=16, height=16)
        request = engine.requests[-1]
        assert (request.prompt, request.negative_prompt, request.model) == (text, text, text)
        name = base_color_image(bpy.data.materials["Painted"]).name
        assert "/" not in base_color_image(bpy.data.materials["Painted"]).filepath_raw[2:]
        assert name and not name.startswith(".")
    np.testing.assert_array_equal(pixels_of(theirs), shown)
    assert sorted(tmp_path.rglob("*")) == before
    assert sorted(Path(keeping.safe_folder()).rglob("*")) == kept


@pytest.mark.parametrize(
    "model",
    [
        "\\\\evil\\share\\m",
        "//\\\\evil\\share",
        "\\\\?\\UNC\\evil\\share",
        "/\\evil\\share\\m",
        "\\/evil/share/m",
    ],
)
def test_models_on_the_network_are_refused_in_every_spelling(plane, settings, engine, model):
    """Windows would log in there with the artist's name before it finds that there is no model."""
    settings.model = model
    with pytest.raises(RuntimeError, match="This scene's model is on the network; if you trust it"):
        bpy.ops.sdb.generate()
    assert not engine.requests


@pytest.mark.parametrize("value", [b"\x00\xff", 7, 3.5, {"a": {"b": 1}}, [1, 2], ""], ids=repr)
def test_provenance_of_any_type(plane, settings, engine, value, tmp_path):
    """A custom property holds what the stranger likes."""
    image = new_image("Theirs", picture(1, 16, 16))
    image["sd_blender"] = image["sd_blender_mask"] = value
    image.pack()
    textured(plane, image)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    generate()
    assert base_color_image(plane.active_material).name == "mossy stone"
    assert "Theirs" in bpy.data.images
