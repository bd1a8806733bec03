# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the Python environments that the scripts of this folder run in: standard library only, no root needed.

An environment is named in pyproject.toml, lives in .venv/NAME and is made once: a marker that holds what was
installed is written last, so that one that was interrupted, or that no longer matches pyproject.toml, is made anew.

Run by itself, this file prints the Debian packages that Blender needs and this machine lacks.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # before the imports below, which an older Python does not have
    sys.exit("This needs Python 3.11 or 3.13; run it as: python3.11 " + " ".join(sys.argv))

import ctypes
import json
import os
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".venv"
MARKER = "installed.json"

# What the bpy wheels load from the system, and the Debian package that has it.
SYSTEM_LIBRARIES = {
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXrender.so.1": "libxrender1",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXt.so.6": "libxt6",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libgomp.so.1": "libgomp1",
}


class CannotSetUp(Exception):
    """The environment cannot be made on this machine; the text says what to do."""


def enter(name: str) -> None:
    """Run the calling script inside the environment, which is made when it is not there; returns once inside."""
    if Path(sys.prefix).resolve() == (ENVIRONMENTS / name).resolve():
        return
    try:
        python = ensure(name)
    except CannotSetUp as reason:
        sys.exit(str(reason))
    command = [str(python), *sys.argv]
    if os.name == "posix":
        sys.stdout.flush()
        os.execve(python, command, clean_environ())
    sys.exit(subprocess.call(command, env=clean_environ()))


def ensure(name: str) -> Path:
    """The Python of the environment ``name``, made first when it is not there or no longer matches pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    settings = project["tool"]["sd-blender"]["environments"][name]
    requirements = [r for group in settings["groups"] for r in _requirements(project, group)]
    if any(r.startswith("bpy") for r in requirements) and (packages := missing_packages()):
        raise CannotSetUp(
            "Blender needs system libraries that are missing here; install them with: sudo apt-get install "
            + " ".join(packages)
        )
    folder = ENVIRONMENTS / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = {"pythons": settings["pythons"], "requirements": requirements}
    if _read_marker(folder) != wanted or not python.exists():
        _make(folder, python, find_python(settings["pythons"]), requirements)
        (folder / MARKER).write_text(json.dumps(wanted, indent=1), encoding="utf-8")
    return python


def clean_environ() -> dict[str, str]:
    """The environment variables without those that would let packages of this machine in."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    return kept | {"PYTHONNOUSERSITE": "1"}


def find_python(versions: list[str]) -> str:
    """A Python of one of ``versions`` that really runs: this one, else from PATH, else one that pyenv keeps."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    for version in sorted(versions, key=lambda v: v != here):
        for candidate in _candidates(version):
            if _version_of(candidate) == version:
                return candidate
    raise CannotSetUp(f"This needs Python {' or '.join(versions)}; install one and put it on PATH.")


def missing_packages() -> list[str]:
    """The Debian packages whose libraries Blender loads and that this machine lacks; none on other systems."""
    return sorted(
        package
        for library, package in SYSTEM_LIBRARIES.items()
        if sys.platform == "linux" and not _can_load(library)
    )


def _can_load(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _requirements(project: dict, group: str) -> list[str]:
    """The requirements of a group: an extra brings what the package itself needs with it."""
    if group in project["dependency-groups"]:
        return project["dependency-groups"][group]
    return project["project"]["dependencies"] + project["project"]["optional-dependencies"][group]


def _read_marker(folder: Path) -> object:
    try:
        return json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _make(folder: Path, python: Path, base: str, requirements: list[str]) -> None:
    """Build the environment in place; pip says what it does, and its failure is ours."""
    started = time.monotonic()
    name = folder.relative_to(ROOT)
    print(f"Making the environment {name} (once; some minutes, most of it downloads)", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    # Wheels only: nothing that is installed runs code of its own or needs a compiler.
    pip = [str(python), "-m", "pip", "install", "--only-binary=:all:", "--progress-bar=off"]
    for command in ([base, "-m", "venv", str(folder)], [*pip, *dict.fromkeys(requirements)]):
        if _run_telling(command) != 0:
            raise CannotSetUp(
                f"The environment {name} could not be made; see the lines above, then try again."
            )
    # The repository itself is importable inside, as an installed package would be.
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    Path(site.strip(), "sd_blender_repository.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    print(f"Made {name} in {time.monotonic() - started:.0f} s", flush=True)


def _run_telling(command: list[str]) -> int:
    """Run and show of pip's many lines those that tell how far it is; its errors come through as they are."""
    with subprocess.Popen(command, env=clean_environ(), stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith(("Collecting ", "Installing ")):
                print("  " + line.split(" (from ")[0].strip()[:100], flush=True)
    return process.returncode


def _candidates(version: str) -> Iterator[str]:
    yield sys.executable
    if found := shutil.which(f"python{version}"):
        yield found
    for root in _pyenv_roots():
        for folder in sorted((root / "versions").glob(f"{version}.*"), reverse=True):
            yield str(folder / "bin" / "python")


def _pyenv_roots() -> Iterator[Path]:
    if root := os.environ.get("PYENV_ROOT"):
        yield Path(root)
    if pyenv := shutil.which("pyenv"):
        yield Path(subprocess.run([pyenv, "root"], capture_output=True, text=True).stdout.strip())
    yield Path.home() / ".pyenv"


def _version_of(python: str) -> str | None:
    """The version that a Python says it has; None when it does not run, as pyenv's stand-ins may not."""
    command = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


if __name__ == "__main__":
    print(" ".join(missing_packages()))
