# SPDX-License-Identifier: GPL-3.0-or-later
"""The Blender layer: the only one that imports bpy, and on Blender's main thread alone.

Order of the flow: ``panels`` -> ``operators`` -> ``build_request`` (``source``, ``masks``, ``prompts``) -> ``session``
(the generation thread) -> ``pump`` (``queue``) -> ``results`` -> ``variants``, ``history``. What is in a folder of its
own brings its panel, operators and properties along.
"""

from __future__ import annotations

import atexit

from . import (
    compat,
    early_start,
    editor_operators,
    guard,
    icons,
    image_places,
    lifecycle,
    menus,
    operators,
    panels,
    preferences,
    properties,
    seed_operators,
    shading_operators,
    translation,
)
from .adapters import operators as adapters_operators
from .adapters import panel as adapters_panel
from .adapters import properties as adapters_properties
from .engine_setup import operators as engine_operators
from .engine_setup import panel as engine_panel
from .engine_setup import report_text
from .history import operators as history_operators
from .history import panel as history_panel
from .history import properties as history_properties
from .history import restore_operators
from .masks import images as mask_images
from .masks import operators as mask_operators
from .masks import outpaint, painting
from .masks import overlay as mask_overlay
from .masks import panel as mask_panel
from .masks import status as mask_status
from .masks import undo as mask_undo
from .prompts import library_operators
from .prompts import operators as prompt_operators
from .prompts import panel as prompt_panel
from .queue import live_preview, status_bar
from .queue import operators as queue_operators
from .queue import panel as queue_panel
from .results import unwrapping
from .source import panel as source_panel
from .training import operators as training_operators
from .training import panel as training_panel
from .training import properties as training_properties
from .training import status as training_status
from .variants import handlers as variants_handlers
from .variants import operators as variants_operators
from .variants import panel as variants_panel
from .variants import properties as variants_properties

MODULES = (
    preferences,
    translation,
    engine_operators,
    report_text,
    properties,
    history_properties,
    variants_properties,
    adapters_properties,
    training_properties,
    icons,
    training_status,
    variants_handlers,
    lifecycle,
    early_start,
    image_places,
    live_preview,
    status_bar,
    operators,
    seed_operators,
    shading_operators,
    queue_operators,
    painting,
    mask_images,
    mask_undo,
    mask_status,
    mask_operators,
    mask_overlay,
    outpaint,
    unwrapping,
    restore_operators,
    history_operators,
    variants_operators,
    library_operators,
    prompt_operators,
    adapters_operators,
    training_operators,
    prompt_panel,
    editor_operators,
    menus,
    engine_panel,  # above the panel whose buttons need it
    panels,
    source_panel,
    mask_panel,
    queue_panel,
    history_panel,
    variants_panel,
    adapters_panel,
    training_panel,
)

_registered: list = []


def register() -> None:
    """Register everything, or nothing when a part of it fails. A second call replaces the first."""
    unregister()
    try:
        for module in MODULES:
            guard.polls(module)
            module.register()
            _registered.append(module)
    except BaseException:
        unregister()
        raise
    # Blender 4.2 crashes and 4.5 hangs at exit while Python classes are registered; see also pump.start().
    atexit.register(_exit)
    if (handlers := compat.exit_handlers()) is not None:
        handlers.append(_before_exit)


def unregister() -> None:
    """Undo :func:`register`, last first: jobs are cancelled, the thread is joined. Safe to call twice."""
    atexit.unregister(_exit)
    if (handlers := compat.exit_handlers()) is not None and _before_exit in handlers:
        handlers.remove(_before_exit)
    while _registered:
        _registered.pop().unregister()


def _before_exit(*_) -> None:
    """End the thread while everything that it uses is still there."""
    operators.leave()


def _exit() -> None:
    """What a script left registered; a Blender with a window has taken its classes down before Python ends."""
    _before_exit()
    if panels.are_registered():
        unregister()
