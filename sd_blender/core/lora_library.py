# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of LoRAs and embeddings in the folders that are known, by their names and by their checksums."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from .tensor_header import told_of

ENDING = ".safetensors"
MAX_FILES, MAX_DEPTH = 20_000, 4
"""Of a folder that is searched: it may be a whole disk."""

SHORTEST = 8
"""Digits of a checksum that can be told from another one."""

BLOCK = 2**20


def find(name: str, folders: Sequence[str]) -> Path | None:
    """The file of this name without its ending, in any case and in any folder of it, the nearest first."""
    wanted = name.replace("\\", "/").rpartition("/")[2].casefold().removesuffix(ENDING)
    return next((path for path in files(folders) if path.stem.casefold() == wanted), None)


def find_by_digest(digest: str, folders: Sequence[str], seconds: float) -> Path | None:
    """The file with a checksum that begins so; files are read for as long as ``seconds``."""
    if len(digest) < SHORTEST:
        return None
    until = time.monotonic() + seconds
    return next((path for path in files(folders) if time.monotonic() < until and matches(path, digest)), None)


def matches(path: Path, digest: str) -> bool:
    """Whether a checksum is one of this file: of all of it, of its tensors alone, or one that it tells of itself."""
    wanted = digest.lower().removeprefix("0x")
    told = told_of(path)
    known = [told.get(name, "").lower() for name in ("sshs_model_hash", "sshs_legacy_hash")]
    return any(name.startswith(wanted) for name in (*known, *_digests(path)) if name)


def _digests(path: Path) -> tuple[str, ...]:
    whole, tensors = hashlib.sha256(), hashlib.sha256()
    try:
        with path.open("rb") as file:
            start = file.read(8)
            start += file.read(min(int.from_bytes(start, "little"), 2**26))
            whole.update(start)
            while block := file.read(BLOCK):
                whole.update(block)
                tensors.update(block)
    except OSError:
        return ()
    return whole.hexdigest(), tensors.hexdigest()


def files(folders: Sequence[str]) -> Iterator[Path]:
    """Those that may be LoRAs or embeddings, of each folder first those that lie in it itself."""
    for folder in dict.fromkeys(folders):
        top = Path(folder).expanduser()
        seen = 0
        for where, below, names in os.walk(top):
            if len(Path(where).relative_to(top).parts) >= MAX_DEPTH:
                below.clear()
            below.sort()
            seen += len(names)
            if seen > MAX_FILES:
                break
            yield from (Path(where, name) for name in sorted(names) if name.lower().endswith(ENDING))
