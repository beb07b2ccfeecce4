"""A web process that is to end: its clients come back to another one, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

SERVICE_RESTART: Final = 1012


class Draining:
    """Of this process. What is no socket, and lasts, is told here how it leaves; a server closes its sockets itself."""

    def __init__(self) -> None:
        self.begun = False  # new clients are refused, and load balancers told so
        self._leave: dict[int, Callable[[], None]] = {}
        self._finish: dict[int, Callable[[], object]] = {}
        self._registered = 0

    @contextmanager
    def leaving_by(self, leave: Callable[[], None]) -> Iterator[None]:
        """`leave` is called once when its client is to come back elsewhere. It must not wait."""
        number = self._registered = self._registered + 1
        self._leave[number] = leave
        try:
            yield
        finally:
            del self._leave[number]

    @contextmanager
    def finishing_by(self, finish: Callable[[], object]) -> Iterator[None]:
        """`finish` is called where a stream that ends with its socket has to: what was heard becomes text first. It must not wait."""
        number = self._registered = self._registered + 1
        self._finish[number] = finish
        try:
            yield
        finally:
            del self._finish[number]

    def finish(self) -> None:
        """Streams that are still here end."""
        for finish in tuple(self._finish.values()):
            finish()

    def clients(self) -> list[Callable[[], None]]:
        """How each of those that are here now is sent away; it may have gone by then."""
        return [partial(self._send_away, number) for number in self._leave]

    def _send_away(self, number: int) -> None:
        if leave := self._leave.get(number):
            leave()


DRAINING: Final = Draining()
