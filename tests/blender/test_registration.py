# SPDX-License-Identifier: GPL-3.0-or-later
"""Registering and unregistering, any number of times, leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import bpy
import pytest

import sd_blender
from sd_blender.blender import panels, pump, session
from tests.blender.conftest import drain_until, submit

pytestmark = pytest.mark.every_version

OWNERS = ("Scene", "WindowManager", "Object", "Image", "Material", "NodeTree", "World", "Light")


def traces():
    """Everything that an add-on can leave in Blender, as comparable values."""
    bases = (
        bpy.types.Panel,
        bpy.types.Operator,
        bpy.types.PropertyGroup,
        bpy.types.AddonPreferences,
        bpy.types.UIList,
    )
    classes = {c.__name__ for base in bases for c in base.__subclasses__() if c.is_registered}
    handlers = {
        name: [
            getattr(f, "__name__", "")
            for f in getattr(bpy.app.handlers, name)
            if "sd_blender" in f.__module__
        ]
        for name in dir(bpy.app.handlers)
        if isinstance(getattr(bpy.app.handlers, name), list)
    }
    return {
        "classes": {name for name in classes if name.startswith("SDB_")},
        "operators": [name for name in dir(bpy.ops.sdb) if not name.startswith("_")],
        "handlers": {name: found for name, found in handlers.items() if found},
        "properties": [
            (owner.__name__, name)
            for owner in (getattr(bpy.types, name) for name in OWNERS)
            for name in dir(owner)
            if "sd_blender" in name
        ],
        "threads": [t.name for t in threading.enumerate() if t.name.startswith("SD Blender")],
    }


NOTHING = {"classes": set(), "operators": [], "handlers": {}, "properties": [], "threads": []}


@pytest.mark.fault("F22")
def test_twice_and_nothing_left():
    registered = traces()
    assert registered["properties"] == [
        ("Scene", "sd_blender"),
        ("Scene", "sd_blender_adapters"),
        ("Scene", "sd_blender_history"),
        ("Scene", "sd_blender_training"),
        ("Scene", "sd_blender_variants"),
        ("Image", "sd_blender_caption"),
        ("Image", "sd_blender_train"),
        ("Material", "sd_blender_preview"),
        ("NodeTree", "sd_blender_preview"),
        ("World", "sd_blender_preview"),
        ("Light", "sd_blender_preview"),
    ]
    assert len(registered["classes"]) > 10
    assert registered["handlers"]
    for _ in range(2):
        sd_blender.unregister()
        assert traces() == NOTHING
        sd_blender.unregister()  # once more does no harm
        sd_blender.register()
        assert traces() == registered


def test_registering_over_itself_replaces(settings, plane):
    registered = traces()
    sd_blender.register()
    assert traces() == registered
    bpy.context.scene.sd_blender.prompt = "moss"
    assert bpy.ops.sdb.generate() == {"FINISHED"}


@pytest.mark.fault("F22")
def test_a_failure_half_way_leaves_nothing(monkeypatch):
    sd_blender.unregister()
    monkeypatch.setattr(panels, "register", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sd_blender.register()
    assert traces() == NOTHING


@pytest.mark.fault("F22")
def test_twenty_times_with_a_job_running(plane, settings, engine):
    engine.hold = threading.Event()
    for _ in range(20):
        submit()
        drain_until(lambda: engine.requests)
        engine.requests.clear()
        sd_blender.unregister()
        assert traces() == NOTHING
        sd_blender.register()
    assert not bpy.data.images
    engine.hold = None
    assert bpy.ops.sdb.generate() == {"FINISHED"}


@pytest.mark.fault("F22")
def test_the_timer_goes_with_the_add_on(plane, settings, engine):
    """In a window it is pending while jobs run; a Blender that calls a function of a module that is gone crashes."""
    engine.hold = threading.Event()
    for _ in range(20):
        submit()
        bpy.app.timers.register(pump._tick, first_interval=60, persistent=True)
        sd_blender.unregister()
        assert not bpy.app.timers.is_registered(pump._tick)
        assert session.current() is None
        sd_blender.register()


@pytest.mark.fault("F22")
def test_a_picture_finished_at_the_last_moment_is_not_lost(plane, settings, engine):
    ticket = submit()
    while session.current().thread._open:  # the engine is done, and nobody has drained yet
        threading.Event().wait(0.01)
    assert ticket.is_open
    sd_blender.unregister()
    assert [image.name for image in bpy.data.images] == ["mossy stone"]


SCRIPT = """
import sys, bpy, sd_blender
from sd_blender.blender import session
from sd_blender.blender import operators
from tests.fakes import FakeEngine
import threading
session.set_engine_factory(lambda: FakeEngine(hold={hold}))
sd_blender.register()
bpy.ops.mesh.primitive_cube_add()
settings = bpy.context.scene.sd_blender
settings.prompt, settings.width, settings.height, settings.steps = "moss", 32, 32, 1
{how}
print("REACHED", flush=True)
"""


@pytest.mark.fault("F58")
@pytest.mark.parametrize(
    ("how", "hold"),
    [("bpy.ops.sdb.generate()", "None"), ("operators.submit(bpy.context)", "threading.Event()")],
    ids=["after a job", "during a job"],
)
def test_blender_exits_cleanly_without_unregistering(how, hold):
    """4.2 crashes and 4.5 hangs when classes are left; the script never unregisters, as scripts do."""
    script = SCRIPT.format(how=how, hold=hold)
    root = Path(sd_blender.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )
    assert "REACHED" in done.stdout
    assert done.returncode == 0, done.stderr[-2000:]
