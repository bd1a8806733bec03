# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the extension's zip into dist/ and has Blender's own validator check it.

    python3 scripts/build_extension.py [--output DIR] [--blender BLENDER]

The zip holds addon_manifest/, the package and LICENSE, in an order and with times that do not change: the same sources
give the same bytes. Blender's validator comes with the bpy package of this Python, else of an environment in .venv/; or
name a Blender with --blender. Where there is none, the zip is written all the same.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - before the imports below, which an older Python does not have
    sys.exit("This needs Python 3.11 or newer; run it as: python3.11 " + " ".join(sys.argv))

import argparse
import hashlib
import os
import subprocess
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "sd_blender"
MANIFEST = ROOT / "addon_manifest" / "blender_manifest.toml"
LEFT_OUT = {"__pycache__", ".DS_Store"}
EPOCH = (1980, 1, 1, 0, 0, 0)
VALIDATOR = "bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"


class BuildError(Exception):
    """The zip cannot be built or is refused; the text says why."""


class NoValidator(Exception):
    """Nothing at hand can validate the zip; the text says what would."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the Blender extension into dist/ and validate it.")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder for the zip")
    parser.add_argument("--blender", type=Path, help="a Blender to validate with, instead of the bpy package")
    options = parser.parse_args()
    try:
        path = build(options.output)
        said = validate(path, options.blender)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    except NoValidator as reason:
        said = f"It was not validated: {reason}"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"{path}\n{path.stat().st_size / 2**20:.1f} MiB, sha256 {digest}\n{said}")
    return 0


def build(folder: Path) -> Path:
    """Write the zip into ``folder``, under its final name only when it is whole, and return its path."""
    manifest = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
    path = folder / f"{manifest['id']}-{manifest['version']}.zip"
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, source in sorted(contents()):
            entry = zipfile.ZipInfo(name, date_time=EPOCH)
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, source.read_bytes(), compresslevel=9)
    os.replace(temporary, path)
    return path


def contents() -> Iterator[tuple[str, Path]]:
    """Name in the zip and source of every file; the package itself becomes the root of the extension."""
    yield "blender_manifest.toml", MANIFEST
    yield "LICENSE", ROOT / "LICENSE"
    for path in PACKAGE.rglob("*"):
        relative = path.relative_to(PACKAGE)
        if path.is_file() and not LEFT_OUT & set(relative.parts):
            yield relative.as_posix(), path


def validate(path: Path, blender: Path | None = None) -> str:
    """What Blender's validator says of a zip. Raises BuildError when it refuses the zip, NoValidator without one."""
    if blender is not None:
        command = [str(blender), "--factory-startup", "--command", "extension", "validate", str(path)]
    else:
        command = [sys.executable, str(find_validator()), "validate", str(path)]
    # In a folder of its own: the validator takes a zip for a package only beside no manifest.
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
            )
        except OSError as error:
            raise BuildError(f"{path} is written; {command[0]} cannot be started: {error}") from error
    said = (done.stdout + done.stderr).strip()
    if done.returncode != 0:
        raise BuildError(f"{path} is written; Blender refuses it:\n{said}")
    return said


def find_validator() -> Path:
    """Blender's extension tool in the bpy package of this Python or of an environment in .venv/."""
    site_folders = [Path(entry) for entry in sys.path if entry.endswith("site-packages")]
    for layout in ("*/lib/python*/site-packages", "*/Lib/site-packages"):  # the second is that of Windows
        site_folders += sorted((ROOT / ".venv").glob(layout), reverse=True)
    for folder in site_folders:
        for tool in folder.glob(VALIDATOR):
            return tool
    raise NoValidator(
        "Blender's validator is not here; install the bpy package, or name a Blender with --blender"
    )


if __name__ == "__main__":
    sys.exit(main())
