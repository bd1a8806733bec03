# SPDX-License-Identifier: GPL-3.0-or-later
"""The same networks twice: those of diffusers and transformers, and those that are written out in NumPy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sd_blender.core.request import Tiling
from sd_blender.numpy_engine.cores import all_cores
from sd_blender.numpy_engine.layers import Setting
from sd_blender.numpy_engine.weights import Weights, read_tensors

# torch is what most tests here compare with; some environments hold Blender alone.
collect_ignore_glob = [] if find_spec("torch") and find_spec("diffusers") else ["test_*.py"]

STARTER = Path(__file__).parents[2] / "sd_blender" / "starter_model"


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the kind of Stable Diffusion 1.x."""
    return _saved(tmp_path_factory)


@pytest.fixture(scope="session")
def tiny_2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the kind of Stable Diffusion 2.x: linear layers around its transformers, heads by level."""
    from tests.engine.tiny_model import STABLE_DIFFUSION_2

    return _saved(tmp_path_factory, **STABLE_DIFFUSION_2)


def _saved(tmp_path_factory: pytest.TempPathFactory, **kind: Any) -> Path:
    from sd_blender.engine.libraries import quiet
    from tests.engine.tiny_model import save_tiny_model

    with quiet():
        return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny", **kind)


@pytest.fixture(params=["starter", "tiny", "tiny_2"])
def folder(request: pytest.FixtureRequest) -> Path:
    return STARTER if request.param == "starter" else request.getfixturevalue(request.param)


@pytest.fixture(params=list(Tiling))
def setting(request: pytest.FixtureRequest) -> Iterator[Setting]:
    """On three cores, so that pieces meet each other, along each of the axes that may wrap."""
    with all_cores(count=3) as cores:
        yield Setting(cores, request.param)


def part(folder: Path, name: str) -> tuple[Weights, dict[str, Any]]:
    """The weights of a component, and its configuration."""
    (file,) = (folder / name).glob("*.safetensors")
    return Weights(read_tensors(file)), json.loads((folder / name / "config.json").read_text("utf-8"))
