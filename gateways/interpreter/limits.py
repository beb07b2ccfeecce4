"""How much a client of this wire may send."""

import re
from typing import Final

from gateways.common.limits import MessageBound

MESSAGE_BYTES: Final = 256 << 10  # more than a second of the highest rate
MESSAGE_BOUNDS: Final = [MessageBound(re.compile(r"^/ws/audio/?$"), MESSAGE_BYTES, resumes=False)]
TEXT_CHARS: Final = 4096
TEXTS_PER_S, TEXTS_BURST = 5.0, 60.0  # a heartbeat a second
MESSAGES_PER_S, MESSAGES_BURST = 250.0, 2000.0  # 4 ms of sound each
AUDIO_RATE, AUDIO_BURST_S = (
    3.0,
    60.0,
)  # so many times as fast as it is spoken, and so much at once: after a broken connection
HELD_BYTES: Final = 4 << 20  # before the session is open
