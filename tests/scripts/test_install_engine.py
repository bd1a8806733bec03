# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that installs the engine, with a fake index in place of the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import install_engine
import pytest

from sd_blender.worker.environment import current_python
from tests.worker.fake_index import make_fake_plan

ROOT = Path(__file__).parents[2]

# The command as it is, but for the plan, which comes from the wheels of the test.
COMMAND = """
import sys
sys.path[:0] = [{root!r}, {scripts!r}]
from pathlib import Path
import install_engine
from tests.worker.fake_index import make_fake_plan
install_engine.make_plan = lambda folder, variant: make_fake_plan(Path({folder!r}))
sys.argv = ["install_engine.py", "--wheels", {folder!r} + "/index", *{arguments!r}]
sys.exit(install_engine.main())
"""


def start(folder, *arguments, **options):
    code = COMMAND.format(
        root=str(ROOT), scripts=str(ROOT / "scripts"), folder=str(folder), arguments=arguments
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_it_says_what_it_will_do_asks_and_takes_no_for_an_answer(tmp_path):
    for answer in ("n\n", "", "\n"):
        process = start(tmp_path, stdin=subprocess.PIPE)
        out, _ = process.communicate(answer, timeout=60)
        assert process.returncode == 1
        assert "torch 2.13.0 for the processor" in out and "to download" in out and str(tmp_path) in out
        assert "Nothing was installed." in out
    assert current_python(tmp_path / "engine") is None


@pytest.mark.fault("F44")
@pytest.mark.skipif(os.name != "posix", reason="needs the signal of Ctrl C")
def test_stopped_with_ctrl_c_then_finished_then_in_no_time(tmp_path):
    process = start(tmp_path, "--yes", start_new_session=True)
    for line in process.stderr:
        if "Making an environment" in line:
            break
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of the group
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "run it again to go on" in err and "Traceback" not in err
    process = start(tmp_path, "--yes")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "100%" in err
    assert out.splitlines()[-1] == str(current_python(tmp_path / "engine"))
    process = start(tmp_path)  # asks nothing, for there is nothing to do
    assert process.communicate(timeout=20)[0].splitlines()[-1] == out.splitlines()[-1]
    assert process.returncode == 0


def test_what_cannot_be_done_is_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["install_engine.py", "--folder", str(tmp_path), "--variant", "rocm"])
    assert install_engine.main() == 1
    assert "under Own Python, or choose another build" in capsys.readouterr().err


@pytest.mark.skipif("SD_BLENDER_TEST_INSTALL" not in os.environ, reason="downloads the engine")
@pytest.mark.timeout(3600)
def test_the_real_engine(tmp_path):
    """SD_BLENDER_TEST_INSTALL names the build, "cpu" or another, or is "auto"."""
    command = [
        sys.executable,
        str(ROOT / "scripts" / "install_engine.py"),
        "--yes",
        "--folder",
        str(tmp_path),
    ]
    variant = os.environ["SD_BLENDER_TEST_INSTALL"]
    done = subprocess.run([*command, "--variant", variant], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    python = done.stdout.splitlines()[-1]
    code = "import torch; print(float(torch.ones(3).sum()))"
    assert subprocess.check_output([python, "-I", "-c", code], text=True) == "3.0\n"


def test_the_plan_is_for_the_folder_that_was_given(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        sys, "argv", ["install_engine.py", "--folder", str(tmp_path / "a" / ".." / "b"), "--yes"]
    )
    monkeypatch.setattr(
        install_engine, "make_plan", lambda *given: asked.append(given) or make_fake_plan(tmp_path)
    )
    monkeypatch.setattr(install_engine, "install", lambda plan, source, report, repair: plan.python)
    assert install_engine.main() == 0
    assert asked == [(tmp_path / "b", "auto")]
