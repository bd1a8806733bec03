# SPDX-License-Identifier: GPL-3.0-or-later
"""Which build of torch suits a machine, told by the drivers that are there and never by starting them."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .cards import Card, look_at_cards
from .locks import system_name

VARIANTS = ("cuda", "rocm", "mps", "cpu")
LABELS = {"cuda": "CUDA", "rocm": "ROCm", "mps": "Metal", "cpu": "the processor"}


if sys.platform == "win32":
    import winreg

    def has_long_paths() -> bool:
        """Whether programs may use paths above 260 characters, which is a switch of Windows."""
        place = r"SYSTEM\CurrentControlSet\Control\FileSystem"
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
                return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
        except OSError:
            return False

else:

    def has_long_paths() -> bool:
        """Whether programs may use paths above 260 characters."""
        return True


@dataclass(frozen=True)
class Machine:
    """The looks at a machine, each of which a test can replace.

    system: as sys.platform. processor: as platform.machine(). has_path: whether a path exists. has_program: whether
    PATH has a program. cards: what NVIDIA's tool says. has_long_paths: whether the system admits paths
    above 260 characters.
    """

    system: str = sys.platform
    processor: str = platform.machine()
    has_path: Callable[[str], bool] = os.path.exists
    has_program: Callable[[str], bool] = lambda name: shutil.which(name) is not None
    cards: Callable[[], tuple[Card, ...]] = look_at_cards
    has_long_paths: Callable[[], bool] = has_long_paths

    @property
    def name(self) -> str:
        """System and processor as locks spell them."""
        return system_name(self.system, self.processor)


def choose(machine: Machine | None = None) -> str:
    """The build for a machine: "cuda" with an NVIDIA driver, "rocm" with AMD's, "mps" on an Apple chip, else "cpu"."""
    machine = machine or Machine()
    for variant, is_there in (("mps", _has_metal), ("cuda", _has_nvidia), ("rocm", _has_rocm)):
        if is_there(machine):
            return variant
    return "cpu"


def _has_metal(machine: Machine) -> bool:
    return machine.system == "darwin" and machine.processor == "arm64"


def _has_nvidia(machine: Machine) -> bool:
    """A driver that is loaded; a card without one is of no use to torch."""
    if machine.system == "win32":
        windows = os.environ.get("SYSTEMROOT", "C:/Windows")
        return machine.has_path(str(Path(windows, "System32", "nvcuda.dll")))
    if machine.system != "linux":
        return False
    # A container has the device files and the tool without /proc/driver; WSL has the library alone.
    places = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/usr/lib/wsl/lib/libcuda.so.1")
    return any(machine.has_path(path) for path in places) or machine.has_program("nvidia-smi")


def _has_rocm(machine: Machine) -> bool:
    """AMD's compute driver and its runtime: the driver alone serves displays as well."""
    return (
        machine.system == "linux"
        and machine.has_path("/dev/kfd")
        and (machine.has_path("/opt/rocm") or machine.has_program("rocminfo"))
    )
