# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of the user's own that everything lies in which Blender does not keep: engines and the workers' logs."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path


def user_folder() -> Path:
    """One folder for all versions of Blender, not made by asking for it.

    Its path is short, since Windows admits 259 characters and the files of torch have up to 185 of them.
    """
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local", "SDB")
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "SDBlender"
    named = os.environ.get("XDG_DATA_HOME", "")  # which counts only when it is absolute
    return (Path(named) if os.path.isabs(named) else home / ".local" / "share") / "sd_blender"


def make_private(folder: Path) -> None:
    """Have a folder that this user alone can read and write. Raises OSError where another user's is in its place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if sys.platform == "win32":  # where what is in the user's profile is the user's own
            return
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError(f"{folder} is not a folder of this user") from None
        if found.st_mode & 0o077:
            folder.chmod(0o700)
