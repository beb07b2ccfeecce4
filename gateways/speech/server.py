"""Speech over gRPC: a port for each generation, with health checking and reflection; one process, many streams."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc
from django.db import Error as DatabaseError
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from asr.selectors import live_models
from gateways.common import background
from gateways.speech.chosen_model import serve_another
from gateways.speech.dialogs import DIALOGS
from gateways.speech.messages import PACKAGE, Generation, generation
from gateways.speech.ports import Name, Port
from gateways.speech.servicer import Streams, Terms
from rooms.database_threads import handshakes

REFUSED_WITHIN_S: Final = 1.0  # behind the drain
BACKGROUND_WITHIN_S: Final = 2.0
WATCH_EVERY_S: Final = 1.0
MISSING_AFTER_S: Final = 3.0  # PostgreSQL, without an answer
IDLE_CALLS: Final = 100  # health, reflection, and calls that have not said anything yet
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
# A peer that has vanished is noticed within 4 s: its slot is somebody else's.
OPTIONS: Final = [
    ("grpc.so_reuseport", 0),  # a port that is taken is an error
    ("grpc.keepalive_time_ms", 1000),
    ("grpc.keepalive_timeout_ms", 3000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
    ("grpc.max_receive_message_length", 4 << 20),
]
logger = logging.getLogger(__name__)


class PortTaken(Exception):
    """Somebody else listens there, or it is not ours to listen on."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What `manage.py speech_server` was told. `model`: the workers must serve it; "": whichever they do."""

    host: str
    ports: tuple[Port, ...]
    terms: Terms
    model: str = ""


class SpeechServer:
    """All ports of one process, and the streams on them."""

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._streams = Streams(options.terms)
        self._servers: list[Any] = []
        self._healths: list[tuple[Any, list[str]]] = []
        self._answered_at = time.monotonic()

    async def start(self) -> list[int]:
        """Returns the ports. Raises PortTaken."""
        ports = []
        for port in self._options.ports:
            server = self._make(generation(port.generation))
            self._servers.append(server)
            ports.append(_bound(server, self._options.host, port.number))
        await self._look()  # a new health service says that it serves
        for server in self._servers:
            await server.start()
        logger.info("speech is served", extra={"ports": ports, "host": self._options.host})
        return ports

    async def watch(self) -> None:
        """Keeps health true, until it is cancelled."""
        while True:
            await self._look()
            await asyncio.sleep(WATCH_EVERY_S)

    async def drain(self) -> None:
        """No new streams; what was heard becomes text, and each client reads it and is asked to come back."""
        for checked, _ in self._healths:
            await checked.enter_graceful_shutdown()
        self._streams.drain()
        grace_s = self._options.terms.drain_s + REFUSED_WITHIN_S
        await asyncio.gather(*(server.stop(grace_s) for server in self._servers))
        if running := background.running():
            await asyncio.wait(running, timeout=BACKGROUND_WITHIN_S)

    def _make(self, spoken: Generation) -> Any:
        limit = self._options.terms.max_workers + IDLE_CALLS
        server = aio.server(options=OPTIONS, maximum_concurrent_rpcs=limit)
        for service in spoken.services:
            name = service.removeprefix(f"{PACKAGE}.")
            handlers = {
                method: grpc.stream_stream_rpc_method_handler(self._handler(spoken.name, name))
                for owner, method in spoken.methods
                if owner == name
            }
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        checked = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(checked, server)
        self._healths.append((checked, ["", *spoken.services]))
        reflection.enable_server_reflection(
            [*spoken.services, reflection.SERVICE_NAME], server, pool=spoken.pool
        )
        return server

    def _handler(self, name: Name, service: str) -> Callable[[Any, Any], Awaitable[None]]:
        async def handle(requests: Any, context: Any) -> None:
            await self._streams.serve(DIALOGS[name, service](), context)

        return handle

    async def _look(self) -> None:
        """Whether a stream can be opened now: PostgreSQL answers, and a worker lives, with the model asked for."""
        try:
            models = await handshakes(live_models)()
        except DatabaseError:
            if time.monotonic() - self._answered_at > MISSING_AFTER_S:
                await self._say(serving=False)
            return
        self._answered_at = time.monotonic()
        wrong = serve_another(self._options.model, models)
        if wrong and not self._streams.unusable:
            logger.error("workers serve another model", extra={"model": self._options.model})
        self._streams.unusable = wrong
        await self._say(serving=bool(models) and not wrong)

    async def _say(self, *, serving: bool) -> None:
        for checked, names in self._healths:
            for name in names:
                await checked.set(name, SERVING if serving else NOT_SERVING)


async def serve(options: ServerOptions, *, warm_up: Callable[[], Awaitable[None]] | None = None) -> None:
    """Until SIGTERM or Ctrl-C. Raises PortTaken."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if warm_up is not None:
        await warm_up()
    server = SpeechServer(options)
    await server.start()
    watching = asyncio.create_task(server.watch())
    try:
        await stop.wait()
        await server.drain()
    finally:
        watching.cancel()


def _bound(server: Any, host: str, number: int) -> int:
    """grpc logs why, and tells Python only that it did not."""
    address = f"[{host}]:{number}" if ":" in host else f"{host}:{number}"
    try:
        bound: int = server.add_insecure_port(address)
    except RuntimeError:
        bound = 0
    if not bound:
        raise PortTaken(address)
    return bound
