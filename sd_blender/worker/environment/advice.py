# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns what pip wrote before it gave up into one sentence that says what to do."""

from __future__ import annotations

import re

from ...core.sentence import Sentence

# The first that matches counts: a name that cannot be resolved ends in "no matching distribution" as well.
KNOWN = (
    (
        r"No space left on device|Errno 28|not enough space on the disk",
        "The disk became full; free some space, or choose another engine folder, and install again.",
    ),
    (
        r"407 (Client Error|Proxy)|Proxy Authentication Required|Cannot connect to proxy|ProxyError",
        "The proxy refused the connection; set its address and password in pip's settings, then install again.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError",
        "The package index could not prove who it is; check the clock and the network, or name the certificate "
        "of your network in pip's settings.",
    ),
    (
        r"DO NOT MATCH THE HASHES|Hashes are required",
        # Older releases of pip notice only by the hash that a download was cut off.
        "A package arrived cut off or was not the one that was tested, and was not installed; install again, and if "
        "that does not help, from another network or package index.",
    ),
    (
        r"\b(401|403)\b (Client )?Error|HTTP error (401|403)",
        "The package index refused access; check its address and password in pip's settings.",
    ),
    (
        r"name resolution|Name or service not known|getaddrinfo failed|nodename nor servname|NameResolutionError",
        "The package index was not found on the network; check the connection, then install again.",
    ),
    (
        r"Connection refused|Network is unreachable|NewConnectionError|ConnectTimeout|ReadTimeout|timed out"
        r"|Connection reset|ConnectionResetError|ProtocolError|IncompleteRead",
        "The connection to the package index failed; install again to go on where it stopped.",
    ),
    (
        r"\b(429|5\d\d)\b (Client |Server )?Error|HTTP error (429|5\d\d)|too many \d+ error responses",
        "The package index is busy; install again in some minutes to go on where it stopped.",
    ),
    (
        r"Permission denied|Errno 13|Access is denied|WinError 5\b",
        "The engine folder cannot be written to; choose another one.",
    ),
)
NOT_FOUND = re.compile(r"No matching distribution found for ([^\s=]+)={2,3}(\S+)")


def sentence(log: str) -> str:
    """What happened and what to do next, for the last lines of an installation's log."""
    for pattern, advice in KNOWN:
        if re.search(pattern, log):
            return advice
    if found := NOT_FOUND.search(log):
        return Sentence(
            "The package index has no {found} {found2} for this machine; add an index that has it to "
            "pip's settings, or choose another build.",
            found=found[1],
            found2=found[2],
        )
    return "A package could not be installed; the details say why, and installing again goes on where it stopped."
