# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that really trains, on the CPU and one thread; started by path as the add-on starts its own."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sd_blender.worker.__main__ import take_pipes
from sd_blender.worker.server import Server


def main() -> None:
    inbox, outbox = take_pipes()

    def engine():
        import torch

        from sd_blender.engine import create_engine
        from sd_blender.training.engine import with_training

        torch.set_num_threads(1)
        return with_training(create_engine("cpu", "float32"), "cpu", "float32")

    Server(inbox, outbox, engine).run()


if __name__ == "__main__":
    main()
