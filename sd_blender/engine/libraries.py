# SPDX-License-Identifier: GPL-3.0-or-later
"""diffusers and transformers as good guests: quiet, and never on the network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}


@contextmanager
def offline() -> Iterator[None]:
    """Keep the hub client away from the network, for libraries imported or used inside; the environment is restored."""
    before = {name: os.environ.get(name) for name in _OFFLINE}
    os.environ.update(_OFFLINE)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no warnings on stderr: messages and results carry what the artist should know."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    with ExitStack() as restore:
        for logging in (diffusers_logging, transformers_logging):
            restore.callback(logging.set_verbosity, logging.get_verbosity())
            logging.set_verbosity_error()
            if logging.is_progress_bar_enabled():
                restore.callback(logging.enable_progress_bar)
                logging.disable_progress_bar()
        yield
