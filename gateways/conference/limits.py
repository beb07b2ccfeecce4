"""How long messages may be on this wire's sockets, by the role in the path."""

import re
from typing import Final

from gateways.common.limits import HOST_MESSAGE_BYTES, MessageBound

MESSAGE_BOUNDS: Final = [
    MessageBound(re.compile(r"^/(?:backend/)?room/[^/]*/host(?:/|$)"), HOST_MESSAGE_BYTES),
]
