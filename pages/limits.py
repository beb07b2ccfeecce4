"""Pages whose forms bring more than text: how long their bodies may be. Needs no settings."""

from __future__ import annotations

import re
from typing import Final

from rooms.proposals.documents import DOCUMENT_MOST_BYTES

FORM_BYTES: Final = 256 << 10  # around the file
BODY_BOUNDS: Final = (
    (re.compile(r"^/(?:room/[^/]+/terms|api/room/[^/]+/terms/proposals)$"), DOCUMENT_MOST_BYTES + FORM_BYTES),
)
