# SPDX-License-Identifier: GPL-3.0-or-later
"""The repository as a newcomer finds it: its shape, its size, and nothing of one machine in it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from sd_blender.core.version import VERSION

ROOT = Path(__file__).parents[2]
TOP_LEVEL = {
    ".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "addon_manifest", "docs",
    "pyproject.toml", "scripts", "sd_blender", "tests",
}  # fmt: skip
WEIGHTS_LIMIT = 30 * 2**20

# A folder of one person's or one machine's: /home/someone, /work/x, /root/x, C:\Users\someone.
MACHINE_PATH = re.compile(r"(?<![\w.:/$}])/(?:home|root|work|Users)/[\w.]|[A-Z]:\\+Users\\+\w")
REGISTRY = re.compile(r"pythonhosted\.org|pypi\.org|deb\.debian\.org|registry\.npmjs|download\.pytorch\.org")
VENDOR_INDEX = (
    "sd_blender/worker/environment/lock_files/",
    "scripts/_vendor_wheels.py",
    "tests/worker/test_environment_plan.py",
)
"""What says where the wheels are that the public index lacks."""


def tracked_files() -> list[Path]:
    """What git tracks, or would if it were added; the tree itself where there is no git, as in an archive."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_the_top_level_is_as_fixed():
    assert {path.relative_to(ROOT).parts[0] for path in tracked_files()} <= TOP_LEVEL


@pytest.mark.parametrize("pattern", [MACHINE_PATH, REGISTRY], ids=["paths of a machine", "registries"])
def test_no_file_names_a_machine_or_a_registry(pattern):
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in tracked_files()
        if path != Path(__file__)
        and not (pattern is REGISTRY and path.relative_to(ROOT).as_posix().startswith(VENDOR_INDEX))
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line", ["/home/ann/x", 'open("/work/data")', "at /root/.cache", "C:\\Users\\Ann", "C:\\\\Users\\\\Ann"]
)
def test_paths_of_a_machine_are_recognised(line):
    assert MACHINE_PATH.search(line)


@pytest.mark.parametrize(
    "line", ["https://example.org/work/x", "docs/work/x", "$ROOT/home/x", "/usr/bin/env"]
)
def test_other_paths_are_let_be(line):
    assert not MACHINE_PATH.search(line)


def test_python_files_say_their_licence_first():
    lacking = [
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if path.suffix == ".py"
        and not text_of(path).startswith("# SPDX-License-Identifier: GPL-3.0-or-later\n")
    ]
    assert not lacking


def test_the_starter_model_is_small_enough_to_ship():
    folder = ROOT / "sd_blender" / "starter_model"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= WEIGHTS_LIMIT


def test_weights_are_safetensors_only():
    pickles = {".bin", ".ckpt", ".pt", ".pth", ".pkl"}
    assert not [path for path in tracked_files() if path.suffix in pickles]


def test_one_version_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    manifest = tomllib.loads((ROOT / "addon_manifest" / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == VERSION == manifest["version"]
