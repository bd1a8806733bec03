# SPDX-License-Identifier: GPL-3.0-or-later
"""A training whose numbers break: what was good is kept, what was not is gone, and a lower rate goes on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from sd_blender.core.errors import BadResult, JobCancelled
from sd_blender.core.training_folder import TrainingFolder
from sd_blender.training.lora import loop

from .lora_runs import STEPS, Messages, after, run


def test_a_loss_that_is_no_number_stops_and_keeps_what_was_good(lora, monkeypatch):
    with (
        monkeypatch.context() as patch,
        pytest.raises(BadResult, match=r"at step 6, .* step 4 is kept.* lower"),
    ):
        break_weights(patch, 5)
        run(lora)
    require_sound(lora, 4)


@pytest.mark.parametrize("kind", ["lora", "word"])
def test_weights_that_break_as_they_are_saved_are_not_kept(request, kind, monkeypatch):
    """Only the loss of the step after them tells."""
    wanted = request.getfixturevalue(kind)
    with monkeypatch.context() as patch, pytest.raises(BadResult, match=r"at step 5, .* step 2 is kept"):
        break_weights(patch, 4)
        run(wanted)
    require_sound(wanted, 2)


def test_weights_that_break_before_there_is_a_good_checkpoint_are_not_kept(lora, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(BadResult, match=r"at step 3, .* nothing was saved"):
        break_weights(patch, 2)
        run(lora)
    require_sound(lora, 0)


def test_weights_that_break_at_a_pause_are_not_gone_on_from_twice(lora, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(JobCancelled):
        break_weights(patch, 4)
        run(lora, Messages(after(4)))
    with pytest.raises(BadResult, match=r"at step 5, .* step 2 is kept"):
        run(lora)
    require_sound(lora, 2)


def test_the_only_checkpoint_of_an_earlier_run_stays(lora, monkeypatch):
    """Another precision may be what breaks it."""
    with pytest.raises(JobCancelled):
        run(lora, Messages(after(2)))
    with monkeypatch.context() as patch, pytest.raises(BadResult, match=r"at step 3, .* step 2 is kept"):
        patch.setattr(loop.TrainingLoop, "_loss", lambda *_: torch.tensor(float("nan")))
        run(lora)
    require_sound(lora, 2)


def test_weights_that_break_at_the_last_step_are_no_result(lora, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(BadResult, match=r"step 4 is kept"):
        break_weights(patch, STEPS)
        run(lora)
    assert not Path(lora.output).exists()
    require_sound(lora, 4)


def test_a_last_step_that_was_never_looked_at_is_no_result_when_the_training_goes_on(lora, monkeypatch):
    """A pause right after its checkpoint was written: no step is left to tell what that is worth."""

    def paused(self):
        raise JobCancelled

    with monkeypatch.context() as patch, pytest.raises(JobCancelled):
        break_weights(patch, STEPS)
        patch.setattr(loop.TrainingLoop, "prove", paused)
        run(dataclasses.replace(lora, sample_every=STEPS))
    with pytest.raises(BadResult, match=r"step 4 is kept"):
        run(dataclasses.replace(lora, sample_every=STEPS))
    assert not Path(lora.output).exists()
    require_sound(lora, 4)


def break_weights(patch, step):
    """Let the update of ``step`` take what is learned where its loss overflows."""
    update = loop.TrainingLoop._update

    def broken(self):
        update(self)
        if self.step + 1 == step:
            for parameter in self.learner.parameters:
                parameter.data.fill_(3e38)

    patch.setattr(loop.TrainingLoop, "_update", broken)


def require_sound(wanted, step):
    """The checkpoint is that of ``step``, and a lower rate goes on from it to the end."""
    assert TrainingFolder.of(wanted).steps_done() == step
    assert run(dataclasses.replace(wanted, learning_rate=1e-4)).steps == STEPS
