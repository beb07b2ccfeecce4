"""One client's session: fed, read and given back however the client ends; real rows, Redis and processes."""

import asyncio

import pytest
from channels.db import database_sync_to_async
from django.conf import settings

from asr.audio.pcm import RawFormat
from asr.models import Session
from asr.redis_clients import async_client
from asr.sessions import slots_taken
from asr.tests.gateway import WITHIN_S, noise, process, spoken
from asr.tests.make import slots
from gateways.common import background
from gateways.common.consent import require_consent
from gateways.common.keys import identified, key_in
from gateways.common.speech import QUEUED_BYTES, SpeechSession
from gateways.common.tests.loops import run
from rooms import access
from rooms.errors import Forbidden, NoCapacity, Unauthenticated

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _slots():
    slots(3)


async def opened(kind=Session.Kind.STREAM):
    return await SpeechSession.open(kind=kind, source_lang="en")


async def read(speech):
    return [text async for text in speech.texts()]


def said(texts, channel=""):
    rows = [
        row for text in texts if (text.channel, text.kind) == (channel, "words") for row in text.data["words"]
    ]
    return [row[2].strip().rstrip(".") for row in rows]


async def keys():
    return {key async for key in async_client(settings.REDIS_URL).scan_iter()}


def test_what_is_said_is_read_to_the_end_and_leaves_nothing_behind(own_redis):
    async def work():
        speech = await opened()
        try:
            with process(speech.session_id) as child:
                for _ in range(40):
                    assert speech.feed(noise(0.05))  # frames as they come
                speech.finish()
                assert not speech.feed(noise(0.1))
                texts = await read(speech)
                held = await keys()
                await asyncio.to_thread(child.wait, WITHIN_S)
        finally:
            await speech.close()
        await asyncio.wait(background.running())
        return texts, held, await keys()

    texts, held, left = run(work())
    assert said(texts) == spoken(2)
    assert (texts[-1].kind, texts[-1].data) == ("closed", {"state": "closed"})
    assert Session.objects.get().state == "closed"
    assert held
    assert not left


def test_flush_makes_text_of_what_was_fed_and_speech_goes_on():
    async def work():
        speech = await opened()
        try:
            with process(speech.session_id):
                speech.feed(noise(1.5))
                token = speech.flush()
                texts = []
                async for text in speech.texts():
                    texts.append(text)
                    if text.kind == "flushed":
                        break
                assert text.data == {"token": token}
                assert said(texts) == spoken(1.5)
                speech.feed(noise(1.5))
                speech.finish()
                return texts + await read(speech)
        finally:
            await speech.close()

    assert [word.casefold() for word in said(run(work()))] == [word.casefold() for word in spoken(3)]


def test_participants_of_a_meeting_are_kept_apart():
    async def work():
        speech = await opened(Session.Kind.MEETING)
        try:
            await speech.join("ada", "en")
            await speech.join("bo", "de")
            with process(speech.session_id):
                speech.feed(noise(2), channel="ada")
                speech.feed(noise(1, RawFormat("s16le", 48_000)), RawFormat("s16le", 48_000), channel="bo")
                speech.leave("bo")
                speech.finish()
                return await read(speech)
        finally:
            await speech.close()

    texts = run(work())
    assert (said(texts, "ada"), said(texts, "bo")) == (spoken(2), spoken(1))


def test_slot_is_free_at_once_when_the_client_has_gone_and_the_text_goes_on():
    async def work():
        speech = await opened()
        speech.feed(noise(1))
        taken = await database_sync_to_async(slots_taken)()
        await speech.close()
        await speech.slot_free.wait()
        left = await database_sync_to_async(slots_taken)()
        with process(speech.session_id):
            await asyncio.wait(background.running())
        return taken, left

    assert run(work()) == (1, 0)
    assert Session.objects.get().state == "closed"


def test_client_that_goes_while_its_session_is_opened_keeps_no_slot():
    async def work():
        opening = asyncio.ensure_future(opened())
        await asyncio.sleep(0)  # the thread has begun
        opening.cancel()
        await asyncio.wait({opening})
        await asyncio.wait(background.running())  # it is given back
        assert await database_sync_to_async(slots_taken)() == 0
        with process((await database_sync_to_async(Session.objects.get)()).pk):
            await asyncio.wait(background.running())

    run(work())
    assert Session.objects.get().state == "closed"


def test_every_slot_can_be_taken_and_not_one_more():
    async def work():
        sessions = [await opened() for _ in range(3)]
        with pytest.raises(NoCapacity):
            await opened()
        await database_sync_to_async(Session.objects.update)(state="closed")
        for speech in sessions:
            await speech.close()

    run(work())


def test_nothing_is_lost_or_doubled_while_redis_restarts(own_redis):
    async def work():
        speech = await opened()
        try:
            with process(speech.session_id, redis_url=own_redis.url):
                texts = []
                speech.feed(noise(2))
                async for text in speech.texts():
                    texts.append(text)
                    if said(texts):
                        break
                await asyncio.to_thread(own_redis.stop)
                for _ in range(20):
                    assert speech.feed(noise(0.1))
                await asyncio.to_thread(own_redis.start)
                speech.finish()
                return texts + await read(speech)
        finally:
            await speech.close()

    texts = run(work())
    assert said(texts) == spoken(4)


def test_what_waits_is_bounded(settings):
    async def work():
        speech = await opened()
        try:
            assert speech.feed(bytes(QUEUED_BYTES - 2))
            assert not speech.feed(bytes(4))
            assert speech.feed(bytes(2))
        finally:
            await database_sync_to_async(Session.objects.update)(state="closed")
            await speech.close()
            for waiting in background.running():  # for a Redis that does not come back
                waiting.cancel()

    settings.REDIS_URL = "unix:///nowhere"
    run(work())


@pytest.mark.parametrize("scheme", ["Bearer", "Token", "bearer"])
def test_key_of_ours_is_a_bearer_token(scheme, env):
    env(host_password="", host_passwords={"ada": "ada's"}, admin_password="the admin's")
    key = access.login("ada's", None, "192.0.2.1").key

    async def work():
        found = key_in([(b"host", b"x"), (b"authorization", f"{scheme} {key}".encode())])
        assert (await identified(found)).power == "host"
        for wrong in ("", key[:-1], "0" * 32, "ä" * 32):
            with pytest.raises(Unauthenticated):
                await identified(wrong)

    run(work())


def test_nothing_but_an_authorization_header_holds_a_key():
    for headers in (
        [],
        [(b"authorization", b"Basic abc")],
        [(b"authorization", b"")],
        [(b"cookie", b"Bearer abc")],
    ):
        assert key_in(headers) == ""


def test_consent_is_asked_for_only_where_it_is_required(env):
    require_consent(said=False)
    env(consent_required=True)
    require_consent(said=True)
    with pytest.raises(Forbidden, match="consent_required"):
        require_consent(said=False)
