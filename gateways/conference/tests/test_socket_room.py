"""Host and viewers in a room: order of messages, seats, grace, restart, ends (protocols.md 1.3 and 1.4)."""

from __future__ import annotations

import asyncio
import json

import pytest
import requests

from config.drill.stack import ADMIN_PASSWORD, Stack
from gateways.conference.tests.browser import browser, eventually, host, host_cookies, watcher

pytestmark = pytest.mark.stack
READY = {"info": {"ready_to_recieve_audio": True}}
SESSIONS = (
    "SELECT s.* FROM asr_session s JOIN rooms_room r ON r.id = s.room_id WHERE r.code = %s ORDER BY s.id"
)


def parts(stack: Stack, room: str) -> list[tuple]:
    """(number, opening, source_lang, store, public, owner) of a room's parts."""
    return stack.query(
        "SELECT p.number, p.opening, p.source_lang, p.store, p.public, p.owner FROM transcripts_part p "
        "JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s ORDER BY p.number",
        room,
    )


def words(stack: Stack, room: str, part: int) -> list[str]:
    return [text for number, _, text in stack.sentences(room) if number == part]


@pytest.mark.parametrize("prefix", ["", "/backend"])
async def test_host_is_told_its_id_then_the_chunk_then_that_the_engine_hears(stack, room, prefix):
    async with browser(stack, f"{prefix}/room/{room}/host/en/en", host_cookies(room)) as page:
        await page.ready()
        identity, chunk, ready = page.messages[0], page.messages[1], page.messages[-1]
        assert list(identity) == ["info"]
        assert len(identity["info"]["connection_id"]) == 36
        assert chunk == {
            "last_n_sents": [], "incomplete_sentence": "", "transcription_delay": 0.0, "translation_delay": 0.0,
        }  # fmt: skip
        assert ready == READY
        async with browser(stack, f"{prefix}/room/{room}/client/undefined/de") as viewer:
            assert await viewer.read() == chunk
            await page.speak(0, 4.5)
            await viewer.says("S0001w1", "S0002w1")


async def test_viewer_who_comes_late_reads_at_once_what_was_said(stack, room):
    async with host(stack, room) as page:
        await page.ready()
        await page.speak(0, 4.5)
        await page.says("S0001w1", "S0002w1")
        async with watcher(stack, room) as viewer:
            await viewer.read()
            assert "S0002w1" in viewer.viewer.text("en")


async def test_second_host_changes_nothing(stack, room):
    async with host(stack, room) as page, watcher(stack, room) as viewer:
        await page.ready()
        await page.speak(0, 2.5)
        await viewer.says("S0001w1")
        kept = "SELECT s.id, s.state, s.host_connection_id, s.source_lang, s.generation, s.pid, p.number, p.store, p.public, p.owner, r.source_lang, r.published FROM asr_session s JOIN transcripts_part p ON p.id = s.part_id JOIN rooms_room r ON r.id = s.room_id WHERE r.code = %s"  # fmt: skip
        before = stack.query(kept, room)
        for changes in (
            {},
            {"lang": "de"},
            {"store": False},
            {"key": "ada-password"},
            {"connection_id": "11111111-2222-4333-8444-555555555555"},
            {"key": "ada-password", "connection_id": page.connection_id},
        ):
            async with host(stack, room, **changes) as second:
                assert await second.end() == (1003, "Multiple hosts not allowed")
                assert second.messages == []
        assert stack.query(kept, room) == before
        await page.speak(2.5, 4.5)
        await viewer.says("S0002w1")


async def test_same_browser_takes_over_and_nothing_is_lost(stack, room):
    async with host(stack, room) as page, watcher(stack, room) as viewer:
        await page.ready()
        await page.speak(0, 4)
        async with host(stack, room, target="de", connection_id=page.connection_id) as newer:
            await newer.ready()
            assert newer.connection_id != page.connection_id
            assert await page.end() == (1000, "")
            await newer.speak(4, 8.5)
            await viewer.says("S0001w1", "S0002w1", "S0003w1", "S0004w1")
        assert len(parts(stack, room)) == 1
        assert stack.session(room)["generation"] == 1


