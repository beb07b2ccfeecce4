"""Every refusal of the sockets: the wire's exact words, in the wire's order, always after accepting."""

from __future__ import annotations

import asyncio
import contextlib
import io

import pytest
import requests
from django.core.management import CommandError, call_command

from asr.audio.tests.recordings import as_wav, tones
from conftest import SLOTS
from gateways.conference.tests.browser import (
    WITHIN_S,
    browser,
    closed_room,
    host,
    host_cookies,
    watcher,
)

pytestmark = pytest.mark.stack

NO_ROLE = (1003, "No desired role found in url")
NO_TARGET = (1003, "No target lang found in url")
NO_KEY = (1008, "Authentification failed: no valid password in session cookie")
NO_SOURCE = (1003, "No source lang found in url")
NO_PREFERENCES = (1003, "Required room config cookies not found")
NOT_FOUND = (1003, "Room <NOWHERE> not found")
NO_SUCH_SOURCE = (1003, "Source language xx not supported by transcription engine")
NO_SUCH_TARGET = (1003, "Target language xx not supported by translation service")
GOOD = host_cookies("NOWHERE")
KEY = {"authenticated": GOOD["authenticated"]}

# Each case mends what the one before was refused for; everything behind it is still wrong.
IN_ORDER = [
    ("/room/NOWHERE", {}, NO_ROLE),
    ("/room/NOWHERE/speaker/xx/xx", {}, NO_ROLE),
    ("/room/NOWHERE/Host/xx/xx", {}, NO_ROLE),
    ("/room/NOWHERE//xx/xx", {}, NO_ROLE),
    ("/room/NOWHERE/host", {}, NO_TARGET),
    ("/room/NOWHERE/host/xx", {}, NO_TARGET),
    ("/room/NOWHERE/host/xx/", {}, NO_TARGET),
    ("/room/NOWHERE/host//xx", {}, NO_KEY),
    ("/room/NOWHERE/host//xx", {"authenticated": "wrong"}, NO_KEY),
    ("/room/NOWHERE/host//xx", {"authenticated": "0" * 32}, NO_KEY),
    ("/room/NOWHERE/host//xx", {"authenticated": ""}, NO_KEY),
    ("/room/NOWHERE/host//xx", KEY, NO_SOURCE),
    ("/room/NOWHERE/host/xx/xx", KEY, NO_PREFERENCES),
    ("/room/NOWHERE/host/xx/xx", {**KEY, "NOWHERE-allow_store": "true"}, NO_PREFERENCES),
    ("/room/NOWHERE/host/xx/xx", {**GOOD, "NOWHERE-allow_client_download": "maybe"}, NO_PREFERENCES),
    ("/room/NOWHERE/host/xx/xx", host_cookies("ELSEWHERE"), NO_PREFERENCES),
    ("/room/NOWHERE/host/xx/xx", GOOD, NOT_FOUND),
    ("/room/NOWHERE/client", {}, NO_TARGET),
    ("/room/NOWHERE/client//xx", {}, NO_SOURCE),
    ("/room/NOWHERE/client/xx/xx", {}, NOT_FOUND),
    ("/room/NOWHERE/client/undefined/xx", {}, NOT_FOUND),
]


@pytest.mark.parametrize("prefix", ["", "/backend"])
async def test_refusals_come_in_the_wire_s_order_with_the_wire_s_words(stack, prefix):
    for path, cookies, expected in IN_ORDER:
        async with browser(stack, prefix + path, cookies) as page:
            assert (await page.end(), path, cookies) == (expected, path, cookies)
            assert page.messages == []


async def test_languages_are_looked_at_when_the_room_is_known(stack, room):
    async with host(stack, room, lang="xx", target="xx") as page:
        assert await page.end() == NO_SUCH_SOURCE
    async with host(stack, room, lang="en", target="xx") as page:
        assert await page.end() == NO_SUCH_TARGET
    async with watcher(stack, room, target="xx") as viewer:
        assert await viewer.end() == (1003, "Room not active")
    assert stack.session(room) == {}
    async with host(stack, room) as page:
        await page.read()
        async with watcher(stack, room, target="xx") as viewer:
            assert await viewer.end() == NO_SUCH_TARGET


async def test_talk_that_must_not_be_recorded_is_refused_to_both(stack, room):
    stack.query("UPDATE rooms_room SET do_not_record = true WHERE code = %s RETURNING true", room)
    for opened in (host(stack, room), watcher(stack, room)):
        async with opened as page:
            assert await page.end() == (1003, f"Audio recording not allowed in room <{room}>")


