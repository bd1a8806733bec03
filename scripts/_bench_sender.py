# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker for the benchmark of the pipe: its engine answers with a picture that is already there."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

from _bench_worker import PICTURES, answer, ready_picture  # noqa: E402

from sd_blender.core.messages import GeneratedImage, Result, Seam  # noqa: E402
from sd_blender.worker.__main__ import take_pipes  # noqa: E402
from sd_blender.worker.server import Server  # noqa: E402


class Ready:
    def generate(self, job_id, request, report, is_cancelled):
        side = request.sampling.width
        pixels = ready_picture(side)
        return Result(request, (GeneratedImage(pixels, 0, Seam(1, 1)),), 0.0)

    def unload(self):
        PICTURES.clear()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        answer(sys.argv[1])
    else:
        Server(*take_pipes(), Ready).run()
