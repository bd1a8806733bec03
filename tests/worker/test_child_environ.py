# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment that a worker starts in, whatever that of Blender is."""

from __future__ import annotations

import pytest

from sd_blender.worker.child import worker_environ

WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}


@pytest.mark.parametrize("others", [{}, dict.fromkeys(WAITING, "1000000"), {"OMP_WAIT_POLICY": "ACTIVE"}])
def test_threads_that_wait_sleep(monkeypatch, others):
    """Else a busy Blender beside it makes generation many times slower."""
    for name in WAITING:
        monkeypatch.delenv(name, raising=False)
    for name, value in others.items():
        monkeypatch.setenv(name, value)
    environ = worker_environ()
    assert {name: environ[name] for name in WAITING} == WAITING


def test_what_python_is_told_here_is_not_told_there(monkeypatch):
    monkeypatch.setenv("PYTHONSTARTUP", "/anything.py")
    monkeypatch.setenv("SOMETHING_ELSE", "stays")
    environ = worker_environ()
    assert "PYTHONSTARTUP" not in environ and environ["SOMETHING_ELSE"] == "stays"
