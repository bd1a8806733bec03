# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures from requests, with torch, diffusers and transformers. Those are imported when an engine is made."""

from __future__ import annotations

from pathlib import Path

from ..core.engine_protocol import Engine
from ..core.errors import EngineUnavailable, is_system_out_of_memory, libraries_without_memory
from ..core.sentence import Sentence


def create_engine(device: str = "auto", dtype: str = "auto", kept: Path | None = None) -> Engine:
    """The engine that runs in this process.

    device: "auto", "cpu", "cuda" (NVIDIA and, with torch for ROCm, AMD) or "mps". dtype: "auto", "float32",
    "float16" or "bfloat16", the precision of U-Net and autoencoder. kept: the folder in which it is kept how this
    processor is fastest, None to find it out in each process again. Raises EngineUnavailable when a library is missing
    or the device is not there.
    """
    from .libraries import offline, quiet

    try:
        with offline(), quiet():
            from .diffusers_engine import DiffusersEngine
            from .processor_probe import ProcessorProbe
    except (ImportError, OSError, RuntimeError, MemoryError) as error:
        # OSError: a library that cannot be mapped (WinError 126). RuntimeError: diffusers' lazy import of a part.
        if is_system_out_of_memory(error):
            raise libraries_without_memory(error) from error
        missing = (getattr(error, "name", None) or "A library").partition(".")[0]
        raise EngineUnavailable(
            Sentence(
                "{missing} is not installed in this Python, or is broken; install torch, diffusers and "
                "transformers.",
                missing=missing,
            ),
            details=str(error),
        ) from error
    return DiffusersEngine(device=device, dtype=dtype, probe=ProcessorProbe(kept))
