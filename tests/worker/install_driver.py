# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs from the fake index of a test in a process that can be killed: install_driver.py FOLDER TORCH [PHASE].

Prints each phase as it begins. At PHASE it prints "HELD" and does not go on.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sd_blender.worker.environment.build import Source
from sd_blender.worker.environment.install import install
from sd_blender.worker.environment.progress import Progress
from tests.worker.fake_index import make_fake_plan


def main() -> None:
    folder, torch, *held = sys.argv[1:]
    seen = set()

    def report(progress: Progress) -> None:
        if progress.phase not in seen:
            seen.add(progress.phase)
            print(progress.phase.value, flush=True)
        if progress.phase.value in held:
            print("HELD", flush=True)
            time.sleep(600)

    plan = make_fake_plan(Path(folder), torch)
    print(install(plan, Source(online=False, folder=Path(folder) / "index"), report), flush=True)


if __name__ == "__main__":
    main()
