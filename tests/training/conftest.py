# SPDX-License-Identifier: GPL-3.0-or-later
"""One thread, and a tiny model with a LoRA and a word to train on it."""

from __future__ import annotations

import pytest
import torch

from .lora_runs import lora_request, word_request


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Networks of these tests are so small that several threads wait for each other more than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    from sd_blender.engine.libraries import quiet
    from tests.engine.tiny_model import save_tiny_model

    with quiet():
        return save_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def lora(tmp_path, tiny):
    return lora_request(tmp_path, tiny)


@pytest.fixture
def word(lora):
    return word_request(lora)
