# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one check or one pytest process for scripts/test.py and says what came of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, replace
from pathlib import Path

from _environment import ROOT

# Past this a process hangs: the slowest suite takes some minutes, and single tests have a limit of their own.
SECONDS = 1800
NOT_FINISHED = -1000  # no signal has this number


@dataclass
class Outcome:
    """What came of a suite; ``reason`` says why it could not run, or "" when it ran."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    reason: str = ""

    @classmethod
    def not_run(cls, reason: str) -> Outcome:
        return cls(skipped=1, reason=reason)

    def required(self) -> Outcome:
        """The same where every suite must run."""
        return replace(self, failed=1, skipped=0) if self.reason else self

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.seconds + other.seconds,
        )


def run_check(command: list[str], environ: dict[str, str]) -> Outcome:
    """Run a checker that passes or fails as a whole."""
    return Outcome(passed=1) if _run(command, environ) == 0 else Outcome(failed=1)


def run_pytest(
    python: Path, path: Path, report: Path, environ: dict[str, str], seconds: float = SECONDS
) -> Outcome:
    """Run pytest on a file or folder and count what its report says.

    The exit code alone would not do: a Blender that crashes while it quits hides a good run, and one that dies
    in the middle with code 0 hides that tests are missing. Either is a failure of its own.
    """
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    command = [str(python), "-m", "pytest", str(path), "-q", f"--junitxml={report}"]
    # The folder that pytest takes by itself is everybody's: each process deletes what others left there, and one that
    # is disturbed by another at it fails after its last test.
    with tempfile.TemporaryDirectory(prefix="sd_blender-tests-", ignore_cleanup_errors=True) as own:
        code = _run([*command, f"--basetemp={own}/t"], environ, seconds)
    try:
        outcome = _read(report)
    except (OSError, ElementTree.ParseError):
        print(f"{path.name}: {_ending(code)} before its report was written", flush=True)
        return Outcome(failed=1)
    if code not in (0, 1):
        print(f"{path.name}: {_ending(code)} after its tests", flush=True)
        outcome.failed += 1
    elif code == 1 and not outcome.failed:
        print(f"{path.name}: pytest failed though no test did", flush=True)
        outcome.failed += 1
    return outcome


def _run(command: list[str], environ: dict[str, str], seconds: float = SECONDS) -> int:
    """Run in a process group of its own, so that what a hanging test started is ended with it."""
    process = subprocess.Popen(command, cwd=ROOT, env=environ, start_new_session=True)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return NOT_FINISHED
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _read(report: Path) -> Outcome:
    outcome = Outcome()
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        tests, failures, errors, skipped = (
            int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")
        )
        failed = failures + errors
        outcome += Outcome(max(0, tests - failed - skipped), failed, skipped)
    return outcome


def _ending(code: int) -> str:
    if code == NOT_FINISHED:
        return "did not finish in time and was ended"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
