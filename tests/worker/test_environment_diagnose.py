# SPDX-License-Identifier: GPL-3.0-or-later
"""The report that is pasted into a bug report: it tells what is needed and nothing that is secret."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

import pytest

from sd_blender.worker.environment import diagnose as module
from sd_blender.worker.environment.diagnose import Subject, diagnose, newest_logs
from sd_blender.worker.environment.find import set_current
from sd_blender.worker.environment.health import Device, Health
from sd_blender.worker.environment.redact import HIDDEN, redact
from tests.worker.test_environment_install import pretend_environment

GOOD = Health(
    "", "", "3.11.7", {"torch": "2.13.0+cu130", "diffusers": "0.42.1"}, "cuda 13.0",
    (Device("RTX", 6 * 10**9, 8 * 10**9),), ("CUDA driver is old",),
)  # fmt: skip


@pytest.fixture
def healthy(monkeypatch):
    monkeypatch.setattr(module.health, "check", lambda python, **options: GOOD)


def test_it_tells_what_an_answer_would_ask_for(tmp_path, healthy, monkeypatch):
    pretend_environment(tmp_path)
    set_current(tmp_path, "engine-00000000abcd")
    model = tmp_path / "model"
    model.mkdir()
    log = tmp_path / "worker-1.log"
    log.write_text("".join(f"line {n}\n" for n in range(100)))
    report = diagnose(
        Subject(
            "Blender 5.2.0", tmp_path / "python", tmp_path, model, tmp_path / "output", True,
            (("Device", "AUTO"),), (log, tmp_path / "gone.log"),
        )
    )  # fmt: skip
    for words in (
        "Blender 5.2.0", "on", "engine-00000000abcd, cpu", "torch 2.13.0 on RTX", "cuda 13.0", "6.0 GB of 8.0 GB free",
        "CUDA driver is old", "has no model_index.json", "not there yet, writable", "line 99", "cannot be read",
    ):  # fmt: skip
        assert words in report, report
    assert "line 60" not in report


def test_without_an_engine_it_says_what_to_do(tmp_path):
    report = diagnose(Subject("Blender", None, tmp_path / "gone"))
    assert "press Install Engine" in report
    assert "the starter model" in report


def test_a_python_that_is_broken_is_part_of_the_report(tmp_path):
    report = diagnose(Subject("Blender", tmp_path / "no python", tmp_path))
    assert "cannot be started" in report


@pytest.mark.fault("F47")
def test_a_driver_that_fails_is_part_of_the_report(tmp_path, healthy, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'Driver/library version mismatch'; exit 18\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    report = diagnose(Subject("Blender", Path(sys.executable), tmp_path))
    assert "version mismatch" in report


SECRETS = [
    "hf_abcdefghijklmnopqrstuvwx",
    "ghp_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "sk-proj-0123456789abcdefghij",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdef-ghi",
]


@pytest.mark.fault("F55")
@pytest.mark.parametrize(
    "line",
    [
        *SECRETS,
        "Authorization: Bearer 0123456789abcdef",
        "https://ann:tops3cret0123456789@index.example/simple",
        "token=tops3cret0123456789",
        'HF_TOKEN="tops3cret0123456789"',
        "--password: tops3cret0123456789",
        '{"api_key": "tops3cret0123456789"}',
    ],
)
def test_secrets_of_known_forms_are_hidden(line):
    hidden = redact(f"before {line} after", {})
    assert HIDDEN in hidden
    assert hidden.startswith("before") and hidden.endswith("after")
    for secret in (*SECRETS, "tops3cret0123456789", "0123456789abcdef"):
        assert secret not in hidden


@pytest.mark.fault("F55")
def test_secrets_of_the_environment_are_hidden_wherever_they_stand(tmp_path, healthy, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "a-form-nobody-knows")
    monkeypatch.setenv("STUDIO_PASSWORD", "correct horse")
    log = tmp_path / "worker-1.log"
    log.write_text("asked with a-form-nobody-knows\nand correct horse\n")
    report = diagnose(Subject("Blender", tmp_path, tmp_path, logs=[log]))
    assert "a-form-nobody-knows" not in report and "correct horse" not in report
    assert f"asked with {HIDDEN}" in report


@pytest.mark.fault("F55")
def test_whose_machine_it_is_does_not_show(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "ann"))
    monkeypatch.setattr(getpass, "getuser", lambda: "ann")
    assert redact(f"at {tmp_path}/ann/engine", {}) == "at ~/engine"
    assert (
        redact("in D:\\Data\\ann\\x and /mnt/ann/models", {})
        == "in D:\\Data\\[user]\\x and /mnt/[user]/models"
    )
    assert redact("the annotation of joann/x", {}) == "the annotation of joann/x"


def test_the_newest_log(tmp_path):
    import os

    for number in range(3):
        (tmp_path / f"worker-{number}.log").write_text("")
        os.utime(tmp_path / f"worker-{number}.log", (number, number))
    assert [path.name for path in newest_logs(tmp_path, "worker-*.log")] == ["worker-2.log"]
    assert newest_logs(tmp_path / "gone") == []
