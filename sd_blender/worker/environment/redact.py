# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes out of a text what must not be pasted into a bug report: tokens, passwords, and whose machine it is."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Mapping
from pathlib import Path

HIDDEN = "[hidden]"
SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSW|API_?KEY|CREDENTIAL|AUTH", re.IGNORECASE)
SHORTEST_SECRET = 6

PATTERNS = (
    (re.compile(r"(?<=://)[^\s/@]+@"), f"{HIDDEN}@"),  # https://user:password@host
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    (
        re.compile(
            r"(?i)([\w-]*(?:token|secret|passw(?:or)?d|api[_-]?key)[\w-]*[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]+"
        ),
        rf"\1{HIDDEN}",
    ),
    # The forms of well known keys: a prefix, then letters and digits without end.
    (
        re.compile(r"\b(?:hf|ghp|gho|ghs|github_pat|glpat|sk|pk|rk|xox[abp]|AKIA)[_-]?[A-Za-z0-9_-]{16,}"),
        HIDDEN,
    ),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), HIDDEN),
)


def redact(text: str, environ: Mapping[str, str] | None = None) -> str:
    """The text without secrets, the home folder as ``~`` and the user's name as ``[user]``."""
    environ = os.environ if environ is None else environ
    for name, value in environ.items():
        if SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET:
            text = text.replace(value, HIDDEN)
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    home = str(Path.home())
    if len(home) > 1:
        text = text.replace(home, "~").replace(home.replace("\\", "/"), "~")
    user = _user()
    if len(user) > 1:
        # Where another account's folder is named, or the name stands alone in a path.
        text = re.sub(rf"(?<=[/\\]){re.escape(user)}(?=[/\\]|$)", "[user]", text, flags=re.MULTILINE)
    return text


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""
