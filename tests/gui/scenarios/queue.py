# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be done with the mouse while a texture is made."""

from __future__ import annotations

from tests.gui import stage


def mouse() -> stage.Scenario:
    """Three jobs of a scripted engine that would take minutes; the test queues, reorders and cancels them."""
    engine = stage.scripted_engine(hold=None, step_seconds=0.3)
    stage.name_engine()
    settings = stage.settings()
    settings.width = settings.height = 256
    settings.steps, settings.lock_seed = 1000, True
    bar = stage.module("blender.queue.status_bar")
    bar.draw = stage.counted(bar.draw, "STATUSBAR")
    yield from stage.open_sidebars()
    yield from stage.show("idle", places=stage.places())
    for number, prompt in enumerate(("mossy stone", "rusty metal panels with rivets", "sand"), 1):
        settings.prompt, settings.seed = prompt, number
        yield from stage.click(f"generate {number}", "sdb.generate(", lambda number=number: jobs() == number)
    yield lambda: stage.is_denoising() and stage.status().preview_icon and "left" in stage.status().text
    drawn = stage.draws["STATUSBAR"]
    yield lambda: stage.draws["STATUSBAR"] > drawn + 2  # while nobody moves the mouse
    yield from stage.show("busy", places=stage.places(), queue=titles(), text=stage.status().text)
    last = stage.status().queue[2].id
    earlier = f'sdb.move_job(job="{last}", places=-1'
    yield from stage.click("earlier", earlier, lambda: titles()[1] == "sand")
    yield from stage.show("reordered", queue=titles())
    rusty = stage.status().queue[2].id
    yield from stage.click("drop", f'sdb.cancel_job(job="{rusty}"', lambda: jobs() == 2)
    yield from stage.show("dropped", queue=titles())
    first = stage.status().queue[0].id
    yield from stage.click(
        "drop first", f'sdb.cancel_job(job="{first}"', lambda: len(engine.requests) == 2 and jobs() == 1
    )
    yield stage.is_denoising
    yield from stage.show("next", made=[request.prompt for request in engine.requests], jobs=jobs())
    # The test clicks the cross in the status bar.
    yield lambda: jobs() == 0 and not stage.status().busy
    yield from stage.show("idle again", places=stage.places(), note=stage.status().note)


def jobs() -> int:
    return len(stage.module("blender.session").open_tickets())


def titles() -> list[str]:
    return [job.title for job in stage.status().queue]
