"""The garbage collector of a web process: while it looks at everything, nobody gets a caption.

A full collection of Django and 2,000 sockets takes 0.2 s of CPU, and one came with each quarter that a crowd grew by. What is loaded at
the start stays for good and needs no look; and a full collection comes after FULL_AFTER younger ones, which are cheap.
"""

from __future__ import annotations

import gc
from typing import Final

# each of some 7,000 new objects: a socket is 125, so garbage of at most about 100 MB waits
FULL_AFTER: Final = 100


def calm_collector() -> None:
    """Call once, when everything is imported."""
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, FULL_AFTER)
