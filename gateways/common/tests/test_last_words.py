"""A process that is to end: a stream that ends with its socket is told the rest of what was heard, on every wire that has one."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.db import connections

from asr import runtime
from asr.leases import Lease
from asr.models import Session
from asr.process import Node, serve
from asr.tests.make import slots
from config import wires
from gateways.common.draining import DRAINING, SERVICE_RESTART
from gateways.common.outbox import TRY_AGAIN_LATER
from gateways.common.tests.loops import run
from gateways.interpreter.interpreter import LAST_WORDS_WITHIN_S
from gateways.meetings.limits import FLUSHED_WITHIN_S
from ops.faults.speech import WORD_MS, scripted_words
from ops.wire_clients import WIRES, Notes, Place, noise
from rooms import access
from translation.speech.synthesiser import synthesiser

pytestmark = pytest.mark.django_db(transaction=True)
WITHIN_S = 120.0
CHUNK_S, SPEED = 0.1, 4
CLOSES = {
    "listen": SERVICE_RESTART, "meetings": SERVICE_RESTART, "interpreter": SERVICE_RESTART,
    "realtime": TRY_AGAIN_LATER, "transcribe": TRY_AGAIN_LATER,
}  # fmt: skip
GIVEN_UP_AFTER_S = {
    "meetings": FLUSHED_WITHIN_S,
    "interpreter": LAST_WORDS_WITHIN_S,
}  # the others wait for all of it
HEARD_MS = 2600  # the scripted recogniser confirms four words, and the next ones after two seconds more


class Client:
    """Of one wire, over a socket in this process; `WIRES` knows what is sent and what an answer means."""

    def __init__(self, wire, key):
        self.wire = WIRES[wire](Place(0, (0, 0), key, "en"), 0)
        headers = [(name.lower().encode(), value.encode()) for name, value in self.wire.headers().items()]
        application = URLRouter(wires.socket_routes())
        self.socket = WebsocketCommunicator(application, self.wire.path, headers)
        self.notes = Notes()

    async def send(self, message):
        is_text = isinstance(message, str)
        await self.socket.send_to(
            text_data=message if is_text else None, bytes_data=None if is_text else message
        )

    async def speak(self):
        """Without end."""
        while True:
            await self.send(self.wire.wrapped(noise(CHUNK_S), 0))
            await asyncio.sleep(CHUNK_S / SPEED)

    async def until_closed(self):
        while (output := await self.socket.receive_output(timeout=WITHIN_S))["type"] != "websocket.close":
            if output.get("text"):
                self.wire.take(json.loads(output["text"]), [self.notes])
        return output["code"]


def serve_session(session_id):
    """What an ASR process does."""
    try:
        node, make = Node("asr@test", 4711), runtime.make_captioner
        serve(Lease(session_id, 1), node, make_captioner=make, redis_url=settings.REDIS_URL)
    finally:
        connections.close_all()


async def session_that(**holds):
    async with asyncio.timeout(WITHIN_S):
        while (found := await Session.objects.filter(**holds).afirst()) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return found


@pytest.mark.parametrize("wire", sorted(CLOSES))
def test_client_that_still_speaks_is_told_what_was_heard_before_its_socket_is_closed(wire, env):
    env(bypass_authorization=True, bypass_authorization_outside_debug=True, speech_engines=["none"])
    slots(3)

    async def work():
        key = (await database_sync_to_async(access.login)("host-password", "host", "192.0.2.1")).key
        client = Client(wire, key)
        assert (await client.socket.connect(timeout=WITHIN_S))[0]
        await client.wire.begin(client)
        speaking = asyncio.create_task(client.speak())
        try:
            serving = asyncio.create_task(asyncio.to_thread(serve_session, (await session_that()).pk))
            await session_that(heard_ms__gte=HEARD_MS)
            asked_at = time.monotonic()
            DRAINING.finish()
            code = await client.until_closed()
            took_s = time.monotonic() - asked_at
            await serving
            heard = await session_that(state=Session.State.CLOSED)
        finally:
            speaking.cancel()
            await synthesiser().close()  # the interpreter has begun a process that speaks
        await client.socket.disconnect(timeout=WITHIN_S)
        return code, scripted_words(client.notes.final), heard.heard_ms, took_s

    code, words, heard_ms, took_s = run(work())
    spoken = list(range(-(-heard_ms // WORD_MS)))
    assert code == CLOSES[wire]
    assert words == spoken[: len(words)], "each word once"
    assert words == spoken or took_s >= GIVEN_UP_AFTER_S.get(wire, WITHIN_S), "the last ones too"


def test_every_wire_whose_sessions_end_with_their_sockets_is_tested_here():
    ending = [bound.path for bound in wires.message_bounds() if not bound.resumes]
    tried = [WIRES[wire](Place(0, (0, 0), "", "en"), 0).path.partition("?")[0] for wire in CLOSES]
    assert [each for each in ending if not any(each.search(path) for path in tried)] == [
        bound.path for bound in wires.message_bounds() if bound.path.search("/ws-audio")
    ], "the echo has nothing to say"
