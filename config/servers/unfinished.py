"""How much this process holds of messages and bodies that are not whole yet, over all connections."""

from __future__ import annotations

from typing import Protocol


class Sender(Protocol):
    """A connection that is in the middle of a message."""

    def give_up(self) -> None:
        """Drop what has come and end the connection."""


class Unfinished:
    """Counts bytes by sender. Beyond the limit whoever holds most goes: a host's blob of some kB never does."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held: dict[Sender, int] = {}
        self.total_bytes = 0

    def add(self, sender: Sender, size_bytes: int) -> None:
        """So much more has come; may call the `give_up` of any sender."""
        self._held[sender] = self._held.get(sender, 0) + size_bytes
        self.total_bytes += size_bytes
        while self.total_bytes > self._limit_bytes:
            largest = max(self._held, key=self._held.__getitem__)
            self.discard(largest)
            largest.give_up()

    def hold(self, sender: Sender, size_bytes: int) -> None:
        """So much of it is there now; may call the `give_up` of any sender."""
        self.discard(sender)
        if size_bytes:
            self.add(sender, size_bytes)

    def discard(self, sender: Sender) -> None:
        """Its message is whole, or it is gone."""
        self.total_bytes -= self._held.pop(sender, 0)


UNFINISHED = Unfinished(32 << 20)
UPLOADS = Unfinished(256 << 20)  # long bodies, which lie on disk
