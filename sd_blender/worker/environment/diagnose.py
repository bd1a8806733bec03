# SPDX-License-Identifier: GPL-3.0-or-later
"""One report that can be pasted into a bug report: everything that an answer would ask for, and no secrets."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.version import VERSION
from . import find, health
from .plan import size_text
from .processes import NO_WINDOW, clean_environ
from .redact import redact
from .variants import choose

LOG_LINES = 30
LOG_BYTES = 64_000
NVIDIA_SMI = (
    "nvidia-smi",
    "--query-gpu=name,driver_version,memory.free,memory.total",
    "--format=csv,noheader",
)


@dataclass(frozen=True)
class Subject:
    """What to report on. host: "Blender 5.2.0" or the like. python: the one that the engine runs in, if any.

    settings: further lines as name and value. logs: files whose last lines are shown.
    """

    host: str
    python: Path | None
    engine_folder: Path
    model_folder: Path | None = None
    output_folder: Path | None = None
    online: bool | None = None
    settings: Sequence[tuple[str, str]] = ()
    logs: Sequence[Path] = ()


def diagnose(subject: Subject, is_cancelled: Callable[[], bool] = lambda: False) -> str:
    """The report; takes seconds, since the engine's Python is asked what it has. Raises InstallCancelled alone."""
    lines = [f"{name + ':':<16}{value}" for name, value in _facts(subject, is_cancelled)]
    for path in subject.logs:
        lines += ["", f"--- the end of {path}", *_last_lines(path)]
    return redact("\n".join(lines) + "\n")


def _facts(subject: Subject, is_cancelled: Callable[[], bool]) -> Iterator[tuple[str, str]]:
    yield "SD Blender", VERSION
    yield "Host", f"{subject.host}, Python {platform.python_version()}"
    yield "System", f"{platform.platform()}, {platform.machine()}, {os.cpu_count()} processors"
    if subject.online is not None:
        yield "Online access", "on" if subject.online else "off"
    yield from subject.settings
    yield from _graphics()
    yield from _engine(subject, is_cancelled)
    yield from _folders(subject)


def _graphics() -> Iterator[tuple[str, str]]:
    """The card and driver as the driver's own tool has them, which works where torch does not."""
    yield "Suitable build", choose()
    if not shutil.which(NVIDIA_SMI[0]):
        return
    try:
        done = subprocess.run(
            NVIDIA_SMI, capture_output=True, text=True, timeout=20, creationflags=NO_WINDOW,
            stdin=subprocess.DEVNULL, env=clean_environ(), check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        yield "NVIDIA driver", f"does not answer ({error})"
        return
    for line in (done.stdout if done.returncode == 0 else done.stdout + done.stderr).splitlines():
        yield "NVIDIA driver", line.strip()


def _engine(subject: Subject, is_cancelled: Callable[[], bool]) -> Iterator[tuple[str, str]]:
    current = find.current(subject.engine_folder)
    record = find.read_record(current) if current else None
    yield "Installed", f"{record.name}, {record.variant}, {size_text(record.size)}" if record else "nothing"
    if subject.python is None:
        yield (
            "Engine",
            "none: NumPy runs the starter model; for the rest press Install Engine in the preferences",
        )
        return
    yield "Engine's Python", str(subject.python)
    found = health.check(subject.python, is_cancelled=is_cancelled)
    yield "Engine", found.summary
    if found.versions:
        yield "Versions", ", ".join(f"{name} {version}" for name, version in found.versions.items())
    if found.python:
        yield "Build of torch", f"{found.build or 'none'}, Python {found.python}"
    for device in found.devices:
        memory = f", {size_text(device.free)} of {size_text(device.total or 0)} free" if device.free else ""
        yield "Device", device.name + memory
    for note in found.notes:
        yield "Driver says", note.splitlines()[0]
    for line in found.details.splitlines()[-8:]:
        yield "", line


def _folders(subject: Subject) -> Iterator[tuple[str, str]]:
    yield "Engine folder", _folder(subject.engine_folder)
    yield (
        "Output folder",
        _folder(subject.output_folder) if subject.output_folder else "none, textures are packed",
    )
    yield "Temporary", _folder(Path(tempfile.gettempdir()))
    model = subject.model_folder
    if model is None:
        yield "Model folder", "the starter model"
    else:
        has_index = (model / "model_index.json").is_file()
        yield "Model folder", f"{model}, {'has' if has_index else 'has no'} model_index.json"


def _folder(folder: Path) -> str:
    """A folder with what matters for writing to it, without writing to it."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    try:
        free = size_text(shutil.disk_usage(there).free)
    except OSError as error:
        return f"{folder}, cannot be read ({error.strerror})"
    state = "writable" if os.access(there, os.W_OK) else "not writable"
    return f"{folder}, {'' if there == folder else 'not there yet, '}{state}, {free} free"


def _last_lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_BYTES))
            return file.read().decode("utf-8", "replace").splitlines()[-LOG_LINES:]
    except OSError as error:
        return [f"cannot be read ({error.strerror})"]


def newest_logs(folder: Path, pattern: str = "*.log", count: int = 1) -> list[Path]:
    """The logs of a folder that were written last."""
    found = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    return found[:count]
