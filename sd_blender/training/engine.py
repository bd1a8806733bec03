# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that can also train. It lies here, above the engine, which must not know of training; the factories that
make engines wrap theirs in it. torch and peft are imported when the first training begins.
"""

from __future__ import annotations

from ..core.engine_protocol import Engine, IsCancelled, Report, Trainer
from ..core.errors import EngineUnavailable, is_system_out_of_memory, libraries_without_memory
from ..core.messages import Result, TrainingResult
from ..core.request import Request
from ..core.sentence import Sentence
from ..core.training_request import Training


def with_training(engine: Engine, device: str = "auto", dtype: str = "auto") -> Trainer:
    """``engine`` and training in one. device, dtype: as for the engine; a dtype of "auto" is chosen from the memory."""
    return TrainingEngine(engine, device, dtype)


class TrainingEngine:
    """Implements :class:`~..core.engine_protocol.Trainer`."""

    def __init__(self, engine: Engine, device: str, dtype: str) -> None:
        self._engine, self._device, self._dtype = engine, device, dtype

    def generate(self, job_id: str, request: Request, report: Report, is_cancelled: IsCancelled) -> Result:
        return self._engine.generate(job_id, request, report, is_cancelled)

    def train(
        self, job_id: str, request: Training, report: Report, is_cancelled: IsCancelled
    ) -> TrainingResult:
        """See :class:`~..core.engine_protocol.Trainer`. The engine's model makes room for the one that is trained."""
        from ..engine.libraries import offline, quiet

        try:
            with offline(), quiet():
                from .lora.run import train
        except (ImportError, OSError, RuntimeError, MemoryError) as error:
            if is_system_out_of_memory(error):
                raise libraries_without_memory(error) from error
            missing = (getattr(error, "name", None) or "A library").partition(".")[0]
            raise EngineUnavailable(
                Sentence(
                    "{missing}, which training needs, is missing or broken; press Install Engine in the "
                    "preferences.",
                    missing=missing,
                ),
                details=str(error),
            ) from error
        self._engine.unload()
        return train(job_id, request, report, is_cancelled, self._device, self._dtype)

    def unload(self) -> None:
        self._engine.unload()
