"""What /metrics tells of the way from a spoken word to its reader; each process counts its own (docs/metrics.md)."""

from __future__ import annotations

import time
from typing import Final, Literal

from prometheus_client import Counter, Histogram

from rooms.metric_labels import lang_label

Stage = Literal["decoded", "committed", "published", "translated", "sent"]
SECONDS: Final = (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60)
LOST: Final = ("not_sent", "queue_full")

STAGES: Final = Histogram(
    "souffleur_stage_seconds",
    "From the last sound of a finished sentence, as the server got it, to this stage of its text: decoded, committed and "
    "published by its recogniser, translated (stored), sent to the readers of one wire of a web process",
    ["stage", "lang"],
    buckets=SECONDS,
    registry=None,
)
EVENTS_LOST: Final = Counter(
    "souffleur_events_lost",
    "Events for viewers that the channel layer did not take; what must not be lost is read from PostgreSQL instead",
    ["why"],
    registry=None,
)
CHANGES_READ: Final = Counter(
    "souffleur_changes_read",
    "Changes that a web process read from PostgreSQL because their events had not come, or not in order",
    ["lang"],
    registry=None,
)
COLLECTORS: Final = (STAGES, EVENTS_LOST, CHANGES_READ)


def begin() -> None:
    """Show what may stay at zero, so that its first rise is seen."""
    for why in LOST:
        EVENTS_LOST.labels(why)


def passed(stage: Stage, lang: str, spoken_s: float | None) -> None:
    """The text of what was spoken then (seconds since the epoch) is so far; None: nobody knows when it was."""
    if spoken_s is not None:
        STAGES.labels(stage, lang_label(lang)).observe(max(0.0, time.time() - spoken_s))
