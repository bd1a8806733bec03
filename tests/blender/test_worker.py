# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way with a real worker: bpy here, torch in a process of another Python, whatever this one's version."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import bpy
import numpy as np
import pytest

from sd_blender.blender import engines, pump, session
from sd_blender.blender.preferences import Preferences
from sd_blender.blender.results.textures import KEYWORD
from sd_blender.worker.process_engine import ProcessEngine
from tests.blender.conftest import drain_until, generate, submit

ROOT = Path(__file__).parents[2]
STUB = ROOT / "tests" / "worker" / "stub_worker.py"


def engine_python() -> Path | None:
    """A Python with torch: that of the environment that the tests of the engine run in."""
    named = os.environ.get("SD_BLENDER_PYTHON")
    places = [Path(named)] if named else []
    places += [ROOT / ".venv" / "main" / part for part in ("bin/python", "Scripts/python.exe")]
    return next((place for place in places if place.exists()), None)


@pytest.fixture
def worker(settings, monkeypatch, plane):
    """Generate uses a real worker from now on."""
    python = engine_python()
    if python is None:
        pytest.skip("no environment with torch: python3 scripts/test.py makes one")
    monkeypatch.setenv("SD_BLENDER_PYTHON", str(python))
    session.set_engine_factory(None)
    return python


@pytest.fixture
def stub(settings, monkeypatch, plane):
    """Generate uses a worker with a scripted engine."""
    monkeypatch.setattr(engines, "worker_command", lambda *_: [sys.executable, str(STUB)])
    monkeypatch.setenv("SD_BLENDER_PYTHON", sys.executable)
    session.set_engine_factory(None)


ANOTHER_BLENDER = """
import bpy, sd_blender
sd_blender.register()
settings = bpy.context.scene.sd_blender
settings.prompt, settings.destination = "red brick wall", "IMAGE"
settings.width = settings.height = 64
settings.steps = 2
assert bpy.ops.sdb.generate() == {"FINISHED"}
print("made", [i.name for i in bpy.data.images if "sd_blender" in i], flush=True)
sd_blender.unregister()
"""


def pid() -> int:
    """Of the worker, which the generation thread starts some time after Generate."""
    until = time.monotonic() + 20
    while not (found := getattr(session.current().thread._engine, "pid", None)):
        assert time.monotonic() < until
        time.sleep(0.01)
    return found


def made() -> list[bpy.types.Image]:
    return [image for image in bpy.data.images if KEYWORD in image]


@pytest.mark.timeout(300)
def test_a_texture_made_by_another_python(worker, settings):
    before = "torch" in sys.modules
    generate(width=64, height=64, steps=2)
    (image,) = made()
    assert tuple(image.size) == (64, 64) and np.ptp(np.array(image.pixels[:]).reshape(-1, 4)[:, :3]) > 0.02
    assert ("torch" in sys.modules) is before
    session.unload()


@pytest.mark.fault("F43")
@pytest.mark.timeout(300)
def test_two_blenders_use_one_environment_and_one_model_at_once(worker, settings):
    command = [sys.executable, "-c", ANOTHER_BLENDER]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        generate(width=64, height=64, steps=2)
        told = other.communicate()[0]
    assert made()
    assert "made ['red brick wall" in told and other.returncode == 0


@pytest.mark.fault("F05")
@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_worker_killed_under_a_job_ends_in_a_sentence_and_the_next_works(stub, settings):
    ticket = submit(prompt="hold")
    drain_until(lambda: ticket.job.steps, 20)
    os.kill(pid(), signal.SIGKILL)
    drain_until(lambda: not ticket.is_open)
    assert "signal 9" in ticket.error and "generate again" in ticket.error
    generate(prompt="moss")
    assert made()


@pytest.mark.fault("F20")
def test_unregistering_under_a_job_ends_the_worker(stub, settings):
    ticket = submit(prompt="deaf")
    drain_until(lambda: ticket.job.steps, 20)
    process, began = pid(), time.monotonic()
    pump.end()
    assert time.monotonic() - began < 5.5
    if os.name == "posix":
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_free_gpu_memory_ends_the_worker_and_the_next_job_starts_another(stub, settings):
    generate()
    first = pid()
    bpy.ops.sdb.unload()
    until = time.monotonic() + 10
    while session.current().thread._engine.pid:
        assert time.monotonic() < until
        time.sleep(0.01)
    generate()
    assert pid() != first


def test_the_engine_is_unloaded_when_it_is_idle(stub, settings, monkeypatch):
    monkeypatch.setattr(engines, "MINUTE", 0.005)
    generate()
    until = time.monotonic() + 10
    while session.current().thread._engine.pid:
        assert time.monotonic() < until
        time.sleep(0.01)
    generate()
    assert made()


def test_a_window_never_shares_its_process_with_torch(monkeypatch):
    monkeypatch.delenv("SD_BLENDER_PYTHON", raising=False)
    monkeypatch.setattr(engines, "in_background", lambda: False)
    choice = engines.choose(Preferences())
    assert choice.by_numpy and choice.python is not None
    made = choice.make()
    assert isinstance(made, ProcessEngine) and made._command[-2] == "--numpy"


def test_where_blender_brings_no_python_program_numpy_runs_in_a_thread(monkeypatch):
    monkeypatch.delenv("SD_BLENDER_PYTHON", raising=False)
    monkeypatch.setattr(engines, "in_background", lambda: False)
    monkeypatch.setattr(engines.sys, "executable", "/usr/bin/blender")
    choice = engines.choose(Preferences())
    assert choice.by_numpy and choice.python is None
    assert type(choice.make()).__name__ == "NumpyEngine"
