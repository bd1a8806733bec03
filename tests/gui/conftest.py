# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Blender in a window on a screen of its own, with the extension installed as an artist would.

Needs a Blender with windows in $SD_BLENDER_REAL_BLENDER, and Xvfb, xdotool and ImageMagick's import.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
SCREEN = "1600x1000"


@pytest.fixture(scope="session")
def blender() -> str:
    path = os.environ.get("SD_BLENDER_REAL_BLENDER")
    if not path:
        pytest.skip("no Blender with windows: name one in $SD_BLENDER_REAL_BLENDER")
    lacking = [tool for tool in ("Xvfb", "xdotool", "import") if not shutil.which(tool)]
    assert not lacking, f"install {', '.join(lacking)}: apt-get install xvfb xdotool imagemagick"
    return path


@pytest.fixture(scope="session")
def screen() -> Iterator[dict[str, str]]:
    """The environment variables of a screen of our own; Xvfb picks a free number and says which."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{SCREEN}x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    assert number, "Xvfb did not start"
    yield os.environ | {"DISPLAY": f":{number}"}
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="session")
def profile(blender, tmp_path_factory) -> dict[str, str]:
    """The environment variables of a fresh profile with the extension installed and enabled."""
    built = tmp_path_factory.mktemp("extension")
    build = [sys.executable, ROOT / "scripts" / "build_extension.py", "--output", built]
    subprocess.run(build, check=True, timeout=120)
    (package,) = built.glob("*.zip")
    variables = {"BLENDER_USER_RESOURCES": str(tmp_path_factory.mktemp("profile"))}
    variables |= numpy_for(blender, variables)
    quiet = "import bpy; bpy.context.preferences.view.show_splash = False; bpy.ops.wm.save_userpref()"
    in_background(blender, variables, "--python-expr", quiet)
    install = ["--command", "extension", "install-file", "--repo", "user_default", "--enable", str(package)]
    in_background(blender, variables, *install)
    return variables


def in_background(blender: str, variables: dict[str, str], *arguments: str) -> str:
    """Run Blender without a window; what it prints. It must end well."""
    command = [blender, "--python-use-system-env", "--background", "--python-exit-code", "1", *arguments]
    run = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, timeout=180)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def numpy_for(blender: str, variables: dict[str, str]) -> dict[str, str]:
    """The variable through which a Blender that comes without numpy finds one; nothing for Blender's own builds."""
    ask = "import importlib.util as u, sys; print('python', *sys.version_info[:2], u.find_spec('numpy') is not None)"
    answer = in_background(blender, variables, "--python-expr", ask)
    major, minor, found = re.search(r"^python (\d+) (\d+) (\w+)$", answer, re.MULTILINE).groups()
    if found == "True":
        return {}
    folder = ROOT / "build" / f"numpy-for-python-{major}.{minor}"
    if not (folder / "numpy" / "__init__.py").exists():
        wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["windowed"]
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]
        where = ["--python-version", f"{major}.{minor}", "--target", str(folder)]
        subprocess.run([*pip, *where, *wanted], check=True, timeout=300)
    return {"PYTHONPATH": str(folder)}


@dataclass
class Window:
    """A running Blender that plays a scenario of drive.py."""

    process: subprocess.Popen
    folder: Path
    environ: dict[str, str]
    label: str

    @property
    def output(self) -> str:
        return (self.folder / "output.txt").read_text(errors="replace")

    def look(self, name: str) -> tuple[dict, Path]:
        """Wait until the scenario shows something; its facts, and a screenshot kept under build/screenshots."""
        self._wait_for(lambda: (self.folder / f"{name}.json").exists(), f"nothing was shown as {name}")
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        picture = SCREENSHOTS / f"{name}-{self.label}.png"
        subprocess.run(["import", "-window", "root", picture], env=self.environ, check=True, timeout=60)
        return json.loads((self.folder / f"{name}.json").read_text()), picture

    def go_on(self, name: str) -> None:
        (self.folder / f"{name}.seen").touch()

    def xdotool(self, *arguments: object) -> None:
        subprocess.run(["xdotool", *map(str, arguments)], env=self.environ, check=True, timeout=30)

    def point_until(self, name: str, points: Iterable[tuple[int, int]]) -> None:
        """Move over ``points``, copying what is under the mouse, until the scenario shows ``name``."""
        for x, y in points:
            self.xdotool("mousemove", x, y)
            time.sleep(0.2)  # a button is under the mouse from the next event on
            self.xdotool("mousemove", x + 1, y, "key", "ctrl+c")
            for _ in range(15):
                if (self.folder / f"{name}.json").exists():
                    return
                time.sleep(0.1)
        raise AssertionError(f"{name} was not found under the mouse\n{self.output}")

    def quits_well(self) -> None:
        """The scenario has ended, Blender has quit by itself with code 0, and its console names no error."""
        self._wait_for(lambda: self.process.poll() is not None, "Blender did not quit")
        assert self.process.returncode == 0, self.output
        complaints = re.findall(r"^.*(?:Traceback|Error|error:|Exception).*$", self.output, re.MULTILINE)
        assert not complaints, self.output

    def _wait_for(self, condition, otherwise: str, seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"{otherwise}\n{self.output}"
            assert self.process.poll() in (None, 0), f"{otherwise}\n{self.output}"
            time.sleep(0.1)


@pytest.fixture
def window(blender, screen, profile, tmp_path):
    """Starts a scenario; whatever happens, its Blender is gone after the test."""
    started: list[subprocess.Popen] = []
    engine = {"SD_BLENDER_TEST_PYTHON": sys.executable}  # these tests run where torch is

    def start(scenario: str) -> Window:
        command = [
            blender,
            "--python-use-system-env",
            "--window-geometry",
            "0",
            "0",
            *SCREEN.split("x"),
            "--no-window-focus",
        ]
        command += ["--python-exit-code", "1", "--python", str(Path(__file__).with_name("drive.py"))]
        with open(tmp_path / "output.txt", "w") as output:
            process = subprocess.Popen(
                [*command, "--", str(tmp_path), scenario],
                env=screen | profile | engine, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        started.append(process)
        return Window(process, tmp_path, screen, Path(blender).name)

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.wait(10)
