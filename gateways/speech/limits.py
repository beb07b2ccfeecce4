"""How long messages may be on this wire's socket: far more than a chunk, so that too long a one is refused in words."""

import re
from typing import Final

from gateways.common.limits import MessageBound

MESSAGE_BOUNDS: Final = [MessageBound(re.compile(r"^/v1/transcribe/?$"), 1 << 20, resumes=False)]
