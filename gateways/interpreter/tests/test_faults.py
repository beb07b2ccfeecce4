"""What dies while somebody speaks: what this wire promises of it (docs/wires/interpreter.md). A stack with a scripted recogniser."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from gateways.interpreter.tests.client import client, scripted_words

pytestmark = pytest.mark.stack


def session_pid(stack):
    ((pid,),) = stack.query("SELECT pid FROM asr_session WHERE state = 'live'")
    return pid


async def test_no_sentence_is_lost_or_doubled_when_its_recogniser_is_killed(interpreters, room):
    async with client(interpreters.port) as page:
        await page.configured(roomId=room)
        await page.speak(5.0)
        await page.until_finals(*scripted_words(1, 2))
        interpreters.kill(await asyncio.to_thread(session_pid, interpreters))
        await page.speak(5.2)
        await page.until_finals(*scripted_words(3, 5))
        assert page.finals == scripted_words(1, 5)


async def test_no_sentence_is_lost_or_doubled_when_redis_is_killed(interpreters, room):
    async with client(interpreters.port) as page:
        await page.configured(roomId=room)
        await page.speak(5.0)
        await page.until_finals(*scripted_words(1, 2))
        interpreters.kill(interpreters.pid("redis"))  # supervisord starts it again
        await page.speak(5.2)
        await page.until_finals(*scripted_words(3, 5))
        assert page.finals == scripted_words(1, 5)


async def test_no_sentence_is_lost_or_doubled_when_postgresql_is_killed(interpreters, room):
    async with client(interpreters.port) as page:
        await page.configured(roomId=room)
        await page.speak(5.0)
        await page.until_finals(*scripted_words(1, 2))
        interpreters.kill(interpreters.pid("postgres"))
        await page.speak(5.2)
        await page.until_finals(*scripted_words(3, 5))  # some without their translation
        assert page.finals == scripted_words(1, 5)


async def test_voice_that_is_killed_costs_its_sentence_and_no_text(interpreters, room):
    def voices():
        web = psutil.Process(interpreters.pid("web"))
        return [child for child in web.children() if "translation.speech.child" in " ".join(child.cmdline())]

    async with client(interpreters.port) as page:
        await page.configured(roomId=room)
        async with page.talking():
            await page.until(lambda said: isinstance(said, bytes))
            (voice,) = await asyncio.to_thread(voices)
            voice.kill()
            heard = len(page.speeches)
            await page.until(lambda said: isinstance(said, bytes) and len(page.speeches) > heard)
        assert page.finals == scripted_words(1, len(page.finals))


async def test_web_process_that_is_killed_leaves_what_was_said_in_the_history(interpreters, mortal, room):
    async def kept(page):
        await page.send(type="history_request")
        return [item["text"] for item in (await page.until(lambda said: "items" in said))["items"]]

    async with client(interpreters.port) as peer:
        await peer.configured(roomId=room)
        async with client(mortal.port) as page:
            await page.configured(roomId=room)
            await page.speak(5.0)
            await page.until_finals(*scripted_words(1, 2))
            await peer.until_finals(*scripted_words(1, 2))
            while await kept(page) != scripted_words(1, 2):  # a moment behind its final
                pass
            mortal.process.kill()
            assert (await page.end())[0] == 1006
        assert await kept(peer) == scripted_words(1, 2)
        async with client(interpreters.port) as again:  # a new session, in the same room
            await again.configured(roomId=room)
            await again.speak(2.2)
            await peer.until(lambda said: isinstance(said, dict) and said["type"] == "final")
            assert peer.finals == [*scripted_words(1, 2), *scripted_words(1, 1)]
