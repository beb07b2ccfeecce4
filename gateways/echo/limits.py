"""How much a client of this wire may send."""

import re
from typing import Final

from gateways.common.limits import MessageBound

MESSAGE_BYTES: Final = 256 * 1024  # more than a second of stereo at 48 kHz
TEXT_CHARS: Final = 4096
# A page sends a frame every 10 ms, and what waited, at once, when a network comes back.
MESSAGES_PER_S, MESSAGES_BURST = 400.0, 4000.0
AUDIO_PER_S, AUDIO_BURST_S = 2.0, 20.0  # seconds of sound in a second; it comes in real time
MESSAGE_BOUNDS: Final = [MessageBound(re.compile(r"^/ws-audio/?$"), MESSAGE_BYTES, resumes=False)]
