# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's installation and diagnosis as the preferences start and show them.

Everything slow runs on one thread at a time, which knows nothing of bpy; a timer looks at how far it is, and takes its
result on Blender's main thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...core.errors import SDBlenderError
from ...core.sentence import Sentence
from ...worker import log_file
from ...worker.environment.processes import InstallCancelled
from .. import guard, lifecycle, preferences
from ..preferences import Preferences
from . import report_text
from .lookup import (
    Look,
    engine_folder,
    former_folders,
    look_at,
    named_python,
    place_of_engine,
    resolve_engine_python,
)
from .report_text import REPORT_NAME

if TYPE_CHECKING:
    from ...worker.environment.progress import Progress

logger = logging.getLogger(__name__)

TICK = 0.25
"""Seconds between two looks at the thread."""

AGAIN = 5.0
"""Seconds between two looks for an engine that is missing."""

STOP_SECONDS = 5.0


@dataclass
class State:
    """What the preferences show; changed on the main thread alone.

    looked_for: what ``look`` is about, None before the first. activity: "", or the name of what runs. tells_of_text:
    whether the note says that the report is a text of the open file. missing: whether there was no engine when that was
    looked at, which was for the preferences ``missed_for`` at ``missed_at`` of time.monotonic().
    """

    look: Look = field(default_factory=Look)
    looked_for: tuple[str, ...] | None = None
    activity: str = ""
    text: str = ""
    factor: float = 0.0
    error: str = ""
    details: str = ""
    note: str = ""
    tells_of_text: bool = False
    missing: bool = False
    missed_for: tuple[str, ...] | None = None
    missed_at: float = 0.0


state = State()
_showing = guard.LoggedOnce("showing the state of the engine")


class Task:
    """One function on a thread of its own; it is given the task, reports to it, and asks it whether to stop."""

    def __init__(self, name: str, work: Callable[[Task], Any], on_done: Callable[[Any], None]) -> None:
        self.name = name
        self.progress: Progress | None = None
        self.on_done = on_done
        self.result: Any = None
        self.error: Exception | None = None
        self._work = work
        self._cancelled = threading.Event()
        # A daemon: a file system that does not answer must not keep Blender from quitting.
        self.thread = threading.Thread(target=self._run, name=f"SD Blender {name}", daemon=True)

    def report(self, progress: Progress) -> None:
        self.progress = progress

    def cancel(self) -> None:
        self._cancelled.set()

    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def _run(self) -> None:
        try:
            self.result = self._work(self)
        except Exception as error:  # noqa: BLE001 - it is raised, or shown, where the task is taken up
            self.error = error


_task: Task | None = None


def is_busy() -> bool:
    """Whether something runs that the user started; a look does not count and gives way."""
    return _task is not None and _task.name != "look"


def install(wheels: str = "", *, repair: bool = False) -> None:
    """Start an installation for the preferences as they are.

    wheels: a folder with the wheels, instead of the network. Raises SDBlenderError when it cannot even start.
    """
    from ...worker.environment import build, plan  # late: Blender starts without them
    from ...worker.environment import install as installation
    from ...worker.environment.adopt import adopt

    wanted = preferences.read()
    source = build.Source(online=bool(bpy.app.online_access), folder=Path(wheels) if wheels else None)
    folder, former, variant = engine_folder(wanted), former_folders(wanted), wanted.engine_build.lower()
    if repair:
        free_engine()  # whose files are about to be replaced

    def work(task: Task) -> Path:
        adopt(folder, former)
        planned = plan.make_plan(folder, variant)
        return installation.install(planned, source, task.report, task.is_cancelled, repair=repair)

    _start(Task("install", work, _installed))


def free_engine() -> None:
    """Have the engine that may be running ended; by the operator's name, for the session knows this module."""
    if bpy.ops.sdb.unload.poll():
        bpy.ops.sdb.unload()


def _installed(python: Path) -> None:
    free_engine()
    state.note = "The engine is installed; the next texture uses it."


def report() -> None:
    """Start writing the diagnosis; it ends on the clipboard and in a text of the file."""
    from ...worker.environment.diagnose import Subject, diagnose, newest_logs  # late, as above

    wanted = preferences.read()
    folder = engine_folder(wanted)
    subject = Subject(
        host=f"Blender {bpy.app.version_string}",
        python=resolve_engine_python(wanted),
        engine_folder=folder,
        model_folder=Path(wanted.model_folder) if wanted.model_folder else None,
        output_folder=Path(wanted.output_folder) if wanted.output_folder else None,
        online=bool(bpy.app.online_access),
        settings=(("Device", f"{wanted.device}, {wanted.precision}"), ("Wanted build", wanted.engine_build)),
        logs=(*newest_logs(log_file.default_folder(), "worker-*.log"), *newest_logs(folder, "install.log")),
    )
    _start(Task("diagnose", lambda task: diagnose(subject, task.is_cancelled), _reported))


def _reported(text: str) -> None:
    report_text.write(text)
    bpy.context.window_manager.clipboard = text
    state.note = Sentence(
        'The report is on the clipboard, and in the Text Editor as "{report_name}".', report_name=REPORT_NAME
    )
    state.tells_of_text = True


