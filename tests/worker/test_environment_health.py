# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a Python whether it can run the engine: every way in which it cannot ends in one sentence."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from sd_blender.core.errors import EngineUnavailable
from sd_blender.worker.environment import health
from sd_blender.worker.environment.find import python_of
from sd_blender.worker.environment.health import check
from sd_blender.worker.environment.processes import InstallCancelled
from tests.worker.fake_index import SOURCES, TORCH, VERSIONS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def python(tmp_path):
    """A Python with packages that do nothing, in an environment that nothing was installed into."""
    environment = tmp_path / "own"
    subprocess.run([sys.executable, "-I", "-m", "venv", "--without-pip", environment], check=True)
    for name, (module, source) in SOURCES.items():
        write(environment, module, source.replace("{version}", VERSIONS[name]))
    (site(environment) / "PIL" / "Image.py").write_text("def open(): pass\n")
    return python_of(environment)


def site(environment):
    return next(path for path in environment.rglob("site-packages") if "lib64" not in path.parts)


def write(environment, module, source):
    package = site(environment) / module
    package.mkdir(exist_ok=True)
    (package / "__init__.py").write_text(source)


def replace(python, module, source):
    write(python.parents[1], module, source)


def test_one_that_can(python):
    found = check(python)
    assert found.is_good and found.details == ""
    assert found.python == "{}.{}.{}".format(*sys.version_info[:3])
    assert found.versions == VERSIONS
    assert found.summary == "torch 2.13.0 on the processor"
    assert health.require(python) == found


@pytest.mark.fault("F45")
@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            "raise ImportError('libcudart.so.13: cannot open')",
            r"torch cannot be imported \(ImportError: libcudart",
        ),
        (
            "raise OSError('[WinError 1114] DLL initialization failed')",
            r"torch cannot be imported \(OSError: \[WinE",
        ),
        ("raise SystemError('numpy ABI')", r"torch cannot be imported \(SystemError: numpy ABI"),
        ("import os; os._exit(3)", "torch cannot be imported: it ended Python with exit code 3, or repair"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "this processor is too old"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended Python with exit code -11"),
        ("raise SystemExit(3221225781)", "torch cannot be imported"),
        ("import numpy.core.missing", "torch cannot be imported"),
    ],
)
def test_torch_that_cannot_be_imported(python, source, sentence):
    replace(python, "torch", source)
    found = check(python)
    assert not found.is_good
    assert re.search(sentence, found.problem), found.problem
    assert found.problem.endswith(("in the preferences.",)) and found.problem.count(". ") == 0
    assert found.details
    with pytest.raises(EngineUnavailable) as caught:
        health.require(python)
    assert caught.value.details == found.details


@pytest.mark.fault("F45")
def test_the_code_windows_gives_for_a_missing_dll():
    done = subprocess.CompletedProcess([], 3221225781, "importing numpy\nimporting torch\n", "")
    assert "Visual C++ Redistributable" in health._crashed(done, "python.exe").problem


def test_packages_that_are_not_there(python):
    shutil.rmtree(site(python.parents[1]) / "torch")
    shutil.rmtree(site(python.parents[1]) / "diffusers")
    assert "has no torch and no diffusers; install the engine" in check(python).problem


def test_releases_with_known_holes_are_refused(python):
    replace(python, "torch", TORCH.replace("{version}", "2.9.1+cu128"))
    assert "torch 2.9.1+cu128" in check(python).problem and "2.10 or newer" in check(python).problem


def test_the_oldest_releases_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    floors = dict(
        re.match(r"([\w-]+)>=([\d.]+)", line).groups() for line in project["optional-dependencies"]["engine"]
    )
    for name, oldest in health.OLDEST.items():
        assert tuple(map(int, floors[name].split("."))) == oldest
    assert project["requires-python"] == ">=" + ".".join(map(str, health.OLDEST_PYTHON))


def test_files_that_are_no_python(tmp_path):
    assert "cannot be started" in check(tmp_path / "nothing").problem
    stranger = tmp_path / "stranger"
    stranger.write_text("#!/bin/sh\necho hello\n")
    stranger.chmod(0o755)
    assert "is no Python that can run the engine" in check(stranger).problem
    assert "cannot be started" in check(tmp_path).problem


@pytest.mark.parametrize("is_cancelled", [lambda: True, lambda: False])
def test_one_that_does_not_answer(python, is_cancelled):
    replace(python, "torch", "import time; time.sleep(60)")
    started = time.monotonic()
    if is_cancelled():
        with pytest.raises(InstallCancelled):
            check(python, is_cancelled=is_cancelled)
    else:
        assert "did not answer within 1 seconds" in check(python, timeout=1.0).problem
    assert time.monotonic() - started < 4


@pytest.mark.fault("F46")
def test_packages_of_others_do_not_reach_it(python, tmp_path, monkeypatch):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for name in ("torch", "numpy", "PIL", "requests", "json"):
        (foreign / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.setenv("PYTHONPATH", str(foreign))
    monkeypatch.setenv("PYTHONHOME", str(foreign))
    monkeypatch.chdir(foreign)
    assert check(python).is_good


def fake_cuda(**functions):
    lines = ["class cuda:"] + [f"    {name} = staticmethod({body})" for name, body in functions.items()]
    source = TORCH.replace("{version}", "2.13.0").replace("cuda = None", 'cuda = "13.0"')
    return source[: source.index("class cuda:")] + "\n".join(lines) + "\n"


@pytest.mark.fault("F47")
@pytest.mark.parametrize(
    ("functions", "devices", "note"),
    [
        ({"is_available": "lambda: False"}, [], ""),
        (
            {"is_available": "lambda: __import__('warnings').warn('CUDA driver is too old') or False"},
            [],
            "too old",
        ),
        ({"is_available": "lambda: True", "device_count": "lambda: 1 / 0"}, [], "division"),
        (
            {
                "is_available": "lambda: True",
                "device_count": "lambda: 1",
                "mem_get_info": "lambda i: (6 * 10**9, 8 * 10**9)",
                "get_device_name": "lambda i: 'RTX'",
            },
            [health.Device("RTX", 6 * 10**9, 8 * 10**9)],
            "",
        ),
    ],
    ids=["none", "driver too old", "driver fails", "one"],
)
def test_graphics_cards_and_the_lack_of_them(python, functions, devices, note):
    replace(python, "torch", fake_cuda(**functions))
    found = check(python)
    assert found.is_good
    assert found.build == "cuda 13.0"
    assert list(found.devices) == devices
    assert note in " ".join(found.notes)
    assert found.summary.endswith("RTX" if devices else "the processor")
