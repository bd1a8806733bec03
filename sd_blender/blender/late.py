# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports that cost nothing until they are used, so that enabling the add-on does not slow Blender's start.

What Blender must know from the first moment (classes, properties, handlers) is imported in the usual way; what only
a click or a job needs is imported so::

    with late.imports():
        from . import session

``session`` then stands for a module that is imported when an attribute of it is first read. ``from .session import
Ticket`` would read one at once and gains nothing.

``importlib.util.LazyLoader`` does the same with modules that are already in ``sys.modules``. Blender reads an attribute
of everything there when it exits, and so do other add-ons when they like, which would load them all.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

PACKAGE = __package__.rpartition(".")[0] + "."


class _LateModule(ModuleType):
    """Stands for a module of the same name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import itself asks for some that are not set yet
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


class _LateFinder:
    """Finds the modules of this package alone, and of these only what is not loaded yet."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if not name.startswith(PACKAGE):
            return None
        spec = PathFinder.find_spec(name, path, target)
        # A folder is loaded as it is: its modules are looked for through it.
        if spec is not None and spec.submodule_search_locations is None:
            spec.loader = self
            self.found.append(name)
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _LateModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Not now."""


def is_loaded(module: ModuleType) -> bool:
    """Whether anything has used a module yet; one that nothing used has nothing to clean up."""
    return module.__name__ in sys.modules


@contextlib.contextmanager
def imports() -> Iterator[None]:
    """Within it, ``from . import module`` binds what stands for a module of this package until it is used."""
    finder = _LateFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in finder.found:
            # Only those who imported it here know the stand-in; everybody else imports the module itself.
            sys.modules.pop(name, None)
            package, _, child = name.rpartition(".")
            vars(sys.modules[package]).pop(child, None)
