"""What /metrics tells of the sockets of all wires; each web process counts its own (docs/metrics.md)."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

SOCKETS: Final = Gauge(
    "souffleur_sockets", "Open sockets", ["wire"], registry=None, multiprocess_mode="livesum"
)
TOO_SLOW: Final = Counter(
    "souffleur_too_slow", "Readers that were sent away because they took nothing; they come back", ["wire"], registry=None
)  # fmt: skip
COLLECTORS: Final = (SOCKETS, TOO_SLOW)


def wire_of(module: str) -> str:
    """The gateway that a module is of: "gateways.captions.consumer" is "captions"."""
    return module.removeprefix("gateways.").partition(".")[0]
