"""What /metrics tells of recognisers' processes and of slots; each process counts its own (docs/metrics.md)."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter

KINDS: Final = ("room", "meeting", "stream")
ASKED: Final = ("host", "page", "stream")

DEATHS: Final = Counter(
    "souffleur_asr_deaths",
    "Recognisers' processes that died or hung, and were replaced",
    ["kind"],
    registry=None,
)
NO_SLOT: Final = Counter(
    "souffleur_no_slot",
    "How often somebody was told that no slot is free: a host who wanted to begin, the page of one who is about to "
    "(every three seconds), a client of a wire without rooms",
    ["asked_by"],
    registry=None,
)
COLLECTORS: Final = (DEATHS, NO_SLOT)


def begin() -> None:
    """Show what may stay at zero, so that its first rise is seen."""
    for kind in KINDS:
        DEATHS.labels(kind)
    for asked in ASKED:
        NO_SLOT.labels(asked)
