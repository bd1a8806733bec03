# SPDX-License-Identifier: GPL-3.0-or-later
"""The child process. Started by path, in isolated mode and with any Python: ``python -I .../worker/__main__.py``."""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import importlib.util
import logging
import os
import sys
from pathlib import Path
from typing import BinaryIO

NAME = "sd_blender"


def import_package() -> None:
    """Make this add-on importable under its plain name, and nothing that lies beside it.

    In Blender it is called bl_ext.<repository>.sd_blender; putting its parent folder on the path would bring every
    other extension's name in with it.
    """
    folder = Path(__file__).resolve().parent.parent
    spec = importlib.util.spec_from_file_location(
        NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent, out of reach of whoever prints or reads: stdin is now empty and stdout is stderr."""
    inbox, outbox = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr  # what is printed is seen at once, also when the process is killed
    return inbox, outbox


def main() -> None:
    """Serve the parent on stdin and stdout until it closes them. Called on this file as a module of the package."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument(
        "--numpy",
        metavar="FOLDER",
        help="without torch, for the model that ships; NumPy is looked for there, too",
    )
    options = parser.parse_args()
    if options.numpy:
        sys.path.append(options.numpy)
    from ..core.engine_protocol import Engine
    from .server import Server
    from .user_folder import user_folder

    inbox, outbox = take_pipes()
    faulthandler.enable()  # a crash in native code leaves its Python frames in the log
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    def engine() -> Engine:
        if options.numpy:
            from ..numpy_engine.engine import NumpyEngine

            return NumpyEngine()
        from ..engine import create_engine
        from ..training.engine import with_training

        made = create_engine(options.device, options.dtype, user_folder())
        return with_training(made, options.device, options.dtype)

    Server(inbox, outbox, engine).run()


if __name__ == "__main__":
    import_package()
    importlib.import_module(f"{NAME}.worker.__main__").main()
