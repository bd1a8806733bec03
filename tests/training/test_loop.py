# SPDX-License-Identifier: GPL-3.0-or-later
"""The common loop when things go wrong: a loss that is no number, a full disk, a process that was halted."""

import time

import pytest
import torch

from sd_blender.core.errors import BadResult
from sd_blender.training import checkpoints
from sd_blender.training.checkpoints import MovingAverage, Stopwatch, load, save_atomic
from sd_blender.training.loop import TrainingRun
from sd_blender.training.models import quick_precision
from sd_blender.training.schedule import Budget


def make_run(path, steps: int = 5) -> TrainingRun:
    layer = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    return TrainingRun(layer, optimizer, MovingAverage(layer, 0.9), path, Budget(steps=steps))


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_checkpoint(tmp_path):
    path = tmp_path / "x.pt"
    make_run(path).run(lambda step, progress: {"loss": 1.0}, "test", stop_at=2)
    broken = make_run(path)
    broken.resume()
    with pytest.raises(BadResult, match=r"step 4.*lower the learning rate.*x\.pt"):
        broken.run(lambda step, progress: {"loss": float("nan") if step == 3 else 1.0}, "test")
    assert load(path)["step"] == 2


def test_a_last_loss_that_is_no_number_is_not_saved_over_the_checkpoint(tmp_path):
    """Losses are read a step late; whatever is saved was read before."""
    path = tmp_path / "x.pt"
    make_run(path).run(lambda step, progress: {"loss": 1.0}, "test", stop_at=2)
    broken = make_run(path)
    broken.resume()
    with pytest.raises(BadResult, match="step 5"):
        broken.run(lambda step, progress: {"loss": torch.tensor(float("nan") if step == 4 else 1.0)}, "test")
    assert load(path)["step"] == 2


def test_a_full_disk_leaves_the_last_checkpoint_and_no_rest(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    save_atomic(path, {"step": 1})

    def full(state, part):
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        save_atomic(path, {"step": 2})
    assert load(path) == {"step": 1} and list(tmp_path.iterdir()) == [path]


def test_time_in_which_the_process_was_halted_does_not_count(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    clock = Stopwatch(spent=10.0, longest=60.0)
    now[0] += 5
    assert clock.seconds == 15
    now[0] += 3600
    assert clock.seconds == 75
    now[0] += 1
    assert clock.seconds == 76


def test_a_run_goes_on_where_it_was_left(tmp_path):
    path, seen = tmp_path / "x.pt", []

    def take(step: int, progress: float) -> dict[str, float]:
        seen.append((step, progress))
        return {"loss": 0.0}

    make_run(path).run(take, "test", stop_at=3)
    again = make_run(path)
    again.resume()
    again.run(take, "test")
    assert seen == [(i, i / 5) for i in range(5)]


@pytest.mark.parametrize("has_units", [True, False])
def test_half_precision_on_a_processor_only_where_it_has_units_for_it(monkeypatch, has_units):
    """Emulated, a step takes five times as long, and these tests their time limit."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_units)
    with quick_precision(torch.device("cpu")):
        made = torch.ones(2, 2) @ torch.ones(2, 2)
    assert made.dtype == (torch.bfloat16 if has_units else torch.float32)
