# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that builds the extension, in a clone that has nothing yet and in one with a Blender."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path):
    """What the command needs of the repository, with a package of one file."""
    for name in ("scripts/build_extension.py", "addon_manifest/blender_manifest.toml", "LICENSE"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "sd_blender").mkdir()
    (tmp_path / "sd_blender" / "__init__.py").write_text("")
    return tmp_path


def run(clone, *arguments):
    """The command in the Python that this one was made from, without packages and thus without bpy."""
    command = [sys._base_executable, "-I", "-S", clone / "scripts" / "build_extension.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def add_validator(clone, answer, code):
    """An environment of the clone with a bpy, as far as the command looks at it."""
    tool = "bpy/5.2/scripts/addons_core/bl_pkg/cli/blender_ext.py"
    path = clone / ".venv" / "main" / "lib" / "python3.13" / "site-packages" / tool
    path.parent.mkdir(parents=True)
    path.write_text(f"import sys\nassert sys.argv[1] == 'validate'\nprint({answer!r})\nsys.exit({code})\n")


def test_in_a_fresh_clone_it_says_where_the_zip_is_and_that_nobody_checked_it(clone):
    done = run(clone)
    assert done.returncode == 0, done.stderr
    path = re.search(r"^(/.*\.zip)$", done.stdout, re.MULTILINE)[1]
    assert Path(path).parent == clone / "dist"
    assert "blender_manifest.toml" in zipfile.ZipFile(path).namelist()
    assert "It was not validated" in done.stdout


def test_where_a_bpy_is_at_hand_it_is_asked(clone):
    add_validator(clone, "Success parsing TOML", 0)
    done = run(clone)
    assert done.returncode == 0 and "Success" in done.stdout and "not validated" not in done.stdout


def test_what_blender_refuses_is_a_failure_that_names_the_zip(clone):
    add_validator(clone, "error: tagline ends in a full stop", 1)
    done = run(clone)
    assert done.returncode == 1
    assert "tagline" in done.stderr and str(clone / "dist") in done.stderr


def test_a_blender_that_was_named_and_cannot_be_started_is_a_failure(clone):
    done = run(clone, "--blender", clone / "gone")
    assert done.returncode == 1
    assert "cannot be started" in done.stderr and "Traceback" not in done.stderr


def test_the_manifest_declares_what_the_add_on_does():
    permissions = tomllib.loads((ROOT / "addon_manifest" / "blender_manifest.toml").read_text())[
        "permissions"
    ]
    assert permissions.keys() == {"files", "network", "clipboard"}
    for reason in permissions.values():
        assert len(reason) <= 64 and reason[-1].isalnum()
