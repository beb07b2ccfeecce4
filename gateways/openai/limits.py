"""How much one client may send."""

from __future__ import annotations

import re
from typing import Final

from gateways.common.limits import MessageBound

APPEND_MESSAGE_BYTES: Final = 2 << 20  # half a minute of PCM at 24 kHz, in base64; clients send 20 to 500 ms
MESSAGE_BOUNDS: Final = (MessageBound(re.compile(r"^/v1/realtime/?$"), APPEND_MESSAGE_BYTES, resumes=False),)
MESSAGES_PER_S, MESSAGES_BURST = 200.0, 2000.0  # frames of 10 ms, and a file sent at once

FILE_BYTES: Final = 25 << 20  # as the vendor
FORM_BYTES: Final = 64 << 10  # around the file
BODY_BOUNDS: Final = (MessageBound(re.compile(r"^/v1/audio/transcriptions$"), FILE_BYTES + FORM_BYTES),)
FILE_S: Final = 2 * 3600  # of audio, however small its file
