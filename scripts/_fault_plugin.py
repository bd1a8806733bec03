# SPDX-License-Identifier: GPL-3.0-or-later
"""A plugin of pytest that runs the tests of the table of faults alone and writes down what came of each.

Loaded with ``-p _fault_plugin``; $SD_BLENDER_FAULTS names the file, $SD_BLENDER_FAULT_ROWS the rows (all, if unset).
The file is written after the collection and after each test, so that a process that dies leaves tests "unfinished".
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

REPORT, ROWS = "SD_BLENDER_FAULTS", "SD_BLENDER_FAULT_ROWS"


class FaultRecorder:
    """Keeps, for each test, its rows, its outcome and the reason of a skip."""

    def __init__(self, path: Path, wanted: set[str]) -> None:
        self._path = path
        self._wanted = wanted
        self._tests: dict[str, dict[str, object]] = {}

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        chosen = []
        for item in items:
            rows = [str(row) for mark in item.iter_markers("fault") for row in mark.args]
            rows = sorted({row for row in rows if not self._wanted or row in self._wanted})
            if rows:
                self._tests[item.nodeid] = {"rows": rows, "outcome": "unfinished", "reason": ""}
                chosen.append(item)
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen
        self._write()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        report = yield
        self._note(item.nodeid, report)
        return report

    def _note(self, test: str, report: pytest.TestReport) -> None:
        """The call decides; set-up and tear-down can only spoil it. An expected failure is a fault not survived."""
        entry = self._tests[test]
        if report.failed or hasattr(report, "wasxfail"):
            entry["outcome"] = "failed"
        elif report.skipped:
            entry["outcome"], entry["reason"] = "skipped", _reason(report)
        elif report.when == "call":
            entry["outcome"] = "passed"
        self._write()

    def _write(self) -> None:
        self._path.write_text(json.dumps(self._tests), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    # Taken out of the environment: what a test starts is no part of this run.
    path, rows = os.environ.pop(REPORT), os.environ.pop(ROWS, "")
    for name in ("PYTEST_ADDOPTS", "PYTHONPATH"):
        os.environ.pop(name, None)
    recorder = FaultRecorder(Path(path), set(rows.split()))
    config.pluginmanager.register(recorder)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:  # the file has other rows than those asked for
        session.exitstatus = pytest.ExitCode.OK


def _reason(report: pytest.TestReport) -> str:
    place = report.longrepr
    text = place[2] if isinstance(place, tuple) else str(place)
    return text.removeprefix("Skipped: ")
