"""How long messages may be on this wire's sockets, and how their clients know that they may come back at once."""

import re
from typing import Final

from gateways.common.limits import VIEWER_MESSAGE_BYTES, MessageBound

DRAINING: Final = "draining"
MESSAGE_BOUNDS: Final = [MessageBound(re.compile(r"^/captions/"), VIEWER_MESSAGE_BYTES, sent_away=DRAINING)]
