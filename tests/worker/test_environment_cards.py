# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan for every system, Python and graphics card: an installation that will run there, or what to do instead."""

from __future__ import annotations

import itertools
import os
import stat
import sys
from pathlib import Path

import pytest

from sd_blender.core.errors import EngineUnavailable
from sd_blender.worker.environment import cards, pythons
from sd_blender.worker.environment.cards import Card, has_code_for, look_at_cards, oldest_driver, usable
from sd_blender.worker.environment.locks import read_locks
from sd_blender.worker.environment.plan import make_plan
from sd_blender.worker.environment.variants import Machine

LOCKS = read_locks()

SYSTEMS = {
    "linux-x86_64": ("linux", "x86_64"),
    "linux-arm64": ("linux", "aarch64"),
    "windows-x86_64": ("win32", "AMD64"),
    "windows-arm64": ("win32", "ARM64"),
    "macos-arm64": ("darwin", "arm64"),
    "macos-x86_64": ("darwin", "x86_64"),
}
PYTHONS = ("3.10", "3.11", "3.13", "3.14")
NEW, OLD, OLDEST = "580.65", "550.54", "470.82"
GRAPHICS = {
    "none": (),
    "AMD": (),
    "NVIDIA that does not answer": (),
    "Kepler": (Card("GeForce GT 710", (3, 5), OLDEST),),
    "Maxwell": (Card("GeForce GTX 960", (5, 2), NEW),),
    "Pascal": (Card("GeForce GTX 1080", (6, 1), NEW),),
    "Volta": (Card("Tesla V100", (7, 0), NEW),),
    "Turing": (Card("GeForce RTX 2070", (7, 5), NEW),),
    "Ada": (Card("GeForce RTX 4090", (8, 9), NEW),),
    "Ada, old driver": (Card("GeForce RTX 4090", (8, 9), OLD),),
    "Ada, oldest driver": (Card("GeForce RTX 4090", None, OLDEST),),
    "Hopper": (Card("H100", (9, 0), NEW),),
    "Blackwell": (Card("GeForce RTX 5090", (12, 0), NEW),),
    "Spark": (Card("GB10", (12, 1), NEW),),
    "of the future": (Card("GeForce RTX 9090", (15, 0), "700.1"),),
    "Pascal and Ada": (Card("GeForce GTX 1080", (6, 1), NEW), Card("GeForce RTX 4090", (8, 9), NEW)),
}


def machine_with(system: str, graphics: str) -> Machine:
    name, processor = SYSTEMS[system]
    has_nvidia = graphics not in ("none", "AMD")
    places = {"/dev/kfd", "/opt/rocm"} if graphics == "AMD" else set()
    if has_nvidia:
        places |= {"/proc/driver/nvidia/version", "nvcuda.dll"}
    return Machine(
        name,
        processor,
        lambda path: path in places or path.replace("\\", "/").rpartition("/")[2] in places,
        lambda program: False,
        lambda: GRAPHICS[graphics],
        lambda: True,
    )


def plan_text(tmp_path, monkeypatch, system, python, graphics, build="auto"):
    """What Install would do on a machine with one Python, in one line."""
    monkeypatch.setattr(
        pythons, "find", lambda versions, own: (Path("python"), python) if python in versions else None
    )
    try:
        plan = make_plan(tmp_path, build, machine=machine_with(system, graphics), locks=LOCKS)
    except EngineUnavailable as refusal:
        return f"refused: {refusal}", None
    lock = plan.lock
    return f"torch {lock.version_of('torch')} of {lock.variant} {lock.cuda}. {plan.note}".strip(), plan


WHAT_TO_DO = ("Own Python", "use another", "update ", "install it", "choose ")


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_plan_for_every_machine(tmp_path, monkeypatch, system):
    """Printed with pytest -s; each line is a lock whose build has code for the card, or a sentence that helps."""
    for python, graphics in itertools.product(PYTHONS, GRAPHICS):
        if system.startswith("macos") and graphics != "none":
            continue
        text, plan = plan_text(tmp_path, monkeypatch, system, python, graphics)
        print(f"{system:15} Python {python:5} {graphics:28} {text}")
        if plan is None:
            assert any(words in text for words in WHAT_TO_DO), text
            continue
        assert (plan.lock.system, plan.lock.python) == (system, python)
        if plan.lock.variant == "cuda" and GRAPHICS[graphics]:
            best = GRAPHICS[graphics][-1]
            assert has_code_for(plan.lock, best)
            assert int(best.driver.split(".")[0]) >= oldest_driver(plan.lock)
        if plan.lock.variant == "cpu" and graphics not in ("none", "AMD"):
            assert any(words in plan.note for words in WHAT_TO_DO), plan
        else:
            assert not plan.note


