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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
SCREEN = "1600x1000"
ROW = 14
"""Pixels from one look at a sidebar to the next; a button is 20 high."""

UP, DOWN = 4, 5
"""The wheel of the mouse."""


def cut(picture: Path, place: list[int]) -> np.ndarray:
    """A part of a screenshot. place: x, y, width, height."""
    x, y, width, height = place
    return np.asarray(Image.open(picture).convert("RGB"))[y : y + height, x : x + width]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These tests take long where a window is drawn without a graphics card and others use the processor too."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(1200))


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
    # A cache of its own too: Blender maps indices of its assets from there, which another Blender may rewrite.
    variables = {
        "BLENDER_USER_RESOURCES": str(tmp_path_factory.mktemp("profile")),
        "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
    }
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
    """A running Blender that plays a scenario.

    clicks: so many were made. found: where a kind of button was last, in any window, since the search begins there.
    """

    process: subprocess.Popen
    folder: Path
    environ: dict[str, str]
    label: str
    clicks: int = 0
    found: ClassVar[dict[str, int]] = {}

    @property
    def output(self) -> str:
        return (self.folder / "output.txt").read_text(errors="replace")

    def look(self, name: str) -> tuple[dict, Path]:
        """Wait until the scenario shows something; its facts, and a screenshot kept under build/screenshots."""
        facts = self.facts(name)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        picture = SCREENSHOTS / f"{name}-{self.label}.png"
        subprocess.run(["import", "-window", "root", picture], env=self.environ, check=True, timeout=60)
        return facts, picture

    def see(self, name: str) -> tuple[dict, Path]:
        """Look, and let the scenario go on."""
        facts, picture = self.look(name)
        self.go_on(name)
        return facts, picture

    def facts(self, name: str) -> dict:
        self._wait_for(lambda: self.has_shown(name), f"nothing was shown as {name}")
        return json.loads((self.folder / f"{name}.json").read_text())

    def has_shown(self, name: str) -> bool:
        return (self.folder / f"{name}.json").exists()

    def go_on(self, name: str) -> None:
        (self.folder / f"{name}.seen").touch()

    def xdotool(self, *arguments: object) -> None:
        subprocess.run(["xdotool", *map(str, arguments)], env=self.environ, check=True, timeout=30)

    def click(self, name: str, across: float = 0.4) -> None:
        """Do the click that the scenario asks for under this name. across: of the width of the sidebar."""
        wanted = self.facts(f"click {name}")
        self.click_at(self.find(wanted["what"], wanted["place"], across))
        self.go_on(f"click {name}")

    def click_at(self, point: tuple[int, int]) -> None:
        self.under_mouse(*point)  # a click that comes with the mouse is lost: nothing is lit up yet
        self.xdotool("click", 1)
        self.clicks += 1

    def type(self, text: str) -> None:
        """Type into the field that was just clicked."""
        self.xdotool("sleep", 0.5, "type", "--delay", 30, text)
        self.xdotool("sleep", 0.2, "key", "Return")

    def find(self, what: str, place: list[int], across: float = 0.4) -> tuple[int, int]:
        """Where a button or property is whose Python contains ``what``: up and down a sidebar, scrolling it.

        It begins where another of its kind was found, or else at the top.
        """
        x, y, width, height = place
        column, kind, seen = x + int(width * across), what.partition("(")[0], set()
        begin = self.found.get(kind, 0)
        for _ in range(4):
            for at in sorted(range(y + 6, y + height - 4, ROW), key=lambda at: abs(at - begin)):
                seen.add(here := self.under_mouse(column, at))
                if what in here:
                    self.found[kind] = at = self._middle(what, column, at)
                    return column, at
            self.xdotool("mousemove", column, y + height // 2, "click", "--repeat", 5, 5)
        raise AssertionError(f"{what} was not found at {column}, but {seen}\n{self.output}")

    def _middle(self, what: str, column: int, at: int) -> int:
        """Of a button that is met at one height: the borders are a pixel's matter, and rows of a list overlap there."""
        top = bottom = at
        while what in self.under_mouse(column, top - 4):
            top -= 4
        while what in self.under_mouse(column, bottom + 4):
            bottom += 4
        return (top + bottom) // 2

    def under_mouse(self, x: int, y: int) -> str:
        """The Python of what Blender lights up there."""
        self.xdotool("mousemove", x - 1, y, "mousemove", x, y)
        return self._asked(x, y)

    def catch_up(self) -> None:
        """Wait until Blender has heard of all that the mouse did, has drawn it, and the scenario has seen it."""
        for _ in range(2):
            self._asked(0, 0)

    def _asked(self, x: int, y: int) -> str:
        question, answer = self.folder / "mouse.json", self.folder / "under.json"
        draft = self.folder / "mouse.json.part"
        draft.write_text(json.dumps([x, y]))
        draft.rename(question)
        self._wait_for(answer.exists, f"nothing was said of what is under the mouse at {x}, {y}", every=0.01)
        found = json.loads(answer.read_text())
        answer.unlink()
        return found

    def drag(self, *points: tuple[int, int]) -> None:
        """Draw a line with the left mouse button held, slowly enough to be a stroke."""
        self.xdotool("mousemove", *points[0], "sleep", 0.2, "mousedown", 1)
        for point in points[1:]:
            self.xdotool("mousemove", *point, "sleep", 0.1)
        self.xdotool("mouseup", 1)

    def press(self, point: tuple[int, int], key: str) -> None:
        """Press a key with the mouse at a place, which is what tells Blender where it is meant for."""
        self.xdotool("mousemove", point[0] - 1, point[1], "mousemove", *point, "sleep", 0.2, "key", key)

    def scroll(self, name: str, button: int, editor: str = "VIEW_3D") -> None:
        """Turn the wheel over the sidebar of an editor to its upper or lower end, while ``name`` is shown."""
        x, y, width, height = self.facts(name)["places"][f"{editor} sidebar"]
        at = x + width // 2, y + height // 2
        self.xdotool("mousemove", *at, "click", "--repeat", 40, button, "sleep", 1)
        self.catch_up()

    def quits_well(self) -> None:
        """The scenario has ended, Blender has quit by itself with code 0, and its console names no error."""
        self._wait_for(lambda: self.process.poll() is not None, "Blender did not quit")
        assert self.process.returncode == 0, self.output
        complaints = re.findall(r"^.*(?:Traceback|Error|error:|Exception).*$", self.output, re.MULTILINE)
        assert not complaints, self.output

    def _wait_for(self, condition, otherwise: str, seconds: float = 320, every: float = 0.05) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"{otherwise}\n{self.output}"
            assert self.process.poll() in (None, 0), f"{otherwise}\n{self.output}"
            time.sleep(every)


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
