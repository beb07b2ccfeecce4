"""What /metrics tells of this wire's readers (docs/metrics.md)."""

from __future__ import annotations

from typing import Final

from prometheus_client import Histogram

from transcripts.metrics import SECONDS

MOUTH_TO_SCREEN: Final = Histogram(
    "souffleur_mouth_to_screen_seconds",
    "From the last sound of a finished sentence to the frame that shows it, as samples of readers' pages say, by what they read",
    ["lang"],
    buckets=SECONDS,
    registry=None,
)
COLLECTORS: Final = (MOUTH_TO_SCREEN,)
