"""How much a meeting's socket may send, and how long things may take."""

from __future__ import annotations

import re
from typing import Final

from asr.audio.samples import SAMPLE_RATE_HZ
from gateways.common.limits import MessageBound

MESSAGE_BYTES: Final = 1_000_000
PONG_WITHIN_S: Final = 30
MESSAGE_BOUNDS: Final = (
    MessageBound(
        re.compile(r"^/streaming-whisper/ws/"), MESSAGE_BYTES, pong_within_s=PONG_WITHIN_S, resumes=False
    ),
)
FLUSHED_WITHIN_S: Final = 5.0  # what was said before the end becomes text
TOKEN_WITHIN_S: Final = 4.0  # Daphne gives a handshake five
QUEUED_REPLIES: Final = 128
SECOND_BYTES: Final = 2 * SAMPLE_RATE_HZ
