# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs every test that injects a fault of the table and prints which faults were survived.

A test names the rows it is of: ``@pytest.mark.fault("F05")``. A row is survived only if at least one of its tests ran
and all of them passed. Tests run in the main environment, those of Blender in its bpy; tests/gui runs where
$SD_BLENDER_REAL_BLENDER names a Blender with windows.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from _environment import ROOT, clean_environ, enter
from _fault_plugin import REPORT, ROWS
from _fault_table import FAULTS, NOT_SURVIVED, Check, as_json, as_text, make_rows
from _tests import run_pytest

REAL_BLENDER = "SD_BLENDER_REAL_BLENDER"
BUILD = ROOT / "build"


@dataclass(frozen=True)
class Level:
    """A folder of tests; each file with a fault in it runs in a process of its own. missing: why not here, or ""."""

    name: str
    folder: str
    missing: str = ""

    def files(self, rows: list[str]) -> list[Path]:
        """Those with tests of ``rows``, or of any row if none is named."""
        paths = sorted((ROOT / self.folder).rglob("test_*.py"))
        return [path for path in paths if set(marked_rows(path)) & set(rows or FAULTS)]


def all_levels() -> list[Level]:
    no_window = "" if os.environ.get(REAL_BLENDER) else f"needs a Blender with windows in ${REAL_BLENDER}"
    names = ("core", "worker", "engine", "scripts", "blender")
    return [*(Level(name, f"tests/{name}") for name in names), Level("window", "tests/gui", no_window)]


def main() -> int:
    # A shell has it ignored for what runs in the background, and the rows on Ctrl C would not hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    options = parse_options()
    enter("main")
    checks = []
    for level in all_levels():
        if not options.levels or level.name in options.levels:
            checks += run_level(level, options.rows)
    rows = make_rows(checks)
    if options.rows:
        rows = [row for row in rows if row.id in options.rows]
    elif options.levels:
        rows = [row for row in rows if row.checks]
    print("\n" + as_text(rows), flush=True)
    for path in (BUILD / "faults.json", *([ROOT / "docs" / "faults.json"] if options.save else [])):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(as_json(rows), indent=1) + "\n", encoding="utf-8")
    return 1 if any(row.outcome == NOT_SURVIVED for row in rows) else 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=_words, default=[], help="run some rows only: F01,F05")
    parser.add_argument(
        "--levels", type=_words, default=[], help="core, worker, engine, scripts, blender, window"
    )
    parser.add_argument("--save", action="store_true", help="also write docs/faults.json")
    options = parser.parse_args()
    if unknown := set(options.rows) - set(FAULTS):
        parser.error(f"there is no row {', '.join(sorted(unknown))}; they are F01 to F67")
    if unknown := set(options.levels) - {level.name for level in all_levels()}:
        parser.error(f"there is no level {', '.join(sorted(unknown))}")
    if options.save and (options.rows or options.levels):
        parser.error("--save is for the whole table")
    return options


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def run_level(level: Level, rows: list[str]) -> list[Check]:
    checks = []
    for path in level.files(rows):
        print(f"\n=== {level.name}: {path.name} ===", flush=True)
        checks += not_run(level, path, rows) if level.missing else run_file(level, path, rows)
    return checks


def run_file(level: Level, path: Path, rows: list[str], python: Path = Path(sys.executable)) -> list[Check]:
    """Run the marked tests of a file; one that crashes or hangs leaves an unfinished check."""
    report = BUILD / "faults" / f"{level.name}-{path.stem}.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    environ = clean_environ() | {
        "PYTHONPATH": str(Path(__file__).resolve().parent),
        "PYTEST_ADDOPTS": "-p _fault_plugin",
        REPORT: str(report),
        ROWS: " ".join(rows),
    }
    outcome = run_pytest(python, path, report.with_suffix(".xml"), environ)
    checks = list(read_report(report, level.name))
    if outcome.failed and all(check.outcome in ("passed", "skipped") for check in checks):
        # It did not import, or crashed while it quit: no test of it can be believed.
        checks = [Check(row, path.name, level.name, "failed") for row in _chosen(path, rows)]
    return checks


def read_report(path: Path, level: str) -> Iterator[Check]:
    """The checks that a process wrote down; none if it died before its tests were collected."""
    try:
        tests = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    for name, test in tests.items():
        for row in test["rows"]:
            yield Check(row, name.split("/")[-1], level, test["outcome"], test["reason"])


def marked_rows(path: Path) -> list[str]:
    """The rows that a file's marks name, read without importing it."""
    calls = (
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    )
    marks = (call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "fault")
    return sorted({ast.literal_eval(argument) for mark in marks for argument in mark.args})


def not_run(level: Level, path: Path, rows: list[str]) -> list[Check]:
    return [Check(row, path.name, level.name, "skipped", level.missing) for row in _chosen(path, rows)]


def _chosen(path: Path, rows: list[str]) -> list[str]:
    return [row for row in marked_rows(path) if not rows or row in rows]


if __name__ == "__main__":
    sys.exit(main())
