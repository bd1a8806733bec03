# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes over the engines that earlier releases installed once for each version of Blender: moved, never downloaded.

A virtual environment works wherever its folder is as long as its Python is started by path, which is all that is done
here. At the old place a link stays, for a worker that runs from there and for a release that still looks there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from . import find
from .find import NAME, PARTIAL
from .owner import owned


class Busy(Exception):
    """Another Blender installs in the folder; there is another time."""


def adopt(folder: Path, former: Iterable[Path]) -> None:
    """Move the environments of the ``former`` folders into ``folder``; without a current one, theirs becomes it.

    What cannot be moved, as from another disk, stays where it is and works there. Killed at any moment and called
    again, it goes on. Raises nothing.
    """
    for old in former:
        try:
            is_unfinished = find.named(folder) is None and find.named(old) is not None
            if old != folder and (is_unfinished or _environments(old)):
                folder.mkdir(parents=True, exist_ok=True)
                with owned(folder, _give_up), owned(old, _give_up):
                    _adopt(folder, old)
        except (Busy, OSError):
            continue


def _give_up(owner: int) -> None:
    raise Busy


def _adopt(folder: Path, old: Path) -> None:
    for path in _environments(old):
        target = folder / path.name
        if not target.exists():
            os.rename(path, target)
            if NAME.fullmatch(path.name):
                _link_or_return(path, target)
    theirs = find.named(old)
    if theirs is not None:
        moved = folder / theirs.name
        is_better = find.current(folder) is None and find.is_complete(moved)
        if is_better or (find.named(folder) is None and find.read_record(moved) is not None):
            find.set_current(folder, theirs.name)


def _link_or_return(path: Path, target: Path) -> None:
    """Leave a link where an environment was, or have the environment back there. Raises OSError after that."""
    try:
        _link(path, target)
    except OSError:
        os.rename(target, path)
        raise


def _environments(folder: Path) -> list[Path]:
    """Environments that lie in a folder themselves, finished and half built."""
    try:
        paths = sorted(folder.glob("engine-*"))
    except OSError:
        return []
    return [
        path
        for path in paths
        if NAME.fullmatch(path.name.removesuffix(PARTIAL)) and path.is_dir() and not _is_link(path)
    ]


if sys.platform == "win32":
    import _winapi

    def _link(path: Path, target: Path) -> None:
        _winapi.CreateJunction(
            str(target), str(path)
        )  # which needs no right that users lack, as symbolic links do

    def _is_link(path: Path) -> bool:
        return os.path.realpath(path) != os.path.abspath(path)

else:

    def _link(path: Path, target: Path) -> None:
        path.symlink_to(target, target_is_directory=True)

    def _is_link(path: Path) -> bool:
        return path.is_symlink()