@pytest.mark.parametrize(
    ("system", "python", "graphics", "text"),
    [
        ("windows-x86_64", "3.11", "Ada", "torch 2.11.0+cu128"),
        ("windows-x86_64", "3.11", "Blackwell", "torch 2.11.0+cu128"),
        ("windows-x86_64", "3.11", "Ada, old driver", "torch 2.11.0+cu128"),
        ("windows-x86_64", "3.11", "Pascal", "torch 2.13.0+cu126"),
        ("windows-x86_64", "3.11", "Volta", "torch 2.13.0+cu126"),
        ("windows-x86_64", "3.13", "Ada", "torch 2.13.0+cu130"),
        ("windows-x86_64", "3.14", "Ada", "torch 2.13.0+cu130"),
        ("windows-x86_64", "3.13", "Pascal", "torch 2.13.0 of cpu . A build of torch for this graphics card needs"),
        ("windows-x86_64", "3.13", "Ada, old driver", "torch 2.13.0 of cpu . The NVIDIA driver 550.54 is too old"),
        ("windows-x86_64", "3.11", "Kepler", "torch 2.13.0 of cpu . The GeForce GT 710 is too old"),
        ("windows-x86_64", "3.13", "none", "torch 2.13.0 of cpu"),
        ("linux-x86_64", "3.13", "Ada", "torch 2.13.0 of cuda 13.0"),
        ("linux-x86_64", "3.13", "Ada, old driver", "torch 2.10.0 of cuda 12.8"),
        ("linux-x86_64", "3.13", "Ada, oldest driver", "torch 2.13.0+cpu of cpu . The NVIDIA driver 470.82 is too old"),
        ("linux-x86_64", "3.13", "Volta", "torch 2.10.0 of cuda 12.8"),
        ("linux-x86_64", "3.13", "Pascal", "torch 2.13.0+cpu of cpu . No build of torch"),
        ("linux-x86_64", "3.13", "none", "torch 2.13.0+cpu"),
        ("linux-x86_64", "3.14", "none", "torch 2.13.0+cpu"),
        ("linux-x86_64", "3.11", "AMD", "refused: No tested build of torch for ROCm on linux-x86_64"),
        ("linux-arm64", "3.13", "none", "torch 2.10.0 of cpu"),
        ("linux-arm64", "3.13", "Spark", "torch 2.13.0 of cuda 13.0"),
        ("macos-arm64", "3.14", "none", "torch 2.11.0 of mps"),
        ("macos-x86_64", "3.11", "none", "refused: Macs with an Intel processor"),
    ],
)  # fmt: skip
def test_the_plan_for_known_machines(tmp_path, monkeypatch, system, python, graphics, text):
    assert plan_text(tmp_path, monkeypatch, system, python, graphics)[0].startswith(text)


def test_a_build_that_was_asked_for_is_refused_with_the_reason(tmp_path, monkeypatch):
    text, _ = plan_text(tmp_path, monkeypatch, "linux-x86_64", "3.13", "Pascal", "cuda")
    assert text.startswith(
        "refused: No build of torch that can be installed from here has code for the GeForce GTX"
    )
    text, _ = plan_text(tmp_path, monkeypatch, "linux-x86_64", "3.13", "Ada, oldest driver", "cuda")
    assert "update it to 525 or newer" in text
    text, _ = plan_text(tmp_path, monkeypatch, "linux-x86_64", "3.13", "Pascal", "cpu")
    assert text == "torch 2.13.0+cpu of cpu ."


def test_a_lock_for_cuda_knows_its_cards():
    for lock in LOCKS:
        assert bool(lock.cards) == bool(lock.cuda) == (lock.variant == "cuda")
    older = [lock for lock in LOCKS if lock.cuda == "12.6"]
    assert older and usable(older, GRAPHICS["Maxwell"]) == (older, "")
    assert usable(older, GRAPHICS["Blackwell"])[0] == []


SMI = """#!/bin/sh
case "$1" in
{case}
esac
"""


@pytest.mark.skipif(os.name != "posix", reason="the tool is a script of sh")
@pytest.mark.parametrize(
    ("case", "found"),
    [
        ("*compute_cap*) echo '8.6, NVIDIA GeForce RTX 3060, 535.183.01'; echo '12.0, RTX 5090, 535.183.01';;",
         (Card("NVIDIA GeForce RTX 3060", (8, 6), "535.183.01"), Card("RTX 5090", (12, 0), "535.183.01"))),
        ("*compute_cap*) echo 'Field \"compute_cap\" is not a valid field to query.'; exit 2;;\n"
         "*) echo 'Tesla K80, 450.51';;", (Card("Tesla K80", None, "450.51"),)),
        ("*) echo '[N/A], GRID, 535.1';;", (Card("GRID", None, "535.1"),)),
        ("*) echo 'NVIDIA-SMI has failed because it could not communicate with the driver'; exit 9;;", ()),
        ("*) echo 'No devices were found';;", ()),
        ("*) printf '\\377\\376';;", ()),
    ],
)  # fmt: skip
def test_what_nvidias_tool_says(tmp_path, monkeypatch, case, found):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(SMI.format(case=case))
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert look_at_cards() == found


def test_no_tool_no_cards(monkeypatch):
    monkeypatch.setattr(cards, "_find_tool", lambda: None)
    assert look_at_cards() == ()
    monkeypatch.setattr(cards, "_find_tool", lambda: str(Path(sys.executable).parent / "gone"))
    assert look_at_cards() == ()
