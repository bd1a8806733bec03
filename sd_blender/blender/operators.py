# SPDX-License-Identifier: GPL-3.0-or-later
"""What the buttons do: read the settings, submit, report. None is modal, which would stop Blender's autosave."""

from __future__ import annotations

import contextlib
import logging
import sys
import textwrap
import traceback
from collections.abc import Callable, Sequence
from typing import TypeVar

import bpy
from bpy.props import BoolProperty

from ..core.errors import SDBlenderError
from ..core.sentence import Sentence, without_stop
from . import editors, late, seeds, translation
from .properties import status

with late.imports():
    from ..core import jobs
    from . import build_request, interrupt, pump, session
    from .results import visibility

logger = logging.getLogger(__name__)

Prepared = TypeVar("Prepared")


class Generates:
    """For operators that submit a job; ``submit`` returns its ticket, or raises SDBlenderError.

    Who clicks sees several pictures on trial; a script gets the first one for good, and the others as images.
    """

    bl_options = {"REGISTER"}  # the undo step comes with the result
    cancelled = "Cancelled."
    note_level = "WARNING"
    """Of what the end of a job says to a script."""

    wait: BoolProperty(
        name="Wait",
        description="Return when the texture is there; always so in background mode",
        options={"SKIP_SAVE"},
    )

    def submit(self, context: bpy.types.Context) -> session.Ticket:
        raise NotImplementedError

    def unprepared(self, reason: str) -> str:
        """What is said when something of ours failed before there was a job."""
        return Sentence(
            "The texture could not be prepared ({reason}); the log has the details.", reason=reason
        )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return {"FINISHED"} if self._submit(context, on_trial=True) else {"CANCELLED"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """As invoke, but in background mode, and with ``wait``, until the job is closed."""
        others = {ticket.job.id for ticket in session.open_tickets()}
        with interrupt.heard() if bpy.app.background else contextlib.nullcontext():
            try:
                return self._run(context)
            except KeyboardInterrupt:
                ended = [ticket for ticket in session.open_tickets() if ticket.job.id not in others]
                pump.cancel(ended)
                self._report_cancelled(ended)
                interrupt.raise_in_caller(sys._getframe().f_back)
                return {"CANCELLED"}

    def _run(self, context: bpy.types.Context) -> set[str]:
        waits = bpy.app.background or self.wait
        ticket = self._submit(context, on_trial=not waits)
        if ticket is None:
            return {"CANCELLED"}
        if not waits:
            return {"FINISHED"}
        pump.wait([ticket], Progress(ticket))
        if ticket.error:
            translation.report(self, "ERROR", ticket.error)
            return {"CANCELLED"}
        if ticket.job.state is jobs.JobState.CANCELLED:
            self._report_cancelled([ticket])
            return {"CANCELLED"}
        if ticket.delivery.note:
            translation.report(self, self.note_level, ticket.delivery.note)
        if ticket.delivery.place:
            translation.report(self, "INFO", ticket.delivery.place)
        return {"FINISHED"}

    def _report_cancelled(self, tickets: Sequence[session.Ticket]) -> None:
        """Also say what is kept of these jobs."""
        kept = [ticket.delivery.note for ticket in tickets if ticket.delivery is not None]
        translation.report(self, "WARNING", Sentence.joined(" ", [self.cancelled, *kept]))

    def _submit(self, context: bpy.types.Context, *, on_trial: bool) -> session.Ticket | None:
        ticket = self.attempt(lambda: self.submit(context))
        if ticket is not None:
            ticket.on_trial = on_trial
        return ticket

    def attempt(self, prepare: Callable[[], Prepared]) -> Prepared | None:
        """What ``prepare`` returns; None when it fails, which is told then."""
        try:
            return prepare()
        except SDBlenderError as error:
            sentence, details = str(error), error.details
        except Exception as error:  # out of memory while pixels are read, a defect of ours
            logger.exception("the job could not be prepared")
            reason = f"{type(error).__name__}: {error}"
            sentence = self.unprepared(reason)
            details = traceback.format_exc()
        status.fail(sentence, details, bpy.context.scene.sd_blender)
        editors.redraw()
        translation.report(self, "ERROR", sentence)
        return None


class SDB_OT_generate(Generates, bpy.types.Operator):
    """Make a texture from the settings of the scene"""

    bl_idname = "sdb.generate"
    bl_label = "Generate Texture"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        try:
            build_request.refuse_early(context)
        except SDBlenderError as error:
            translation.refuse(cls, str(error))
            return False
        return True

    def submit(self, context: bpy.types.Context) -> session.Ticket:
        return submit(context)


def submit(context: bpy.types.Context) -> session.Ticket:
    """Queue a job for the settings of the scene and return at once; the pump brings its result.

    Raises SDBlenderError, and then nothing has changed.
    """
    settings = context.scene.sd_blender
    status.error = status.details = status.note = ""
    seed = seeds.read(settings)
    if not settings.lock_seed:
        seeds.write(settings, build_request.draw_seed())
    try:
        job = build_request.build(context)
        with interrupt.deferred():
            ticket = session.submit(job.request, job.target)
    except BaseException:
        seeds.write(settings, seed)
        raise
    if job.target.object is not None:
        thing = context.view_layer.objects.active
        status.note = visibility.advice(thing, thing.active_material)
    pump.start()
    return ticket


class SDB_OT_cancel(bpy.types.Operator):
    """Stop the running job and drop the ones that wait"""

    bl_idname = "sdb.cancel"
    bl_label = "Cancel Generation"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not session.open_tickets():
            translation.refuse(cls, "Nothing is being generated")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        session.cancel_all()
        return {"FINISHED"}


class SDB_OT_unload(bpy.types.Operator):
    """Give back the memory of the model; the next texture loads it again"""

    bl_idname = "sdb.unload"
    bl_label = "Unload Model"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if session.current() is None:
            translation.refuse(cls, "No model is loaded")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        session.unload()
        return {"FINISHED"}


class SDB_OT_show_error(bpy.types.Operator):
    """Show what came of the last job in full"""

    bl_idname = "sdb.show_error"
    bl_label = "Last Message"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not status.message:
            translation.refuse(cls, "No job has said anything")
            return False
        return True

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return translation.shown(without_stop(status.message), "tooltips")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_popup(self, width=460)

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        message = translation.shown(status.message)
        for line in textwrap.wrap(message, 70) + status.details.splitlines()[-12:]:
            column.label(text=line, translate=False)
        self.layout.operator_context = "EXEC_DEFAULT"
        self.layout.operator("sdb.show_error", text="Copy", icon="COPYDOWN")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Copy it, details included, for a bug report: in English, whatever it was shown in."""
        context.window_manager.clipboard = f"{status.message}\n{status.details}".rstrip()
        return {"FINISHED"}


class Progress:
    """Writes the progress of a job that a script waits for to the error stream, one line per change."""

    def __init__(self, ticket: session.Ticket) -> None:
        self._ticket = ticket
        self._last = ""

    def __call__(self) -> None:
        job = self._ticket.job
        text = (
            f"step {job.step} of {job.steps}"
            if job.state is jobs.JobState.RUNNING
            else job.text or job.state.value
        )
        if text != self._last:
            self._last = text
            print(f"sd_blender: {text}", file=sys.stderr, flush=True)


classes = (SDB_OT_generate, SDB_OT_cancel, SDB_OT_unload, SDB_OT_show_error)
register, _unregister_classes = bpy.utils.register_classes_factory(classes)


def unregister() -> None:
    """End the jobs and the engine, if there ever were any."""
    if late.is_loaded(session):
        pump.end()
    _unregister_classes()


def leave() -> None:
    """End the jobs and the engine because Blender quits."""
    if late.is_loaded(session):
        pump.leave()
