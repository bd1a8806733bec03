# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts without a window, each in a Blender of its own: how they end, and what they say on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import sd_blender

pytestmark = pytest.mark.every_version

ROOT = Path(sd_blender.__file__).parents[1]
SECONDS = 60  # 4.5 hangs for ever at exit when something of ours is left

BEGIN = """
import sys, threading, json
import bpy, sd_blender
from sd_blender.blender import session
from sd_blender.core.errors import ModelNotFound
from tests.fakes import FakeEngine
engine = FakeEngine()
session.set_engine_factory(lambda: engine)
bpy.ops.wm.read_factory_settings(use_empty=True)
sd_blender.register()
bpy.ops.mesh.primitive_plane_add()
settings = bpy.context.scene.sd_blender
settings.prompt, settings.width, settings.height, settings.steps = "moss", 32, 32, 2
"""


@pytest.fixture
def script(tmp_path):
    """Runs the lines of a script after BEGIN in a Blender of its own."""

    def run(lines, **environ):
        file = write(tmp_path, lines)
        return subprocess.run(
            [sys.executable, str(file)],
            cwd=tmp_path,
            env=environment(tmp_path, **environ),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    return run


def write(folder, lines):
    file = folder / "script.py"
    file.write_text(BEGIN + textwrap.dedent(lines), encoding="utf-8")
    return file


def environment(folder, **more):
    path = os.pathsep.join(filter(None, [more.pop("first", ""), str(ROOT)]))
    resources = folder / "resources"
    return os.environ | {"PYTHONPATH": path, "BLENDER_USER_RESOURCES": str(resources)} | more


@pytest.mark.fault("F58")
def test_a_script_waits_for_its_texture_and_ends_with_0(script):
    done = script("""
        assert bpy.ops.sdb.generate() == {"FINISHED"}
        print("IMAGE", bpy.data.images["moss"].size[0], bpy.context.object.active_material.name)
    """)
    assert done.returncode == 0, done.stderr
    assert "IMAGE 32 Plane" in done.stdout
    told = [line for line in done.stderr.splitlines() if line.startswith("sd_blender: ")]
    assert told[-3:] == ["sd_blender: step 1 of 2", "sd_blender: step 2 of 2", "sd_blender: finished"]


@pytest.mark.fault("F58")
def test_a_failure_ends_a_script_with_1_and_its_sentence(script):
    done = script("""
        engine.error = ModelNotFound("The model folder is not there; choose another.")
        bpy.ops.sdb.generate()
        print("NOT REACHED")
    """)
    assert done.returncode == 1
    assert "The model folder is not there; choose another." in done.stderr
    assert "NOT REACHED" not in done.stdout


@pytest.mark.fault("F58")
def test_a_script_may_take_a_failure_and_go_on(script):
    done = script("""
        engine.error = ModelNotFound("The model folder is not there; choose another.")
        try:
            bpy.ops.sdb.generate()
        except RuntimeError as error:
            print("TOLD", error)
        bpy.ops.sdb.generate()
        print("IMAGES", bpy.data.images.keys())
    """)
    assert done.returncode == 0, done.stderr
    assert "TOLD Error: The model folder is not there" in done.stdout
    assert "IMAGES ['moss']" in done.stdout


@pytest.mark.fault("F58")
def test_an_exit_code_of_the_scripts_own(script):
    done = script("""
        bpy.ops.sdb.generate()
        sys.exit(7)
    """)
    assert done.returncode == 7, done.stderr


@pytest.mark.fault("F58")
@pytest.mark.skipif(os.name != "posix", reason="closes a stream the way a shell does")
def test_a_closed_error_stream_keeps_no_texture(script):
    done = script("""
        import os
        os.close(2)
        bpy.ops.sdb.generate()
        print("IMAGES", bpy.data.images.keys())
    """)
    assert "IMAGES ['moss']" in done.stdout


@pytest.mark.fault("F59")
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("taken", [False, True], ids=["plain", "in a loop that takes refusals"])
def test_ctrl_c_cancels_and_ends_the_script_with_130(tmp_path, taken):
    """As in a shell: the job is cancelled, finally clauses run, and nothing of the script after it does."""
    lines = """
        engine.hold = threading.Event()
        settings.seed, settings.lock_seed = 5, True
        try:
            for _ in range(3):
                try:
                    bpy.ops.sdb.generate()
                except TAKEN:
                    print("WENT ON")
        finally:
            left = [len(session.open_tickets()), bpy.data.images.keys(), bpy.data.materials.keys(), settings.seed]
            print("LEFT", json.dumps(left), flush=True)
        print("NOT REACHED")
    """.replace("TAKEN", "RuntimeError" if taken else "ValueError")
    process = subprocess.Popen(
        [sys.executable, str(write(tmp_path, lines))],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stderr:
            if "step 0 of 2" in line:
                break
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        out, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert time.monotonic() - began < 10
    # Python ends itself by the signal, which a shell reports as 130.
    assert process.returncode in (-signal.SIGINT, 130), err
    assert "sd_blender: cancelled" in err
    assert "KeyboardInterrupt" in err
    (left,) = [line for line in out.splitlines() if line.startswith("LEFT ")]
    assert json.loads(left.removeprefix("LEFT ")) == [0, [], [], 5]
    assert "NOT REACHED" not in out and "WENT ON" not in out


@pytest.mark.fault("F59")
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_a_script_can_take_ctrl_c_where_it_called(script):
    done = script("""
        import os, signal
        engine.hold = threading.Event()
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            bpy.ops.sdb.generate()
        except KeyboardInterrupt:
            print("TAKEN", sys.gettrace())
        engine.hold = None
        assert bpy.ops.sdb.generate() == {"FINISHED"}
        print("IMAGES", bpy.data.images.keys())
    """)
    assert done.returncode == 0, done.stderr
    assert "TAKEN None" in done.stdout
    assert "IMAGES ['moss']" in done.stdout


@pytest.mark.fault("F59")
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_is_heard_where_blender_takes_it_for_itself(script):
    """As ``blender --background`` does, with a handler that Python knows nothing of; it is put back every time."""
    done = script("""
        import ctypes, os, signal
        from sd_blender.blender import interrupt
        api = ctypes.pythonapi
        api.PyOS_getsig.restype, api.PyOS_setsig.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)
        interrupt._pythons = api.PyOS_getsig(signal.SIGINT)
        IGNORED = 1
        api.PyOS_setsig(signal.SIGINT, IGNORED)
        engine.hold = threading.Event()
        for _ in range(2):
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                bpy.ops.sdb.generate()
            except KeyboardInterrupt:
                print("TAKEN", len(session.open_tickets()), api.PyOS_getsig(signal.SIGINT) == IGNORED)
    """)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("TAKEN 0 True") == 2


@pytest.mark.fault("F46")
def test_other_add_ons_libraries_do_not_matter(script, tmp_path):
    """Whatever lies first on Blender's path under the names of our libraries: the Blender side imports none of them."""
    theirs = tmp_path / "theirs"
    for name in ("torch", "diffusers", "transformers", "PIL", "requests", "safetensors", "huggingface_hub"):
        (theirs / name).mkdir(parents=True)
        (theirs / name / "__init__.py").write_text(f'raise ImportError("the wrong {name}")', encoding="utf-8")
    done = script(
        """
        import numpy
        assert bpy.ops.sdb.generate() == {"FINISHED"}
        settings.task, settings.source, settings.source_image = "IMAGE_TO_IMAGE", "IMAGE", bpy.data.images["moss"]
        assert bpy.ops.sdb.generate() == {"FINISHED"}
        heavy = {"torch", "diffusers", "transformers", "PIL", "requests", "safetensors", "huggingface_hub"}
        print("IMPORTED", sorted(heavy & set(sys.modules)))
        """,
        first=str(theirs),
    )
    assert done.returncode == 0, done.stderr
    assert "IMPORTED []" in done.stdout


@pytest.mark.fault("F45")
@pytest.mark.fault("F46")
def test_an_engine_whose_libraries_are_broken_is_a_sentence(script, tmp_path):
    """The real engine, in this process, with another add-on's torch first on the path."""
    theirs = tmp_path / "theirs" / "torch"
    theirs.mkdir(parents=True)
    (theirs / "__init__.py").write_text('raise ImportError("DLL load failed")', encoding="utf-8")
    done = script(
        """
        session.set_engine_factory(None)
        try:
            bpy.ops.sdb.generate()
        except RuntimeError as error:
            print("TOLD", str(error).splitlines()[0])
        session.set_engine_factory(lambda: engine)
        assert bpy.ops.sdb.generate() == {"FINISHED"}
        """,
        first=str(theirs.parent),
    )
    assert done.returncode == 0, done.stderr
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("TOLD Error: ")]
    assert told.endswith(".") and "torch" in told
