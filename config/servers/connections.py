"""How many connections a process holds: what says nothing goes first, and file descriptors last until the end."""

from __future__ import annotations

import resource
from collections import OrderedDict
from typing import Final, Protocol

DESCRIPTORS_MOST: Final = 65_536
DESCRIPTORS_KEPT: Final = 256  # for PostgreSQL, Redis, files
SILENT_MOST: Final = 2_000
SILENT_SHARE: Final = 4  # at most one in so many descriptors


class Connection(Protocol):
    """A client's."""

    def drop(self) -> None:
        """End it at once."""


class Silent:
    """Connections on which no request is under way: none has come yet, or half of one, or the next is waited for."""

    def __init__(self, most: int = SILENT_MOST) -> None:
        self.most = most
        self._since: OrderedDict[Connection, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._since)

    def add(self, connection: Connection) -> None:
        """It has nothing to say from now on; may end those that have been silent for longest."""
        self._since.setdefault(connection, None)
        while len(self._since) > self.most:
            self.drop_oldest()

    def discard(self, connection: Connection) -> None:
        """It has said something, or is gone."""
        self._since.pop(connection, None)

    def drop_oldest(self) -> bool:
        """Make room; False: there is none."""
        if not self._since:
            return False
        oldest, _ = self._since.popitem(last=False)
        oldest.drop()
        return True


def raise_descriptors() -> int:
    """As many file descriptors as this process may have. Returns how many connections that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = DESCRIPTORS_MOST if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_MOST)
    if soft == resource.RLIM_INFINITY or soft >= most:
        most = min(soft, DESCRIPTORS_MOST) if soft != resource.RLIM_INFINITY else DESCRIPTORS_MOST
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(DESCRIPTORS_KEPT, most - DESCRIPTORS_KEPT)


SILENT: Final = Silent()
