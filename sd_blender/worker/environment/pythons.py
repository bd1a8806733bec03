# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds a Python of this machine that an environment can be made with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from .processes import NO_WINDOW, clean_environ

# venv without ensurepip, as Debian splits it, makes environments that have no pip.
QUESTION = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"


def find(versions: Sequence[str], own: str = sys.executable) -> tuple[Path, str] | None:
    """A Python that makes environments, and its version, which is one of ``versions`` ("3.11"); None without one.

    ``own``, which is Blender's, is taken when its version fits; the others in the order of ``versions``.
    """
    if own and Path(own).name.lower().startswith(
        "python"
    ):  # never ask Blender itself, which would open a window
        version = version_of(own)
        if version in versions:
            return Path(own), str(version)
    for version in versions:
        for candidate in _candidates(version):
            if version_of(candidate) == version:
                return Path(candidate), version
    return None


def version_of(python: str) -> str | None:
    """The version of a Python that runs and makes environments, None for any other."""
    try:
        done = subprocess.run(
            [python, "-I", "-c", QUESTION],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            env=clean_environ(),
            creationflags=NO_WINDOW,
            check=True,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()


def _candidates(version: str) -> Iterator[str]:
    if found := shutil.which(f"python{version}"):
        yield found
    if sys.platform == "win32":
        programs = os.environ.get("LOCALAPPDATA", ""), os.environ.get("PROGRAMFILES", "")
        number = version.replace(".", "")
        yield str(Path(programs[0], "Programs", "Python", f"Python{number}", "python.exe"))
        yield str(Path(programs[1], f"Python{number}", "python.exe"))
    elif sys.platform == "darwin":  # a Blender that was started from the Finder has a short PATH
        yield f"/opt/homebrew/bin/python{version}"
        yield f"/Library/Frameworks/Python.framework/Versions/{version}/bin/python{version}"
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for folder in sorted((root / "versions").glob(f"{version}.*"), reverse=True):
        yield str(folder / "bin" / "python")
