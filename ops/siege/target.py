"""What is attacked, and what an attack is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateways.conference.client.host import Host
from ops.faults.stack import Stack
from ops.siege.beside import Answered

MB = 1 << 20
CALM, LIVE, LOCKED, OTHER = "CALM", "LIVE", "LOCKED", "OTHER"  # rooms


@dataclass(frozen=True, slots=True)
class Target:
    """What is attacked. `live`: a host who speaks in LIVE; `key`: of a login that is no host of it."""

    stack: Stack
    live: Host
    key: str
    speech_port: int

    @property
    def sockets(self) -> str:
        return f"ws://127.0.0.1:{self.stack.port}"


Attack = Callable[[Target], Awaitable[Answered]]
