# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the pictures of the README and the guide: a real Blender in a window, the shipped model, nothing by hand.

    python3 scripts/make_screenshots.py --real-blender /path/to/blender

Writes docs/pictures/. They are taken by tests/gui/test_pictures.py, which also runs with the other tests.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from _environment import ensure

ROOT = Path(__file__).resolve().parent.parent
TAKEN = ROOT / "build" / "screenshots"
PICTURES = ROOT / "docs" / "pictures"

REDUCE = """
import sys
from PIL import Image
for source, target in zip(sys.argv[1::2], sys.argv[2::2]):
    Image.open(source).convert("RGB").quantize(200).save(target, optimize=True)
"""
"""A palette makes a picture of the interface a quarter as large, and nobody sees it."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--real-blender", default=os.environ.get("SD_BLENDER_REAL_BLENDER"), metavar="BLENDER"
    )
    options = parser.parse_args()
    if not options.real_blender:
        parser.error("name a Blender with windows: --real-blender or $SD_BLENDER_REAL_BLENDER")
    python = str(ensure("main"))
    test = [python, "-m", "pytest", "-q", str(ROOT / "tests" / "gui" / "test_pictures.py")]
    variables = os.environ | {"SD_BLENDER_REAL_BLENDER": options.real_blender}
    if code := subprocess.run(test, cwd=ROOT, env=variables).returncode:
        return code
    PICTURES.mkdir(parents=True, exist_ok=True)
    pairs = [
        (path, PICTURES / path.name.removeprefix("guide-")) for path in sorted(TAKEN.glob("guide-*.png"))
    ]
    subprocess.run([python, "-c", REDUCE, *(str(path) for pair in pairs for path in pair)], check=True)
    print("\n".join(str(picture.relative_to(ROOT)) for _, picture in pairs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
