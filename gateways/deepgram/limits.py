"""How long messages may be on this wire's socket."""

import re
from typing import Final

from gateways.common.limits import MessageBound

AUDIO_MESSAGE_BYTES: Final = 1 << 20  # five seconds of 48 kHz stereo

MESSAGE_BOUNDS: Final = [MessageBound(re.compile(r"^/v1/listen/?$"), AUDIO_MESSAGE_BYTES, resumes=False)]
