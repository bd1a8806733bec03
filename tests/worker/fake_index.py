# SPDX-License-Identifier: GPL-3.0-or-later
"""A package index of a few kilobytes: a folder with wheels of the engine's packages that do nothing, and their lock."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import zipfile
from pathlib import Path

from sd_blender.worker.environment.locks import Lock, Wheel, this_system
from sd_blender.worker.environment.plan import Plan

TORCH = """
__version__ = "{version}"
class Tensor: pass
class version: cuda = None; hip = None
class backends: mps = None
class cuda:
    is_available = staticmethod(lambda: False)
"""
SOURCES = {
    "numpy": ("numpy", '__version__ = "2.1"\nclass ndarray: pass\n'),
    "torch": ("torch", TORCH),
    "safetensors": ("safetensors", '__version__ = "0.8.0"\ndef safe_open(): pass\n'),
    "pillow": ("PIL", '__version__ = "12.0"\n'),
    "transformers": ("transformers", '__version__ = "5.9.0"\nclass CLIPTextModel: pass\n'),
    "diffusers": ("diffusers", '__version__ = "0.40.0"\nclass UNet2DConditionModel: pass\n'),
}
VERSIONS = {
    "numpy": "2.1", "torch": "2.13.0", "safetensors": "0.8.0", "pillow": "12.0", "transformers": "5.9.0",
    "diffusers": "0.40.0",
}  # fmt: skip
PYTHON = "{}.{}".format(*sys.version_info[:2])
UNPACKED = 20_000_000


def make_wheel(folder: Path, name: str, version: str, source: str, module: str) -> Wheel:
    """A wheel with one package in it."""
    file = f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{module}/__init__.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if name == "pillow":
        files["PIL/Image.py"] = "def open(): pass\n"
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as wheel:
        for path, content in files.items():
            wheel.writestr(zipfile.ZipInfo(path), content)  # without the time: the same bytes in each process
    data = packed.getvalue()
    part = folder / f"{file}.{os.getpid()}"
    part.write_bytes(data)
    part.replace(folder / file)  # whole at any moment: another process may be installing from it
    return Wheel(name, version, file, hashlib.sha256(data).hexdigest(), len(data))


def make_lock(folder: Path, torch: str = "2.13.0", torch_source: str = TORCH) -> Lock:
    """Fill a folder with wheels, and return the lock of them; another version of torch makes another lock."""
    folder.mkdir(parents=True, exist_ok=True)
    wheels = []
    for name, (module, source) in SOURCES.items():
        version = torch if name == "torch" else VERSIONS[name]
        text = (torch_source if name == "torch" else source).replace("{version}", version)
        wheels.append(make_wheel(folder, name, version, text, module))
    return Lock(this_system(), PYTHON, "cpu", UNPACKED, tuple(wheels))


def make_fake_plan(tmp_path: Path, torch: str = "2.13.0", torch_source: str = TORCH) -> Plan:
    """A plan for the folder ``engine`` of a test, from wheels in its folder ``index``."""
    lock = make_lock(tmp_path / "index", torch, torch_source)
    return Plan(lock, Path(sys.executable), tmp_path / "engine")
