"""The end of a web process on SIGTERM: unready first, then its clients leave a few at a time, then it ends.

Another process must be there to take them: where there is none, waiting helps nobody, and the successor is there the sooner.
Four stretches: load balancers notice; who can resume leaves, evenly spread; who cannot (a stream whose session ends with its socket) may finish; who
has not is told the rest of what was heard, and closed.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final, Self

import uvicorn

from config.servers.uvicorn_sockets import CaptionSocket
from gateways.common.denial import deny
from gateways.common.draining import DRAINING

NOTICED_SHARE: Final = 0.25
SPREAD_SHARE: Final = 0.5
LAST_WORDS_SHARE: Final = 0.5  # of what is left: until then a stream may go on
LOOK_S: Final = 0.1
RETRY_AFTER_S: Final = 1
Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long each stretch lasts; the last one ends with the last stream."""

    noticed_s: float
    spread_s: float
    finished_s: float

    @classmethod
    def of(cls, drain_s: float) -> Self:
        """Within `drain_s` (WEB_DRAIN_S)."""
        noticed_s, spread_s = NOTICED_SHARE * drain_s, SPREAD_SHARE * drain_s
        return cls(noticed_s, spread_s, drain_s - noticed_s - spread_s)


AT_ONCE: Final = Plan(0.0, 0.0, 0.0)


def refusing(application: Application) -> Application:
    """`application`, which new sockets do not reach while this process drains: a proxy tries another, a client comes again."""

    async def refuse_or_serve(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "websocket" and DRAINING.begun:
            await receive()
            await deny(scope, send, 503, {"error": "restarting"}, {"retry-after": str(RETRY_AFTER_S)})
        else:
            await application(scope, receive, send)

    return refuse_or_serve


class DrainingServer(uvicorn.Server):
    """`others_serve` may wait: whether another process takes clients."""

    def __init__(self, config: uvicorn.Config, *, plan: Plan, others_serve: Callable[[], bool]) -> None:
        super().__init__(config)
        self._plan, self._others_serve = plan, others_serve
        self._asked_to_drain = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM drains; Ctrl-C ends it at once, also a drain.

        uvicorn raises what it caught again when all is done, and the process would end as if SIGTERM had killed it (143), which
        supervisors and Kubernetes take for a failure: it is what was asked for, and ends as such (0).
        """
        self._asked_to_drain = sig == signal.SIGTERM
        if self._asked_to_drain:
            self.should_exit = True
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: Any = None) -> None:
        """Drain, then end as uvicorn does."""
        if self._asked_to_drain:
            await self._drain()
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        DRAINING.begun = True
        if not await asyncio.to_thread(self._others_serve) or self._plan == AT_ONCE:
            return
        noticed = asyncio.get_running_loop().time() + self._plan.noticed_s
        spread = noticed + self._plan.spread_s
        await self._wait_until(noticed)
        await self._send_away(self._who_can_resume(), until=spread)
        ends = spread + self._plan.finished_s
        await self._wait_until(ends - LAST_WORDS_SHARE * self._plan.finished_s, streams_end=True)
        DRAINING.finish()
        await self._wait_until(ends, streams_end=True)

    def _sockets(self) -> list[CaptionSocket]:
        return [each for each in self.server_state.connections if isinstance(each, CaptionSocket)]

    def _who_can_resume(self) -> list[Callable[[], None]]:
        sockets = [socket.leave for socket in self._sockets() if socket.resumes]
        clients = [*sockets, *DRAINING.clients()]
        random.shuffle(clients)
        return clients

    async def _send_away(self, clients: Sequence[Callable[[], None]], *, until: float) -> None:
        """Evenly over the time that is left: nobody comes back in a crowd."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, leave in enumerate(clients):
            await self._wait_until(began + (until - began) * number / len(clients))
            leave()

    async def _wait_until(self, at: float, *, streams_end: bool = False) -> None:
        loop = asyncio.get_running_loop()
        while not self.force_exit and not (streams_end and not self._sockets()):
            left_s = at - loop.time()
            if left_s <= 0:
                return
            await asyncio.sleep(min(left_s, LOOK_S))
