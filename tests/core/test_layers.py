# SPDX-License-Identifier: GPL-3.0-or-later
"""The layer table of docs/architecture.md, enforced on the imports of every file of the package."""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "sd_blender"

TORCH = {"torch", "diffusers", "transformers", "safetensors", "tokenizers", "PIL", "scipy"}
BPY = {"bpy", "bmesh", "blf", "bpy_extras", "gpu", "mathutils", "addon_utils", "bl_ui", "gpu_extras"}

# What each layer may import beside the standard library and itself: other packages, and other layers.
PACKAGES = {
    "": set(),
    "core": {"numpy"},
    "worker": {"numpy"},
    "engine": {"numpy", *TORCH},
    "numpy_engine": {"numpy"},
    "training": {"numpy", "matplotlib", "tqdm", "peft", *TORCH},
    "blender": {"numpy", *BPY},
}
LAYERS = {
    "": {"blender"},
    "core": set(),
    "worker": {"core"},
    "engine": {"core"},
    "numpy_engine": {"core"},
    "training": {"core", "engine"},
    "blender": {"core", "worker", ""},  # the package's own name is the key of its preferences
}
# The late factories: the one place in each layer that may import the engine, and what trains with it, and only inside a
# function.
ENGINE_FACTORIES = {"blender": "engines.py", "worker": "__main__.py"}
MADE_LATE = {"engine", "numpy_engine", "training"}
# Panels and menus draw properties and name operators as strings, wherever they are.
PANELS = {"panels.py", "panel.py", "menus.py"}
PANELS_NEVER = {
    "session",
    "capture",
    "textures",
    "materials",
    "pump",
    "operators",
    "build_request",
    "writeback",
}


@dataclass(frozen=True)
class Import:
    """One imported module: ``layer`` for those of the package ("" is the package itself), else None."""

    file: Path
    line: int
    module: str
    layer: str | None
    relative: bool
    late: bool

    def __str__(self) -> str:
        return f"{self.file.relative_to(PACKAGE.parent)}:{self.line} imports {self.module}"


def layer_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def imports_of(file: Path, source: str | None = None) -> Iterator[Import]:
    tree = ast.parse(source if source is not None else file.read_text(encoding="utf-8"))
    late = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name, _layer(alias.name), False, id(node) in late)
        elif isinstance(node, ast.ImportFrom):
            for module in _resolve(file, node):
                yield Import(file, node.lineno, module, _layer(module), node.level > 0, id(node) in late)


def _resolve(file: Path, node: ast.ImportFrom) -> list[str]:
    """The modules a ``from`` import names, in full; each word after ``import`` may be one."""
    if not node.level:
        return [node.module or ""]
    package = ("sd_blender", *file.relative_to(PACKAGE).parts[:-1])
    base = package[: len(package) - node.level + 1]
    if node.module:
        base = (*base, *node.module.split("."))
    within = [".".join((*base, alias.name)) for alias in node.names]
    return [name for name in within if _is_module(name)] or ([".".join(base)] if node.module else within)


def _is_module(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def _layer(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] != "sd_blender":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in LAYERS else ""


def complaint(item: Import) -> str | None:
    """What the table says against an import, or None."""
    here = layer_of(item.file)
    if item.layer is None:
        top = item.module.split(".")[0]
        allowed = top in sys.stdlib_module_names or top in PACKAGES[here]
        return None if allowed else f"{item}, which {here or 'the package'} may not"
    if not item.relative:
        return f"{item} by its full name; inside the package only relative imports work in an extension"
    if item.layer in MADE_LATE and ENGINE_FACTORIES.get(here) == item.file.name:
        return None if item.late else f"{item} at module level; torch loads late"
    if item.layer not in {here, *LAYERS[here]}:
        return f"{item}, which {here or 'the package'} may not"
    if item.file.name in PANELS and item.module.split(".")[-1] in PANELS_NEVER:
        return f"{item}; panels know properties only"
    return None


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_follow_the_layer_table(file):
    assert layer_of(file) in PACKAGES, f"{file} belongs to no layer"
    complaints = [text for item in imports_of(file) if (text := complaint(item))]
    assert not complaints, "\n".join(complaints)


def test_no_import_goes_in_a_circle():
    """Nor do those that wait for their first use: who reads one file must not have to know the other way round."""
    graph = {_name(file): {item.module for item in imports_of(file) if item.relative} for file in FILES}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def _name(file: Path) -> str:
    parts = ("sd_blender", *file.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_the_package_imports_nothing_at_module_level():
    late = [item.late for item in imports_of(PACKAGE / "__init__.py")]
    assert late and all(late)


@pytest.mark.parametrize(
    "place, source",
    [
        ("core/jobs.py", "import torch"),
        ("core/jobs.py", "def f():\n    import bpy"),
        ("core/jobs.py", "from ..engine import models"),
        ("core/jobs.py", "from .. import blender"),
        ("core/jobs.py", "from sd_blender.core import errors"),
        ("engine/models.py", "import bpy"),
        ("numpy_engine/unet.py", "import torch"),
        ("numpy_engine/unet.py", "from ..engine import models"),
        ("engine/models.py", "from ..blender import session"),
        ("training/loops.py", "from ..worker import wire"),
        ("blender/textures.py", "import torch"),
        ("blender/textures.py", "from PIL import Image"),
        ("blender/textures.py", "def f():\n    from ..engine import DiffusersEngine"),
        ("blender/engines.py", "from ..engine import DiffusersEngine"),
        ("engine/models.py", "from ..training.engine import with_training"),
        ("worker/__main__.py", "from ..training.engine import with_training"),
        ("worker/__main__.py", "from ..numpy_engine.engine import NumpyEngine"),
        ("worker/server.py", "def f():\n    from ..training.engine import with_training"),
        ("blender/panels.py", "from . import session"),
        ("blender/panels.py", "from .textures import write"),
        ("blender/history/panel.py", "from .. import session"),
        ("blender/engine_setup/panel.py", "from . import operators as engine_operators"),
        ("blender/masks/panel.py", "with late.imports():\n    from ..results import materials"),
        ("blender/menus.py", "def draw():\n    from . import pump"),
        ("worker/wire.py", "import bpy"),
        ("worker/wire.py", "def f():\n    from ..engine import DiffusersEngine"),
    ],
)
def test_what_the_table_forbids_is_found(place, source):
    assert [item for item in imports_of(PACKAGE / place, source) if complaint(item)]


@pytest.mark.parametrize(
    "place, source",
    [
        ("core/jobs.py", "import numpy as np\nfrom .errors import SDBlenderError"),
        ("engine/models.py", "import torch\nfrom ..core.request import Request"),
        ("blender/engines.py", "def f():\n    from ..engine import DiffusersEngine"),
        ("worker/__main__.py", "def f():\n    from ..training.engine import with_training"),
        ("blender/panels.py", "import bpy\nfrom . import properties"),
    ],
)
def test_what_the_table_allows_passes(place, source):
    assert not [complaint(item) for item in imports_of(PACKAGE / place, source) if complaint(item)]
