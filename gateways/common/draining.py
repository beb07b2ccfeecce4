"""A web process that is to end: its clients come back to another one, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Final

SERVICE_RESTART: Final = 1012
_Registered = dict[object, Callable[[], object]]


class Draining:
    """Of this process. What is no socket, and lasts, is told here how it leaves; a server closes its sockets itself."""

    def __init__(self) -> None:
        self.begun = False  # new clients are refused, and load balancers told so
        self._leave: _Registered = {}
        self._finish: _Registered = {}

    def leaving_by(self, leave: Callable[[], object]) -> AbstractContextManager[None]:
        """`leave` is called once when its client is to come back elsewhere. It must not wait."""
        return _registered(self._leave, leave)

    def finishing_by(self, finish: Callable[[], object]) -> AbstractContextManager[None]:
        """`finish` is called where a stream that ends with its socket has to: what was heard becomes text first. It must not wait."""
        return _registered(self._finish, finish)

    def finish(self) -> None:
        """Streams that are still here end."""
        for finish in tuple(self._finish.values()):
            finish()

    def clients(self) -> list[Callable[[], None]]:
        """How each of those that are here now is sent away; it may have gone by then."""
        return [partial(self._send_away, key) for key in self._leave]

    def _send_away(self, key: object) -> None:
        if leave := self._leave.get(key):
            leave()


@contextmanager
def _registered(callbacks: _Registered, callback: Callable[[], object]) -> Iterator[None]:
    key = object()
    callbacks[key] = callback
    try:
        yield
    finally:
        del callbacks[key]


DRAINING: Final = Draining()
