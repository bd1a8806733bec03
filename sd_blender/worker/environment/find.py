# SPDX-License-Identifier: GPL-3.0-or-later
"""Where environments of the engine lie on the disk, and which of them is the current one.

``FOLDER/current`` holds the name of one environment, ``FOLDER/engine-XXXXXXXXXXXX``, named by the hash of its lock.
An environment gets that name only when everything in it works, and the pointer is written last: whatever was being
built when the power went is called ``engine-XXXXXXXXXXXX.partial``, and nothing here ever looks at it.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ...core.sentence import Sentence
from .variants import LABELS

POINTER = "current"
RECORD = "environment.json"
PARTIAL = ".partial"
NAME = re.compile(r"engine-[0-9a-f]{12}")


@dataclass(frozen=True)
class Installed:
    """What an environment holds, as written into it when its smoke import had passed.

    variant: the build that was chosen ("cuda", "rocm", "mps", "cpu"). size: bytes on the disk.
    """

    name: str
    variant: str
    python: str
    torch: str
    diffusers: str
    transformers: str
    size: int

    @property
    def summary(self) -> str:
        """ "torch 2.13.0 for the processor"."""
        return Sentence(
            "torch {split} for {labels}", split=self.torch.split("+")[0], labels=LABELS[self.variant]
        )


def python_of(environment: Path) -> Path:
    """The Python executable of a virtual environment, there or not."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def current(folder: Path) -> Path | None:
    """The current environment of ``folder``, None when there is none that is complete."""
    environment = named(folder)
    return environment if environment and is_complete(environment) else None


def named(folder: Path) -> Path | None:
    """The environment that the pointer of ``folder`` leads to, complete or not; None without a pointer."""
    try:
        name = (folder / POINTER).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    if not NAME.fullmatch(name):  # a pointer that leads out of the folder is no pointer of ours
        return None
    return folder / name


def current_python(folder: Path) -> Path | None:
    """The Python executable of the current environment, None when there is none that is complete."""
    environment = current(folder)
    return python_of(environment) if environment else None


def is_complete(environment: Path) -> bool:
    """Whether everything is there: what was installed, and the Python that it was made with."""
    return (
        read_record(environment) is not None
        and python_of(environment).exists()
        and not lost_home(environment)
    )


def base_python(environment: Path) -> Path | None:
    """The Python that an environment was made with; None where that is gone or the environment does not say."""
    settings = _settings(environment)
    named = [settings[key] for key in ("executable",) if key in settings]  # from Python 3.11 on
    if home := settings.get("home"):
        named.append(os.path.join(home, "python.exe" if os.name == "nt" else "python3"))
    return next((Path(path) for path in named if os.path.exists(path)), None)


def lost_home(environment: Path) -> str:
    """The folder of the Python that an environment was made with, where that is gone as with a Blender; else ""."""
    home = _settings(environment).get("home", "")
    is_there = os.path.isdir(home) and python_of(environment).exists()
    return "" if is_there else home


def _settings(environment: Path) -> dict[str, str]:
    """What pyvenv.cfg says."""
    try:
        text = (environment / "pyvenv.cfg").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return {}
    pairs = (line.partition("=") for line in text.splitlines())
    return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}


def read_record(environment: Path) -> Installed | None:
    """The record of an environment, None when it has none that can be read."""
    try:
        values = json.loads((environment / RECORD).read_text(encoding="utf-8"))
        return Installed(**{field.name: values[field.name] for field in fields(Installed)})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_record(environment: Path, record: Installed) -> None:
    (environment / RECORD).write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")


def set_current(folder: Path, name: str) -> None:
    """Point at an environment, in one step: a reader sees the old name or the new one."""
    temporary = folder / (POINTER + PARTIAL)
    temporary.write_text(name + "\n", encoding="utf-8")
    os.replace(temporary, folder / POINTER)


def environments(folder: Path) -> list[Path]:
    """The complete environments of a folder, the newest first."""
    found = [path for path in folder.glob("engine-*") if NAME.fullmatch(path.name) and is_complete(path)]
    return sorted(found, key=lambda path: (path / RECORD).stat().st_mtime, reverse=True)
