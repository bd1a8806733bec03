# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the programs of an installation so that they end with it: at a cancel, and when Blender is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

LEASH = Path(__file__).with_name("leash.py")
NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
"""Keeps Windows from opening a console for each program; nothing elsewhere."""

TICK = 0.2
"""Seconds between two looks at a running program."""

# What pip may take from the environment: where packages come from and how they are reached. Everything else, such as a
# --target of the user's, would lead an installation astray.
PIP_SETTINGS = {
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CERT", "PIP_CLIENT_CERT",
    "PIP_PROXY", "PIP_DEFAULT_TIMEOUT", "PIP_CONFIG_FILE", "PIP_KEYRING_PROVIDER",
}  # fmt: skip


class InstallCancelled(Exception):
    """An outcome, not an error: the installation was stopped on request and can be taken up again."""


def clean_environ(**changes: str) -> dict[str, str]:
    """The environment variables without those that change what Python and pip do."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PIP_")) and name not in ("VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    }
    kept |= {name: os.environ[name] for name in PIP_SETTINGS if name in os.environ}
    return kept | {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | changes


def run_module(
    python: Path | str,
    arguments: Sequence[str],
    *,
    log: IO[bytes],
    environ: Mapping[str, str],
    on_tick: Callable[[], None],
) -> int:
    """Run ``python -m ARGUMENTS``, isolated, with its output in ``log``, and return its exit code.

    on_tick: called some times a second; what it raises ends the program, and is raised here once that is gone.
    """
    process = subprocess.Popen(
        [str(python), "-I", "-X", "utf8", str(LEASH), *arguments],
        stdin=subprocess.PIPE,  # never written to: its end tells the program that we are gone
        stdout=log,
        stderr=subprocess.STDOUT,
        env=dict(environ),
        start_new_session=os.name == "posix",  # Ctrl C is for us; we end the program
        creationflags=NO_WINDOW | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(TICK)
            on_tick()
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Have the program gone, with what it started."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()
