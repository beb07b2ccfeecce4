"""How many there are at a time in this process. Pure."""

from __future__ import annotations


class Places:
    """Counts those who hold a place."""

    def __init__(self) -> None:
        self.taken = 0

    def take(self, limit: int) -> bool:
        """A place, unless `limit` are taken."""
        if self.taken >= limit:
            return False
        self.taken += 1
        return True

    def give_back(self) -> None:
        """One that was taken."""
        self.taken -= 1


SOCKETS, RNNOISE_STREAMS = Places(), Places()
