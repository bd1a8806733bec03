# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a Python can run the engine, asked of that Python itself in a short, isolated process."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import EngineUnavailable
from ...core.sentence import Sentence
from .processes import NO_WINDOW, TICK, InstallCancelled, clean_environ

PROBE = Path(__file__).with_name("probe.py")
TIMEOUT = 180.0
"""Seconds: the first import of torch from a slow disk takes a minute."""

OLDEST_PYTHON = (3, 11)
OLDEST = {
    "torch": (2, 10),
    "diffusers": (0, 38),
    "transformers": (5, 3),
    "safetensors": (0, 8),
}
"""Releases before these have known holes through which a model file runs code; pyproject.toml says the same."""

MISSING_LIBRARY = {0xC0000135, 0xC0000139, 0xC0000142}
ILLEGAL_INSTRUCTION = {-4, 132, 0xC000001D}


@dataclass(frozen=True)
class Device:
    """A graphics device; bytes of its memory, None where the system does not tell."""

    name: str
    free: int | None
    total: int | None


@dataclass(frozen=True)
class Health:
    """What a Python said of itself.

    problem: "" when it can run the engine, else one sentence; details: what a developer wants to see, or "".
    build: "cpu", "mps", "cuda 13.0", "rocm 6.4". notes: what the driver complained of.
    """

    problem: str = ""
    details: str = ""
    python: str = ""
    versions: dict[str, str] | None = None
    build: str = ""
    devices: tuple[Device, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return not self.problem

    def version(self, package: str) -> str:
        return (self.versions or {}).get(package, "")

    @property
    def summary(self) -> str:
        """ "torch 2.13.0 on the processor", or the problem."""
        if self.problem:
            return self.problem
        where = self.devices[0].name if self.devices else "the processor"
        return Sentence("torch {split} on {where}", split=self.version("torch").split("+")[0], where=where)


def check(
    python: Path | str, timeout: float = TIMEOUT, is_cancelled: Callable[[], bool] = lambda: False
) -> Health:
    """Ask a Python what it has; takes seconds, since it imports torch. Raises InstallCancelled and nothing else."""
    try:
        done = _ask(str(python), timeout, is_cancelled)
    except subprocess.TimeoutExpired:
        return Health(
            Sentence(
                "{python} did not answer within {timeout} seconds; restart the computer or repair it.",
                python=python,
                timeout=f"{timeout:.0f}",
            )
        )
    except (OSError, ValueError) as error:
        return Health(
            Sentence("{python} cannot be started; choose another Python in the preferences.", python=python),
            repr(error),
        )
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("found "):
            return _judge(json.loads(line.removeprefix("found ")), str(python))
    return _crashed(done, str(python))


def require(
    python: Path | str, timeout: float = TIMEOUT, is_cancelled: Callable[[], bool] = lambda: False
) -> Health:
    """As :func:`check`. Raises EngineUnavailable when the Python cannot run the engine."""
    health = check(python, timeout, is_cancelled)
    if not health.is_good:
        raise EngineUnavailable(health.problem, details=health.details)
    return health


def _ask(python: str, timeout: float, is_cancelled: Callable[[], bool]) -> subprocess.CompletedProcess[str]:
    """Run the probe. Raises TimeoutExpired, OSError, ValueError, InstallCancelled; the process is gone after each."""
    command = [python, "-I", "-X", "utf8", str(PROBE)]
    deadline = time.monotonic() + timeout
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=clean_environ(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1"),
        creationflags=NO_WINDOW,
    ) as process:
        try:
            while True:
                try:
                    out, err = process.communicate(timeout=TICK)
                    return subprocess.CompletedProcess(command, process.returncode, out, err)
                except subprocess.TimeoutExpired:
                    if is_cancelled():
                        raise InstallCancelled from None
                    if time.monotonic() > deadline:
                        raise
        finally:
            process.kill()


def _judge(found: dict[str, Any], python: str) -> Health:
    problem, details = _problem(found, python)
    return Health(
        problem,
        details,
        found["python"],
        found["versions"],
        found["build"],
        tuple(Device(**device) for device in found["devices"]),
        tuple(found["notes"]),
    )


def _problem(found: dict[str, Any], python: str) -> tuple[str, str]:
    if _numbers(found["python"]) < OLDEST_PYTHON:
        return Sentence(
            "{python} is Python {found}; the engine needs 3.11 or newer.",
            python=python,
            found=found["python"],
        ), ""
    errors: dict[str, Any] = found["errors"]
    details = "\n".join(error["traceback"] for error in errors.values())
    if missing := [name for name, error in errors.items() if error["missing"]]:
        return (
            Sentence(
                "{python} has no {join}; install the engine, or choose another Python.",
                python=python,
                join=" and no ".join(missing),
            ),
            details,
        )
    if errors:
        name, error = next(iter(errors.items()))
        cause = error["text"].splitlines()[0][:160]
        return Sentence(
            "{name} cannot be imported ({cause}); repair the engine in the preferences.",
            name=name,
            cause=cause,
        ), details
    for name, oldest in OLDEST.items():
        version = found["versions"][name]
        if _numbers(version) < oldest:
            wanted = ".".join(map(str, oldest))
            return (
                Sentence(
                    "{name} {version} in {python} is not safe with models; update it to {wanted} or newer.",
                    name=name,
                    version=version,
                    python=python,
                    wanted=wanted,
                ),
                "",
            )
    return "", ""


def _crashed(done: subprocess.CompletedProcess[str], python: str) -> Health:
    """The process ended without a finding: the last name that it printed is what took it down."""
    said = re.findall(r"^importing (.+)$", done.stdout, re.MULTILINE)
    code = done.returncode
    details = f"exit code {code} ({code & 0xFFFFFFFF:#x})\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    if not said:
        return Health(
            Sentence("{python} is no Python that can run the engine; choose another one.", python=python),
            details,
        )
    number = code if abs(code) < 256 else f"{code & 0xFFFFFFFF:#x}"
    cause: str = Sentence("it ended Python with exit code {value}", value=number)
    if code in MISSING_LIBRARY or code & 0xFFFFFFFF in MISSING_LIBRARY:
        cause = "a library of the system is missing; on Windows install the Visual C++ Redistributable"
    elif code in ILLEGAL_INSTRUCTION:
        cause = "this processor is too old for it"
    return Health(
        Sentence(
            "{said} cannot be imported: {cause}, or repair the engine in the preferences.",
            said=said[-1],
            cause=cause,
        ),
        details,
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version.split("+")[0])[:2])
