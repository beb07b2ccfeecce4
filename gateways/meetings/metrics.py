"""What this process counts for `GET /metrics`, by the names that dashboards of this wire know."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_PREFIX: Final = "Skynet_Streaming_Whisper"

CONNECTIONS: Final = Gauge(
    f"{_PREFIX}_LiveWsConnections",
    "Meetings that are connected now",
    registry=None,
    multiprocess_mode="livesum",
)
STRESS: Final = Gauge(
    f"{_PREFIX}_stress_level",
    "Meetings of WHISPER_MAX_CONNECTIONS, 0 to 1; of the web process that has most",
    registry=None,
    multiprocess_mode="livemax",
)
CONNECTIONS_COUNTER: Final = Counter(
    f"{_PREFIX}_LiveWsConnectionsCounter", "Meetings that were ever connected", registry=None
)
DURATION: Final = Histogram(
    f"{_PREFIX}_WhisperTranscriptionDuration",
    "Seconds from the last of some words being received to their text, final for the recogniser",
    buckets=[tenths / 10 for tenths in range(1, 31)],
    registry=None,
)
COLLECTORS: Final = (CONNECTIONS, STRESS, CONNECTIONS_COUNTER, DURATION)
