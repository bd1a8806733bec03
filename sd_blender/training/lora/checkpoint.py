# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are whole or not there at all, whenever the process is killed or the disk is full; no pickle.

Written beside the old one and renamed over it once everything is on the disk. What is left of a failed attempt is
removed, since it may be what fills the disk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ...core.errors import CannotSave, ModelRefused
from ...core.sentence import Sentence
from ...engine.guards import is_out_of_memory

_LEARNED, _OPTIMIZER = "learned:", "optimizer:"


@dataclass(frozen=True)
class Checkpoint:
    """learned: see ``Learner.state``. optimizer: AdamW's, by number of the parameter and name. step: done."""

    step: int
    learned: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    metadata: Mapping[str, str]


def write_whole(path: Path, data: bytes) -> None:
    """Raises CannotSave with a sentence that names the file; what was there before is still there then."""
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise CannotSave(
            Sentence(
                "{path} cannot be saved ({reason}); make room on that disk or choose another folder, "
                "then train again, which goes on from the last checkpoint.",
                path=path,
                reason=reason,
            ),
            details=repr(error),
        ) from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """A .safetensors file, whole or not at all. Raises CannotSave."""
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_whole(path, safetensors.torch.save(kept, dict(metadata)))


def save(
    path: Path,
    step: int,
    learned: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    metadata: Mapping[str, str],
) -> None:
    """Raises CannotSave."""
    tensors = {_LEARNED + name: value for name, value in learned.items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"{_OPTIMIZER}{number}:{name}": value for name, value in state.items()}
    write_tensors(path, tensors, {**metadata, "step": str(step)})


def keep(path: Path, beside: Path) -> None:
    """Copy a checkpoint, if there is one that can be read. Raises CannotSave."""
    try:
        data = path.read_bytes()
    except OSError:
        return
    write_whole(beside, data)


def load(path: Path) -> Checkpoint | None:
    """The checkpoint, None where there is none. Raises ModelRefused for a file that is none."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        return Checkpoint(
            int(metadata["step"]), _part(tensors, _LEARNED), _part(tensors, _OPTIMIZER), metadata
        )
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        raise ModelRefused(
            Sentence(
                "The checkpoint {path} cannot be read; delete its folder to begin anew, or choose "
                "another name.",
                path=path,
            ),
            details=str(error),
        ) from error


def restore(optimizer: torch.optim.Optimizer, saved: Mapping[str, Tensor]) -> None:
    """Give the optimiser back what :func:`save` kept of it."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in saved.items():
        number, name = key.split(":")
        state.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): v for name, v in tensors.items() if name.startswith(prefix)}
