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
        return f"torch {self.torch.split('+')[0]} for {LABELS[self.variant]}"


def python_of(environment: Path) -> Path:
    """The Python executable of a virtual environment, there or not."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def current(folder: Path) -> Path | None:
    """The current environment of ``folder``, None when there is none that is complete."""
    try:
        name = (folder / POINTER).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    if not NAME.fullmatch(name):  # a pointer that leads out of the folder is no pointer of ours
        return None
    environment = folder / name
    return environment if is_complete(environment) else None


def current_python(folder: Path) -> Path | None:
    """The Python executable of the current environment, None when there is none that is complete."""
    environment = current(folder)
    return python_of(environment) if environment else None


def is_complete(environment: Path) -> bool:
    return read_record(environment) is not None and python_of(environment).exists()


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
