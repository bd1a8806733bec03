# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives an environment whose Python is gone another one: its packages are kept, and nothing is downloaded.

The Python of an environment is that of the Blender that made it, and goes when the artist removes that Blender.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from ...core.sentence import Sentence
from . import find, health
from .plan import Plan
from .processes import clean_environ, run_module
from .progress import Phase, Progress, Report


def mend(
    plan: Plan, environment: Path, report: Report, is_cancelled: Callable[[], bool] = lambda: False
) -> bool:
    """Whether the environment was only without its Python and now works with the plan's. Raises InstallCancelled.

    Killed half way, it leaves an environment that is as broken as it was, and can be called again.
    """
    if find.read_record(environment) is None or not find.lost_home(environment):
        return False
    report(
        Progress(Phase.CREATE, Sentence("Giving the engine another Python {python}", python=plan.lock.python))
    )
    scripts = find.python_of(environment).parent
    for path in scripts.glob("python*"):  # links that lead nowhere, which venv would keep
        path.unlink()
    with tempfile.TemporaryFile() as log:
        arguments = ["venv", "--without-pip", str(environment)]
        code = run_module(plan.python, arguments, log=log, environ=clean_environ(), on_tick=lambda: None)
    if code or find.lost_home(environment):
        return False
    report(Progress(Phase.CHECK, "Starting the engine"))
    return health.check(find.python_of(environment), is_cancelled=is_cancelled).is_good
