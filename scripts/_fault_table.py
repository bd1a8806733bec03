# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of faults: what each row is called, and what it took to survive it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

FAULTS = {
    "F01": "memory runs out while denoising",
    "F02": "memory runs out under another name",
    "F03": "memory runs out while decoding",
    "F04": "the device is lost (illegal address, assert, launch timeout)",
    "F05": "the worker is killed",
    "F06": "the worker hangs",
    "F07": "latents are not numbers",
    "F08": "the picture holds values that are not numbers",
    "F09": "the picture is one flat colour",
    "F10": "the picture has the wrong shape or type",
    "F11": "cancel in the queue, at loading, in a step, while decoding",
    "F12": "a hundred clicks, and clicks during a cancel",
    "F13": "undo past the target's creation while generating",
    "F14": "undo and redo after delivery",
    "F15": "target deleted, renamed, linked or in Edit mode",
    "F16": "File > Open, New or Revert while generating",
    "F17": "a broken .blend is opened while generating",
    "F18": "saved while generating, then loaded",
    "F19": "saved and loaded after a result",
    "F20": "Blender quits while generating",
    "F21": "Blender crashes while generating",
    "F22": "the add-on is disabled, enabled, reloaded while generating",
    "F23": "an exception in our timer, panel, handler or callback",
    "F24": "malformed frames on the wire",
    "F25": "Blender renders or bakes when a result arrives",
    "F26": "an exception before changed settings are restored",
    "F27": "no camera, object, mesh, UV map, material, or a linked one",
    "F28": "the disk is full when a result is saved",
    "F29": "the disk is too small for a download",
    "F30": "the output folder is read-only or gone",
    "F31": "paths with spaces, umlauts, CJK, emoji, or too long",
    "F32": "a model is cut off, empty, a web page or a pointer",
    "F33": "a model with a flipped bit",
    "F34": "a pickle under the name of safetensors",
    "F35": "a malicious pickle",
    "F36": "a model folder that brings or names code",
    "F37": "a model of another family",
    "F38": "the model is deleted or replaced while generating",
    "F39": "no network",
    "F40": "the server refuses, redirects or fails",
    "F41": "a download stalls",
    "F42": "a download cannot be resumed, or changed on the server",
    "F43": "two Blenders on one environment and model",
    "F44": "the installation is killed half way",
    "F45": "torch cannot be imported",
    "F46": "another add-on's packages come first",
    "F47": "no graphics card, or one that is missing",
    "F48": "Cycles and torch share the card's memory",
    "F49": "the clock jumps, the machine sleeps",
    "F50": "extreme parameters",
    "F51": "masks that are empty, full, of another size or type",
    "F52": "colours on their way through Blender and back",
    "F53": "a .blend file from a stranger",
    "F54": "hostile settings in JSON",
    "F55": "secrets in logs, pictures or the .blend",
    "F56": "200 jobs leak nothing",
    "F57": "files and settings of older and newer versions",
    "F58": "headless, without an event loop",
    "F59": "Ctrl C in headless",
    "F60": "the log's disk is full, a million lines",
    "F61": "a result arrives in the middle of a brush stroke",
    "F62": "another scene is active, or another file open, when a result arrives",
    "F63": "what is to be changed is linked, or a library override",
    "F64": "a model's conversion to float32 fails half way",
    "F65": "the worker, or Blender, has no memory for what the other sends",
    "F66": "a job of many pictures ends in the middle",
    "F67": "a job that is slow and healthy",
}
"""What the rows F01 to F67 inject, in the words of the artist."""

SURVIVED, NOT_SURVIVED, NOT_RUN = "survived", "NOT survived", "not run"


@dataclass(frozen=True)
class Check:
    """One test of a row. outcome: "passed", "failed", "skipped" or "unfinished" (its process ended before it)."""

    row: str
    test: str
    level: str
    outcome: str
    reason: str = ""


@dataclass
class Row:
    """All checks of one fault. It is survived only if one ran and none failed."""

    id: str
    fault: str
    checks: list[Check] = field(default_factory=list)

    @property
    def ran(self) -> list[Check]:
        return [check for check in self.checks if check.outcome != "skipped"]

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.ran if check.outcome != "passed"]

    @property
    def outcome(self) -> str:
        if not self.ran:
            return NOT_RUN
        return NOT_SURVIVED if self.failed else SURVIVED

    @property
    def reason(self) -> str:
        """Why it was not run, or which test failed; else ""."""
        if self.failed:
            return ", ".join(dict.fromkeys(check.test for check in self.failed))
        if self.ran:
            return ""
        return "; ".join(dict.fromkeys(check.reason for check in self.checks)) or "no test yet"

    @property
    def levels(self) -> str:
        return ", ".join(dict.fromkeys(check.level for check in self.ran))


def make_rows(checks: Iterable[Check], faults: dict[str, str] = FAULTS) -> list[Row]:
    """The table. A check of a row that is not in it is a mistake and becomes a row that failed."""
    rows = {row: Row(row, fault) for row, fault in faults.items()}
    for check in checks:
        row = rows.setdefault(check.row, Row(check.row, "is not in the table"))
        if check.row not in faults:
            check = Check(check.row, check.test, check.level, "failed", "marked with an unknown row")
        row.checks.append(check)
    return list(rows.values())


def score(rows: list[Row]) -> str:
    outcomes = [row.outcome for row in rows]
    ran = len(outcomes) - outcomes.count(NOT_RUN)
    return f"survived {outcomes.count(SURVIVED)} of {ran} run, {outcomes.count(NOT_RUN)} not run"


def as_text(rows: list[Row]) -> str:
    widths = [
        max((len(row.fault) for row in rows), default=0),
        max((len(row.levels) for row in rows), default=0),
    ]
    lines = [f"{'row':4} {'fault':{widths[0]}}  {'level':{widths[1]}}  checks  outcome"]
    for row in rows:
        reason = f": {row.reason}" if row.reason else ""
        lines.append(
            f"{row.id:4} {row.fault:{widths[0]}}  {row.levels:{widths[1]}}  {len(row.ran):6}  {row.outcome}{reason}"
        )
    return "\n".join([*lines, "", score(rows)])


def as_json(rows: list[Row]) -> dict[str, object]:
    return {
        "score": score(rows),
        "rows": [
            {
                "row": row.id,
                "fault": row.fault,
                "level": row.levels,
                "checks": len(row.ran),
                "outcome": row.outcome,
                "reason": row.reason,
            }
            for row in rows
        ],
    }
