# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny models of the real classes, an engine, and a way to run a request and keep what it reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sd_blender.core.messages import Message, Result
from sd_blender.core.request import ImageArray, MaskArray, Request

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

    from sd_blender.core.diffusion.estimate import Estimate
    from sd_blender.core.diffusion.loop import Moment
    from sd_blender.engine.diffusers_engine import DiffusersEngine

# Some environments hold Blender and no torch: the engine's tests, and its imports here, wait for one that does.
collect_ignore_glob = [] if find_spec("torch") and find_spec("diffusers") else ["test_*.py"]


def save_model(folder: Path, xl: bool = False, **kind: Any) -> Path:
    from sd_blender.engine.libraries import quiet

    from .tiny_model import save_tiny_model, save_tiny_xl

    with quiet():
        return (save_tiny_xl if xl else save_tiny_model)(folder, **kind)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Toy networks gain nothing from more, and with another process on the machine threads wait at every layer."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text-to-image model: 4 channels, the schedule of Stable Diffusion 1.x."""
    return save_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_inpaint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An inpaint model: 9 channels."""
    return save_model(tmp_path_factory.mktemp("models") / "tiny-inpaint", channels=9)


@pytest.fixture(scope="session")
def tiny_8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text-to-image model whose autoencoder has 8 latent channels."""
    return save_model(tmp_path_factory.mktemp("models") / "tiny-8", channels=8, latents=8)


@pytest.fixture(scope="session")
def tiny_zero_snr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v-prediction with zero terminal SNR and trailing spacing, as the starter model has them."""
    from .tiny_model import ZERO_SNR

    return save_model(tmp_path_factory.mktemp("models") / "tiny-zero-snr", schedule=ZERO_SNR)


@pytest.fixture(scope="session")
def tiny_xl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion XL, text to image, for which an empty negative prompt is zeros."""
    return save_model(tmp_path_factory.mktemp("models") / "tiny-xl", xl=True)


@pytest.fixture(scope="session")
def plain_tiny(tiny: Path) -> StableDiffusionPipeline:
    """The tiny text-to-image model as a pipeline of plain diffusers."""
    return plain_pipeline(tiny)


def plain_pipeline(folder: Path) -> StableDiffusionPipeline:
    from diffusers import StableDiffusionPipeline

    from sd_blender.engine.libraries import quiet

    without = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    with quiet():
        made = StableDiffusionPipeline.from_pretrained(folder, **without)
    made.set_progress_bar_config(disable=True)
    return made


@pytest.fixture(scope="module")
def plain_xl(tiny_xl: Path) -> StableDiffusionXLPipeline:
    """The same as a pipeline of plain diffusers."""
    from diffusers import StableDiffusionXLPipeline

    from sd_blender.engine.libraries import quiet

    with quiet():
        made = StableDiffusionXLPipeline.from_pretrained(tiny_xl, add_watermarker=False)
    made.set_progress_bar_config(disable=True)
    return made


@pytest.fixture(scope="session")
def engine() -> DiffusersEngine:
    from sd_blender.engine.diffusers_engine import DiffusersEngine

    return DiffusersEngine(device="cpu", dtype="float32", preview_interval=0.0)


class Run:
    """A finished run: its result, and everything that was reported on the way."""

    def __init__(self, result: Result, messages: list[Message]) -> None:
        self.result = result
        self.messages = messages

    @property
    def pixels(self) -> ImageArray:
        return self.result.images[0].pixels

    def of(self, kind: type[Message]) -> list[Message]:
        return [message for message in self.messages if isinstance(message, kind)]


@pytest.fixture
def run(engine: DiffusersEngine) -> Callable[[Request], Run]:
    def run_request(request: Request, engine: DiffusersEngine = engine) -> Run:
        messages: list[Message] = []
        return Run(engine.generate("job", request, messages.append, lambda: False), messages)

    return run_request


@pytest.fixture
def estimates(monkeypatch: pytest.MonkeyPatch) -> list[Estimate]:
    """What was found at each question to the network, one after another."""
    from sd_blender.engine.conditions.watch import WatchedSteps

    seen: list[Estimate] = []
    original = WatchedSteps.after

    def after(self: WatchedSteps, moment: Moment) -> None:
        assert moment.estimate is not None
        seen.append(moment.estimate)
        original(self, moment)

    monkeypatch.setattr(WatchedSteps, "after", after)
    return seen


def painting(width: int, height: int, channels: int = 3, seed: int = 0) -> ImageArray:
    """Smooth colours with some grain, so that both blur and shift would show."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / (5 + 3 * c) + c) + np.cos(y / (7 + 2 * c)) for c in range(channels)]
    values = 127 + 50 * np.stack(waves, axis=-1) + rng.integers(-8, 9, (height, width, channels))
    return np.clip(values, 0, 255).astype(np.uint8)


def box_mask(width: int, height: int, left: int, top: int, right: int, bottom: int) -> MaskArray:
    mask = np.zeros((height, width), np.float32)
    mask[top:bottom, left:right] = 1
    return mask
