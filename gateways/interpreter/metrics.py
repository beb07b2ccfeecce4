"""What /metrics tells of this process's interpreters, by the names that dashboards of this wire know."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_BUCKETS = (50, 100, 250, 500, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 12000, 20000)


def _latency(name: str, description: str) -> Histogram:
    return Histogram(name, description, buckets=_BUCKETS, registry=None)


CONNECTIONS: Final = Counter("lai_ws_connections", "Sockets that were opened", registry=None)
SESSIONS: Final = Gauge(
    "lai_sessions_active", "Sockets whose sound is recognised", registry=None, multiprocess_mode="livesum"
)
PARTIAL_MS: Final = _latency("lai_asr_partial_latency_ms", "From a word's sound to its partial")
FINAL_MS: Final = _latency("lai_asr_final_latency_ms", "From a sentence's last sound to its text")
MT_MS: Final = _latency("lai_mt_latency_ms", "A sentence's translation")
TTS_MS: Final = _latency("lai_tts_latency_ms", "From a final to its speech")
E2E_MS: Final = _latency(
    "lai_e2e_latency_ms", "From a sentence's last sound to its final with the translation"
)
TTS_FAILURES: Final = Counter("lai_tts_failures", "Finals whose speech failed", registry=None)
COLLECTORS: Final = (CONNECTIONS, SESSIONS, PARTIAL_MS, FINAL_MS, MT_MS, TTS_MS, E2E_MS, TTS_FAILURES)
