# SPDX-License-Identifier: GPL-3.0-or-later
"""The Blender layer: the only one that imports bpy, and on Blender's main thread alone.

Order of the flow: ``panels`` -> ``operators`` -> ``build_request`` (``capture``, ``targets``) -> ``session``
(the generation thread) -> ``pump`` -> ``writeback`` (``textures``, ``materials``, ``history``).
"""

from __future__ import annotations

import atexit

from . import (
    adapters_operators,
    adapters_panel,
    adapters_properties,
    compat,
    editor_operators,
    engine_operators,
    engine_panel,
    history_operators,
    history_panel,
    history_properties,
    icons,
    library_operators,
    lifecycle,
    live_preview,
    mask_images,
    mask_operators,
    mask_overlay,
    mask_panel,
    mask_status,
    mask_undo,
    masks,
    menus,
    operators,
    outpaint,
    panels,
    preferences,
    prompt_operators,
    prompt_panel,
    properties,
    queue_operators,
    queue_panel,
    restore_operators,
    source_panel,
    status_bar,
    training_operators,
    training_panel,
    training_properties,
    training_status,
    translation,
    variants_handlers,
    variants_operators,
    variants_panel,
    variants_properties,
)

MODULES = (
    preferences,
    translation,
    engine_operators,
    properties,
    history_properties,
    variants_properties,
    adapters_properties,
    training_properties,
    icons,
    training_status,
    variants_handlers,
    lifecycle,
    live_preview,
    status_bar,
    operators,
    queue_operators,
    masks,
    mask_images,
    mask_undo,
    mask_status,
    mask_operators,
    mask_overlay,
    outpaint,
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
