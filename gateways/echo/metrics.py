"""What /metrics tells of this process's echoes."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from gateways.echo.places import RNNOISE_STREAMS, SOCKETS

SECONDS: Final = Histogram(
    "souffleur_echo_seconds",
    "From a message with sound at its socket to its answer",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
    registry=None,
)
GATED: Final = Counter("souffleur_echo_gated", "Messages that RNNoise had no time for", registry=None)
_sockets = Gauge(
    "souffleur_echo_sockets", "Open sockets of the echo", registry=None, multiprocess_mode="livesum"
)
SOCKETS.told = _sockets.set
_rnnoise = Gauge(
    "souffleur_echo_rnnoise_streams",
    "Of them denoised by RNNoise",
    registry=None,
    multiprocess_mode="livesum",
)
RNNOISE_STREAMS.told = _rnnoise.set
COLLECTORS: Final = (_sockets, _rnnoise, SECONDS, GATED)