def another_file() -> None:
    """The text of the report is in the file that was open before."""
    if state.tells_of_text:
        state.note, state.tells_of_text = "The report is on the clipboard.", False


def cancel() -> None:
    """Have what runs stop; it takes up to a second."""
    if _task is not None:
        _task.cancel()


def is_missing() -> bool:
    """Whether no engine was installed or named when that was last looked at.

    Drawing may not look at the disk, so it has that done: once for the preferences as they are, and as long as the
    engine is missing every few seconds, since another Blender may install it.
    """
    is_due = state.missing and time.monotonic() - state.missed_at > AGAIN
    is_due = is_due or state.missed_for != key_of(preferences.read())
    if is_due and not bpy.app.background and not bpy.app.timers.is_registered(look_for_python):
        bpy.app.timers.register(look_for_python, first_interval=0.0)
    return state.missing


def look_for_python() -> None:
    """Look whether there is an engine; some looks at the disk, no process."""
    wanted = preferences.read()
    was_missing, state.missing = state.missing, resolve_engine_python(wanted) is None
    state.missed_for, state.missed_at = key_of(wanted), time.monotonic()
    if state.missing != was_missing:
        state.looked_for = None  # what was said of it is no longer so
        redraw()


def key_of(wanted: Preferences) -> tuple[str, ...]:
    """The preferences that a look depends on."""
    return (str(engine_folder(wanted)), str(named_python(wanted) or ""), wanted.engine_build)


def look_soon() -> None:
    """Have the engine looked for after the drawing that this is called from, which may do nothing itself."""
    if _task is None and not bpy.app.background and not bpy.app.timers.is_registered(look):
        bpy.app.timers.register(look, first_interval=0.0)


def look() -> None:
    """Start looking for the engine of the preferences as they are; one of before is moved to its new place first."""
    from ...worker.environment.adopt import adopt  # late, as above

    if _task is None:
        wanted = preferences.read()
        state.looked_for = key_of(wanted)
        named, build = named_python(wanted), wanted.engine_build.lower()
        folder, former = engine_folder(wanted), former_folders(wanted)

        def work(task: Task) -> Look:
            adopt(folder, former)
            return look_at(place_of_engine(wanted), named, build, task.is_cancelled)

        _start(Task("look", work, _looked))


def _looked(found: Look) -> None:
    state.look = found


def _start(task: Task) -> None:
    """Run a task; the look that may be running gives way to it."""
    global _task
    if _task is not None:
        _task.cancel()
        _task.thread.join(STOP_SECONDS)
    _task = task
    if task.name != "look":
        state.error = state.details = state.note = ""
        state.tells_of_text = False
    state.activity, state.text, state.factor = task.name, "", 0.0
    task.thread.start()
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK, persistent=True)
    redraw()


def _tick() -> float | None:
    """The timer: show how far the thread is, and take its result while Blender's data may be changed."""
    with _showing:
        step()
    return TICK if _task is not None else None


def step() -> bool:
    """Bring the state up to date; True while something runs or its result waits."""
    global _task
    task = _task
    if task is None:
        return False
    if task.progress is not None:
        state.text, state.factor = task.progress.text, task.progress.factor
    if not task.thread.is_alive() and not lifecycle.waits_for():
        _task = None
        state.activity = ""
        _take(task)
    redraw()
    return _task is not None


def _take(task: Task) -> None:
    if isinstance(task.error, InstallCancelled):
        state.note = "" if task.name == "look" else "Cancelled; what was downloaded is kept."
    elif isinstance(task.error, SDBlenderError):
        state.error, state.details = str(task.error), task.error.details
    elif task.error is not None:
        logger.error("%s failed", task.name, exc_info=task.error)
        state.error, state.details = (
            Sentence("It failed ({error}); press Diagnose for a report.", error=task.error),
            repr(task.error),
        )
    else:
        task.on_done(task.result)
    if task.name == "install":
        state.looked_for = None  # there may be another engine now, or the half of one
        look_for_python()


def wait(on_change: Callable[[str], None]) -> None:
    """Do what the timer does until the task is done, for scripts; Ctrl C cancels it and is raised at the end."""
    interrupted: KeyboardInterrupt | None = None
    last = ""
    while step():
        try:
            if state.text != last:
                last = state.text
                on_change(last)
            if _task is not None:
                _task.thread.join(TICK)
        except KeyboardInterrupt as error:
            interrupted = error
            cancel()
    if interrupted:
        raise interrupted


def redraw(areas: Sequence[str] = ("PREFERENCES", "VIEW_3D", "IMAGE_EDITOR")) -> None:
    """Have what shows the state drawn anew."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in areas:
                area.tag_redraw()


def stop() -> None:
    """End what runs, waiting some seconds at most; what was downloaded is kept. Safe to call twice."""
    global _task
    task, _task = _task, None
    if task is not None:
        task.cancel()
        task.thread.join(STOP_SECONDS)
    for timer in (_tick, look, look_for_python):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
    state.__init__()  # type: ignore[misc]
