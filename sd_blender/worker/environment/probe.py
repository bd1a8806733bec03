# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports what the engine needs and prints what was found as one line of JSON; run as a file by the Python in question.

Before each import its name is printed, so that one that takes the whole process down is known by name.
"""

from __future__ import annotations

import importlib
import json
import platform
import sys
import traceback
import warnings
from typing import Any

# The module of each package, and something of it that is imported late: a package can be half there.
PACKAGES = {
    "numpy": ("numpy", "ndarray"),
    "torch": ("torch", "Tensor"),
    "safetensors": ("safetensors", "safe_open"),
    "pillow": ("PIL.Image", "open"),
    "transformers": ("transformers", "CLIPTextModel"),
    "diffusers": ("diffusers", "UNet2DConditionModel"),
}


def main() -> None:
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "versions": {},
        "errors": {},
        "build": "",
        "devices": [],
        "notes": [],
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for package, (module, attribute) in PACKAGES.items():
            print(f"importing {package}", flush=True)
            try:
                imported = importlib.import_module(module)
                getattr(imported, attribute)
                found["versions"][package] = str(
                    getattr(sys.modules[module.split(".")[0]], "__version__", "?")
                )
            except Exception as error:  # noqa: BLE001 - whatever an import raises is the finding
                found["errors"][package] = {
                    "missing": isinstance(error, ModuleNotFoundError)
                    and (error.name or "") == module.split(".")[0],
                    "text": f"{type(error).__name__}: {error}",
                    "traceback": traceback.format_exc(),
                }
        if "torch" in found["versions"]:
            print("importing the devices of torch", flush=True)
            found["build"], found["devices"] = look_at_devices(sys.modules["torch"])
        found["notes"] = sorted({str(w.message) for w in caught if "CUDA" in str(w.message)})
    print("found " + json.dumps(found), flush=True)


def look_at_devices(torch: Any) -> tuple[str, list[dict[str, Any]]]:
    """The build of torch in words, and its graphics devices with their bytes of memory, free and in all."""
    version = torch.version
    build = "cpu"
    if getattr(version, "hip", None):
        build = f"rocm {version.hip}"
    elif getattr(version, "cuda", None):
        build = f"cuda {version.cuda}"
    elif getattr(torch.backends, "mps", None) and torch.backends.mps.is_built():
        build = "mps"
    devices: list[dict[str, Any]] = []
    if build == "mps" and torch.backends.mps.is_available():
        devices.append({"name": "Apple chip", "free": None, "total": None})
    try:
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        for index in range(count):
            free, total = torch.cuda.mem_get_info(index)
            devices.append({"name": torch.cuda.get_device_name(index), "free": free, "total": total})
    except Exception as error:  # noqa: BLE001 - a driver that fails is no device
        warnings.warn(f"CUDA: {error}", stacklevel=1)
    return build, devices


if __name__ == "__main__":
    main()
