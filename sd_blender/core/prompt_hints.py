# SPDX-License-Identifier: GPL-3.0-or-later
"""Notations of other programs that are words here, told before a picture is made of them."""

from __future__ import annotations

import re

_HINTS = (
    (
        re.compile(r"\bAND\b"),
        "AND is a word here and does not combine prompts; write one prompt, with weights such as (moss:1.2)",
    ),
    (
        re.compile(r"<(?:lora|lyco):(?![^<>:\n]{1,200}(?::[^<>:\n]{0,60}){0,8}>)", re.IGNORECASE),
        "A LoRA is called as <lora:name:weight>; what is not written so is read as words",
    ),
    (re.compile(r"<hypernet:", re.IGNORECASE), "Hypernetworks are not known here; remove <hypernet:...>"),
    (
        re.compile(r"<(?!lora:|lyco:)[a-z]\w*:[^<>]*>", re.IGNORECASE),
        "Only <lora:name:weight> is known here; what else stands between < and > is read as words",
    ),
    (
        re.compile(r"\$\{"),
        "Variables of Dynamic Prompts are words here; write what they stand for",
    ),
    (
        re.compile(r"\bembedding:\w"),
        "An embedding is called by its word alone here; remove embedding: and add its file under LoRAs",
    ),
)


def hint(prompt: str) -> str:
    """One sentence without its full stop, or ""."""
    return next((sentence for mark, sentence in _HINTS if mark.search(prompt)), "")
