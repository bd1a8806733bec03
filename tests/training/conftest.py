# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of these tests are so small that several threads wait for each other more than they compute."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