async def test_talk_that_must_not_be_recorded_is_refused_to_the_command_line_s_host(stack, room, tmp_path):
    stack.query("UPDATE rooms_room SET do_not_record = true WHERE code = %s RETURNING true", room)
    talk = tmp_path / "talk.wav"
    talk.write_bytes(as_wav(tones(1.0)).getvalue())
    given = {"room": room, "url": stack.url, "password": "drill-host", "speed": 50.0, "linger": 0.0}
    with pytest.raises(CommandError, match="Audio recording not allowed"):
        await asyncio.to_thread(call_command, "stream", str(talk), stdout=io.StringIO(), **given)
    assert stack.session(room) == {}


@pytest.mark.parametrize(
    ("code", "shown"),
    [("%00", "\x00"), ("a%0Ab", "a\nb"), ("%F0%9F%8E%89", "🎉"), ("..", ".."), ("x%27%22%3B--", "x'\";--")],
)
async def test_codes_that_no_room_can_have_are_not_found(stack, code, shown):
    async with browser(stack, f"/room/{code}/client/undefined/en") as viewer:
        assert await viewer.end() == (1003, f"Room <{shown}> not found")


async def test_reason_too_long_for_a_close_frame_is_cut_between_characters(stack):
    async with browser(stack, f"/room/{'%F0%9F%8E%89' * 60}/client/undefined/en") as viewer:
        code, reason = await viewer.end()
        assert (code, reason) == (1003, "Room <" + "🎉" * 29)


@pytest.mark.parametrize(
    "cookie",
    [
        "authenticated=\xff\xfe",
        "authenticated=" + "x" * 4000,
        'authenticated="\\377\\000"',
        "=;;;=;" * 50 + "authenticated",
        "authenticated=%ff%00; {room}-allow_store=\xe9",
    ],
)
async def test_odd_bytes_in_cookies_are_a_wrong_password(stack, room, cookie):
    async with browser(stack, f"/room/{room}/host/en/en", Cookie=cookie.format(room=room)) as page:
        assert await page.end() == NO_KEY


async def test_pages_of_strangers_cannot_use_a_host_s_cookies(stack, room):
    for origin in ("https://evil.example", "null", "http://localhost.evil.example"):
        async with browser(stack, f"/room/{room}/host/en/en", host_cookies(room), Origin=origin) as page:
            assert await page.end() == NO_KEY
    async with browser(
        stack, f"/room/{room}/host/en/en", host_cookies(room), Origin="http://localhost:3000"
    ) as page:
        assert "info" in await page.read()


async def test_login_key_works_as_the_password_does(stack, room):
    answer = await asyncio.to_thread(
        requests.post, f"{stack.url}/login", json={"password": "drill-host"}, timeout=WITHIN_S
    )
    async with host(stack, room, key=answer.json()["key"]) as page:
        await page.ready()
    owner = "SELECT u.username FROM transcripts_part p JOIN auth_user u ON u.id = p.owner_id JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s"  # fmt: skip
    assert stack.query(owner, room) == [("host",)]


async def test_of_fifty_hosts_who_want_one_room_exactly_one_gets_it(stack, room):
    async with contextlib.AsyncExitStack() as sockets:
        pages = await asyncio.gather(*(sockets.enter_async_context(host(stack, room)) for _ in range(50)))
        first = await asyncio.gather(*(page.read() for page in pages), return_exceptions=True)
        winners = [page for page, message in zip(pages, first, strict=True) if isinstance(message, dict)]
        assert len(winners) == 1
        await winners[0].ready()
        losers = [page for page in pages if page not in winners]
        ends = {(page.socket.close_code, page.socket.close_reason) for page in losers}
        assert ends == {(1003, "Multiple hosts not allowed")}
    rows = "SELECT count(*) FROM asr_session s JOIN asr_rooms_roomsession o ON o.session_id = s.id JOIN rooms_room r ON r.id = o.room_id WHERE r.code = %s"
    assert stack.query(rows, room) == [(1,)]


async def test_of_thirty_rooms_that_open_at_once_as_many_as_there_are_slots_do(stack, room, new_room):
    others = [new_room() for _ in range(30)]
    async with contextlib.AsyncExitStack() as sockets:
        taken = await sockets.enter_async_context(host(stack, room))
        await taken.ready()
        pages = await asyncio.gather(*(sockets.enter_async_context(host(stack, code)) for code in others))
        first = await asyncio.gather(*(page.read() for page in pages), return_exceptions=True)
        opened = [code for code, message in zip(others, first, strict=True) if isinstance(message, dict)]
        assert len(opened) == SLOTS - 1
        for code, page in zip(others, pages, strict=True):
            if code not in opened:
                full = f"Unable to activate room <{code}>: Maximum capacity of {SLOTS} instances reached"
                assert (page.socket.close_code, page.socket.close_reason) == (1003, full)
                assert stack.session(code) == {}
        for code in opened:
            await closed_room(stack, code)
        async with host(stack, others[-1] if others[-1] not in opened else others[0]) as late:
            assert late.connection_id
