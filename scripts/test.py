# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets up what the tests need, runs every one of them, and ends with one line that counts them.

Blender's tests run once for each version of Blender, one process for each test module: Blender's data is global,
and a process that hangs or crashes at exit must neither pass nor take other modules with it.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from _environment import ROOT, CannotSetUp, clean_environ, ensure
from _tests import Outcome, run_check, run_pytest

# The oldest kernels that torch, oneDNN and MKL have for x86, whatever the processor could do; no others look at these.
OLD_PROCESSOR = (
    ("ATEN_CPU_CAPABILITY", "default"),
    ("ONEDNN_MAX_CPU_ISA", "SSE41"),
    ("MKL_CBWR", "COMPATIBLE"),
)
OTHER_ROUNDING = ("PYTEST_ADDOPTS", "-m parity -p tests.other_rounding")
BLENDER_VERSIONS = ("4.2", "4.5", "5.0", "5.2")
BESIDE_THE_ENGINE = "5.2" if sys.version_info >= (3, 13) else "5.0"
"""The Blender that the environment with torch has; its suite is that of this version, too."""
BETWEEN = ("4.5",)
"""Neither the oldest nor the newest: these run what differs by version, the modules with the marker below."""
EVERY_VERSION = "every_version"
REAL_BLENDER = "SD_BLENDER_REAL_BLENDER"


@dataclass(frozen=True)
class Suite:
    """Tests that run together: those of a folder, or of each file of it in a process of its own, or a check.

    marker: only files that name it. missing: why the suite cannot run here, or "".
    """

    name: str
    environment: str = "main"
    folder: str = ""
    process_per_file: bool = False
    check: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    marker: str = ""
    missing: str = ""

    def run(self) -> Outcome:
        if self.missing:
            return Outcome.not_run(self.missing)
        try:
            python = ensure(self.environment)
        except CannotSetUp as reason:
            return Outcome.not_run(str(reason))
        environ = clean_environ() | dict(self.variables)
        if self.check:
            return run_check([str(python), "-m", *self.check], environ)
        total = Outcome()
        for path in self._paths():
            if self.process_per_file:
                print(path.name, flush=True)
            report = ROOT / "build" / "reports" / f"{self.name}-{path.stem}.xml".replace(" ", "-")
            total += run_pytest(python, path, report, environ)
        return total

    def _paths(self) -> list[Path]:
        folder = ROOT / self.folder
        if not self.process_per_file:
            return [folder]
        return [path for path in sorted(folder.rglob("test_*.py")) if self.marker in path.read_text("utf-8")]


def main() -> int:
    # A shell has it ignored for what runs in the background, and so would all that is started from here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    options = parse_options()
    suites = [s for s in all_suites(options) if not options.only or s.name.split(" ")[0] in options.only]
    outcomes: list[tuple[Suite, Outcome]] = []
    for number, suite in enumerate(suites, 1):
        print(f"\n=== [{number}/{len(suites)}] {suite.name} ===", flush=True)
        started = time.monotonic()
        outcome = suite.run()
        if outcome.reason:
            print(f"NOT RUN: {outcome.reason}", flush=True)
        if options.require_all:
            outcome = outcome.required()
        outcome.seconds = time.monotonic() - started
        outcomes.append((suite, outcome))
    return summarise(outcomes)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", type=_words, default=[], metavar="NAMES",
        help="suites to run, by the first word of their names, such as lint,types,core,worker,parity,blender,bpy,gui",
    )  # fmt: skip
    parser.add_argument(
        "--blender", type=_words, default=["all"], metavar="VERSIONS",
        help=f"versions to run the Blender layer on: all (the default), none, or some of {','.join(BLENDER_VERSIONS)}",
    )  # fmt: skip
    parser.add_argument(
        "--real-blender", action="append", metavar="PATH",
        default=[p for p in os.environ.get(REAL_BLENDER, "").split(os.pathsep) if p],
        help=f"a Blender with windows for tests/gui; may be repeated; also from ${REAL_BLENDER}",
    )  # fmt: skip
    parser.add_argument("--require-all", action="store_true", help="a suite that cannot run here has failed")
    options = parser.parse_args()
    if unknown := set(options.blender) - {"all", "none", *BLENDER_VERSIONS}:
        parser.error(f"--blender knows all, none and {', '.join(BLENDER_VERSIONS)}, not {', '.join(unknown)}")
    return options


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def all_suites(options: argparse.Namespace) -> Iterator[Suite]:
    yield Suite("lint", check=("ruff", "check", "."))
    yield Suite("lint format", check=("ruff", "format", "--check", "."))
    yield Suite("types", check=("mypy",))
    for name in ("core", "scripts", "worker", "engine", "training"):
        yield Suite(name, folder=f"tests/{name}")
    yield Suite("numpy", folder="tests/numpy_engine")
    for name in ("engine", "training"):
        yield Suite(f"parity {name}", folder=f"tests/{name}", variables=(*OLD_PROCESSOR, OTHER_ROUNDING))
    # Beside the engine first, where the tests that generate with the starter model can run too.
    yield Suite("blender with the engine", folder="tests/blender", process_per_file=True)
    wanted = [version for version in BLENDER_VERSIONS if version != BESIDE_THE_ENGINE]
    for version in wanted if "all" in options.blender else options.blender:
        if version != "none":
            marker = EVERY_VERSION if version in BETWEEN else ""
            yield Suite(
                f"bpy {version}", f"bpy-{version}", "tests/blender", process_per_file=True, marker=marker
            )
    for path in options.real_blender:
        yield Suite(f"gui {Path(path).name}", folder="tests/gui", variables=((REAL_BLENDER, path),))
    if not options.real_blender:
        yield Suite(
            "gui",
            missing=f"no Blender with windows was given; name one with --real-blender or ${REAL_BLENDER}",
        )


def summarise(outcomes: list[tuple[Suite, Outcome]]) -> int:
    width = max((len(suite.name) for suite, _ in outcomes), default=0)
    print(f"\n{'suite':{width}}  passed  failed  skipped  seconds")
    total = Outcome()
    for suite, outcome in outcomes:
        counts = f"{outcome.passed:6}  {outcome.failed:6}  {outcome.skipped:7}  {outcome.seconds:7.0f}"
        print(f"{suite.name:{width}}  {counts}  {outcome.reason}".rstrip())
        total += outcome
    if not total.passed + total.failed:
        print("No test ran; see --help for the names of the suites.")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
    return 0 if total.passed and not total.failed else 1


if __name__ == "__main__":
    sys.exit(main())
