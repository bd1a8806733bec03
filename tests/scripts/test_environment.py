# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments: which Python is taken, when one is made anew, what is said when it cannot be made."""

from __future__ import annotations

import json
import stat
import sys

import _environment as environment
import pytest

HERE = "{}.{}".format(*sys.version_info[:2])


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Environments under a temporary folder, the making itself replaced by a record of it."""
    calls = []

    def make(folder, python, base, requirements):
        python.parent.mkdir(parents=True)
        python.touch()
        calls.append((folder.name, requirements))

    monkeypatch.setattr(environment, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(environment, "_make", make)
    monkeypatch.setattr(environment, "find_python", lambda versions: sys.executable)
    return calls


def test_an_environment_is_made_once(made):
    first = environment.ensure("bpy-4.2")
    assert environment.ensure("bpy-4.2") == first
    assert [name for name, _ in made] == ["bpy-4.2"]


def test_what_is_installed_comes_from_the_groups_of_the_project(made):
    environment.ensure("main")
    ((_, requirements),) = made
    assert [r for r in requirements if r.startswith("torch>=")]
    assert not [r for r in requirements if r.startswith("torchvision")]


@pytest.mark.parametrize("content", [None, "", "{half", json.dumps({"requirements": ["other"]})])
def test_one_that_is_half_made_or_outdated_is_made_anew(made, tmp_path, content):
    environment.ensure("bpy-4.2")
    marker = tmp_path / "bpy-4.2" / environment.MARKER
    marker.unlink()
    if content is not None:
        marker.write_text(content)
    (tmp_path / "bpy-4.2" / "bin" / "python").rename(tmp_path / "moved")
    (tmp_path / "bpy-4.2" / "bin").rmdir()
    environment.ensure("bpy-4.2")
    assert len(made) == 2


def test_a_failed_installation_leaves_no_marker(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "ENVIRONMENTS", tmp_path / ".venv")
    (tmp_path / "pyproject.toml").write_text(
        "[project]\ndependencies = []\n[project.optional-dependencies]\n[dependency-groups]\n"
        f'broken = ["./nothing-here.whl"]\n[tool.sd-blender.environments]\n'
        f'broken = {{ pythons = ["{HERE}"], groups = ["broken"] }}\n'
    )
    with pytest.raises(environment.CannotSetUp, match="could not be made"):
        environment.ensure("broken")
    assert not (tmp_path / ".venv" / "broken" / environment.MARKER).exists()


def test_missing_libraries_are_named_before_anything_is_downloaded(made, monkeypatch):
    monkeypatch.setattr(environment.sys, "platform", "linux")
    monkeypatch.setattr(environment, "_can_load", lambda library: library != "libXi.so.6")
    with pytest.raises(environment.CannotSetUp, match=r"apt-get install libxi6$"):
        environment.ensure("bpy-4.2")
    assert not made


def test_this_python_is_taken_where_it_fits():
    assert environment.find_python(["3.1", HERE]) == sys.executable


def test_a_python_that_does_not_run_is_passed_over(monkeypatch, tmp_path):
    """pyenv puts a stand-in on PATH for each version that some project uses; most of them only print an error."""
    stand_in, kept = (
        tmp_path / "bin" / "python9.9",
        tmp_path / "pyenv" / "versions" / "9.9.1" / "bin" / "python",
    )
    for path, script in ((stand_in, "exit 127"), (kept, "echo 9.9")):
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(stand_in.parent))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert environment.find_python(["9.9"]) == str(kept)


def test_no_python_at_all_is_one_sentence(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(environment.CannotSetUp, match=r"^This needs Python 9\.8 or 9\.9; install one .*\.$"):
        environment.find_python(["9.8", "9.9"])
