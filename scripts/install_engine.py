# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs the engine's environment: a Python of its own with torch and diffusers.

    python3 scripts/install_engine.py [--folder DIR] [--variant cuda|rocm|mps|cpu] [--yes]

Says what it would download and asks; shows how far it is; can be stopped with Ctrl C (exit code 130) or killed, and
goes on from there the next time. What is installed already is found in a second. Any Python from 3.11 can run it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sd_blender.core.errors import SDBlenderError  # noqa: E402
from sd_blender.worker.environment.build import Source  # noqa: E402
from sd_blender.worker.environment.find import is_complete, read_record  # noqa: E402
from sd_blender.worker.environment.install import install  # noqa: E402
from sd_blender.worker.environment.plan import Plan, make_plan, size_text  # noqa: E402
from sd_blender.worker.environment.processes import InstallCancelled  # noqa: E402
from sd_blender.worker.environment.progress import Progress  # noqa: E402
from sd_blender.worker.environment.variants import VARIANTS  # noqa: E402

DEFAULT_FOLDER = ROOT / ".venv" / "engine"


def main() -> int:
    options = arguments()
    try:
        plan = make_plan(options.folder, options.variant)
        if not agreed(plan, options):
            print("Nothing was installed.")
            return 1
        started = time.monotonic()
        source = Source(online=True, folder=options.wheels, index=options.index)
        python = install(plan, source, Bar(), repair=options.repair)
    except SDBlenderError as error:
        print(f"\n{error}", file=sys.stderr)
        if error.details:
            print(error.details, file=sys.stderr)
        return 1
    except (InstallCancelled, KeyboardInterrupt):
        print("\nStopped; run it again to go on from here.", file=sys.stderr)
        return 130
    record = read_record(plan.folder / plan.lock.name)
    if record is not None:
        print(f"\ntorch {record.torch}, diffusers {record.diffusers}, transformers {record.transformers}")
        print(f"{size_text(record.size)} in {time.monotonic() - started:.0f} s")
        print(f"In Blender, set Engine Folder to {plan.folder}; the engine's Python is")
    print(python)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Install the engine: a Python with torch and diffusers.")
    parser.add_argument(
        "--folder", type=Path, default=DEFAULT_FOLDER, help="where to (default: .venv/engine)"
    )
    parser.add_argument("--variant", choices=("auto", *VARIANTS), default="auto", help="the build of torch")
    parser.add_argument("--wheels", type=Path, help="a folder with the wheels, instead of the network")
    parser.add_argument("--index", default="", help="address of one more package index")
    parser.add_argument("--repair", action="store_true", help="build it anew even when it seems complete")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args()
    options.folder = options.folder.resolve()
    return options


def agreed(plan: Plan, options: argparse.Namespace) -> bool:
    """Show what would be done; True when the user wants it, or nothing has to be downloaded."""
    if is_complete(plan.folder / plan.lock.name) and not options.repair:
        return True
    if plan.note:
        print(plan.note)
    print(f"{plan.summary}\nto {plan.folder}, made with {plan.python}", flush=True)
    if options.yes:
        return True
    try:
        return input("Install it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


class Bar:
    """Progress on the terminal, on one line there and as one line per change elsewhere."""

    def __init__(self) -> None:
        self._last = ""
        self._in_place = sys.stderr.isatty()

    def __call__(self, progress: Progress) -> None:
        line = f"{progress.factor:4.0%}  {progress.text}"
        if line == self._last:
            return
        if self._in_place:
            print(f"\r{line:<78}", end="", file=sys.stderr, flush=True)
        elif progress.text.split(",")[0] != self._last[6:].split(",")[0]:
            print(line, file=sys.stderr, flush=True)
        self._last = line


if __name__ == "__main__":
    sys.exit(main())
