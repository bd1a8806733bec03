# SPDX-License-Identifier: GPL-3.0-or-later
"""The moments of the loop, seen by a toy condition that is one class in this file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sd_blender.core.diffusion.guidance import ClassifierFreeGuidance, InInterval, Staged, Unguided
from sd_blender.core.diffusion.known_part import KnownPart
from sd_blender.core.diffusion.loop import Condition, Moment, denoise
from sd_blender.core.diffusion.samplers import SAMPLERS, Plan

CONFIG = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SHAPE = (2, 4, 6, 5)


class Symmetric(Condition):
    """A condition that nobody else knows of: the picture is the same from left to right."""

    def __init__(self) -> None:
        self.moments: list[str] = []

    def before(self, moment: Moment) -> None:
        self.moments.append(f"before {moment.index}")
        moment.x = self.mirrored(moment.x)

    def after(self, moment: Moment) -> None:
        self.moments.append(f"after {moment.index}")
        assert moment.estimate is not None
        moment.estimate = moment.estimate.moved(self.mirrored(moment.estimate.x0) - moment.estimate.x0)

    def finish(self, x: Any) -> Any:
        self.moments.append("finish")
        return self.mirrored(x)

    @staticmethod
    def mirrored(x: Any) -> Any:
        return (x + x[..., ::-1]) / 2


class Network:
    """Says something of each text that depends on everything it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[float, tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, x: Any, level: Any, texts: Any, inputs: dict[str, Any]) -> list[Any]:
        self.told.append((level.timestep, tuple(texts), dict(inputs)))
        return [np.tanh(x * np.float32(text)) for text in texts]


def noise(seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)


def run(name: str, conditions: Any = (), guidance: Any = None, network: Any = None, steps: int = 4) -> Any:
    plan = Plan.fit(name, CONFIG, steps)
    rng = np.random.default_rng(7)
    sampler = plan.sampler(lambda: rng.standard_normal(SHAPE).astype(np.float32))
    guidance = guidance or Unguided(1.0)
    return denoise(noise(), sampler, network or Network(), "epsilon", guidance, conditions)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_new_condition_is_one_class_and_works_with_every_sampler(name: str) -> None:
    symmetric = Symmetric()
    made = run(name, [symmetric])
    np.testing.assert_allclose(made, made[..., ::-1], rtol=1e-5, atol=1e-6)
    assert not np.allclose(run(name), run(name)[..., ::-1], atol=0.1)
    questions = range(Plan.fit(name, CONFIG, 4).questions)
    assert symmetric.moments == [f"{when} {i}" for i in questions for when in ("before", "after")] + [
        "finish"
    ]
    assert made.dtype == np.float32


def test_conditions_act_in_their_order_and_know_nothing_of_each_other() -> None:
    new = np.zeros((1, 1, *SHAPE[2:]), np.float32)
    new[..., 2:] = 1
    known = KnownPart(new, noise(1), noise(2))
    network = Network()

    class Beside(Condition):
        def before(self, moment: Moment) -> None:
            moment.inputs["beside"] = moment.index

    made = run("DDIM", [known, Symmetric(), Beside()], network=network)
    alone = run("DDIM", [known])
    assert [inputs for _, _, inputs in network.told] == [{"beside": index} for index in range(4)]
    assert not np.allclose(made, alone)
    np.testing.assert_array_equal(alone[..., :2], noise(1)[..., :2])


def test_a_condition_that_raises_ends_the_loop() -> None:
    class Stop(Exception):
        pass

    class Stopping(Condition):
        def before(self, moment: Moment) -> None:
            if moment.index == 2:
                raise Stop

    network = Network()
    with pytest.raises(Stop):
        run("Heun", [Stopping()], network=network)
    assert len(network.told) == 2


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.5, 7.5])
def test_guidance_is_the_formula(scale: float) -> None:
    """w = 0 is the first text, w = 1 the second."""
    uncond, cond = np.float32(0.5), np.float32(2.0)
    guided = ClassifierFreeGuidance(negative=uncond, positive=cond, scale=scale)
    moment = Moment(
        0, Plan.fit("DDIM", CONFIG, 4).trajectory.start, Plan.fit("DDIM", CONFIG, 4).trajectory.start, noise()
    )
    assert guided.texts(moment) == (uncond, cond)
    outputs = [noise(1), noise(2)]
    expected = (1 - scale) * outputs[0] + scale * outputs[1]
    np.testing.assert_allclose(guided.combine(outputs, moment), expected, rtol=1e-5, atol=1e-5)


def test_guidance_that_changes_on_the_way() -> None:
    network = Network()
    run("DDIM", guidance=Staged({0: Unguided(1.0), 2: Unguided(3.0)}), network=network)
    assert [texts for _, texts, _ in network.told] == [(1.0,), (1.0,), (3.0,), (3.0,)]


def test_guidance_in_an_interval_asks_once_outside_of_it() -> None:
    network = Network()
    guidance = InInterval(ClassifierFreeGuidance(negative=0.5, positive=2.0, scale=5.0), low=0.3, high=5.0)
    run("DDIM", guidance=guidance, network=network, steps=12)
    sigmas = [step.at.sigma for step in Plan.fit("DDIM", CONFIG, 12).trajectory.steps]
    expected = [(0.5, 2.0) if 0.3 < sigma <= 5.0 else (2.0,) for sigma in sigmas]
    assert [texts for _, texts, _ in network.told] == expected
    assert len(set(expected)) == 2 and expected[0] == expected[-1] == (2.0,)
