"""How many there are at a time in this process. Pure."""

from __future__ import annotations

from collections.abc import Callable


class Places:
    """Counts those who hold a place. `told` is, whenever their number changes."""

    def __init__(self) -> None:
        self.taken = 0
        self.told: Callable[[float], None] = lambda taken: None

    def take(self, limit: int) -> bool:
        """A place, unless `limit` are taken."""
        if self.taken >= limit:
            return False
        self.taken += 1
        self.told(self.taken)
        return True

    def give_back(self) -> None:
        """One that was taken."""
        self.taken -= 1
        self.told(self.taken)


SOCKETS, RNNOISE_STREAMS = Places(), Places()
