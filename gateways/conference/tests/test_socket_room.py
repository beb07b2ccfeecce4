"""Host and viewers in a room: order of messages, host leases, grace, restart, ends (docs/wires/conference.md)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise

import psutil
import pytest
import requests
from django.contrib.auth.hashers import make_password
from websockets.exceptions import ConnectionClosed

from gateways.conference.tests.browser import (
    WITHIN_S,
    Browser,
    browser,
    closed_room,
    eventually,
    host,
    host_cookies,
    host_left,
    watcher,
)
from ops.faults.speech import scripted_words
from ops.faults.stack import ADMIN_PASSWORD, Stack
from rooms.access import key_hash

pytestmark = pytest.mark.stack
READY = {"info": {"ready_to_recieve_audio": True}}


def parts(stack: Stack, room: str) -> list[tuple]:
    """(number, broadcast, source_lang, store, public, owner) of a room's parts."""
    return stack.query(
        "SELECT p.number, p.broadcast, p.source_lang, p.store, p.public, u.username FROM transcripts_part p "
        "LEFT JOIN auth_user u ON u.id = p.owner_id JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s ORDER BY p.number",
        room,
    )


def words(stack: Stack, room: str, part: int) -> list[str]:
    return [text for number, _, text in stack.sentences(room) if number == part]


def written_in_time(stack: Stack, room: str) -> list[str]:
    """What was stored before everybody was sent away; both are written under the session's lock."""
    return [
        text
        for (text,) in stack.query(
            "SELECT s.text FROM transcripts_sentence s JOIN asr_rooms_roomsession o ON o.part_id = s.part_id "
            "JOIN asr_session n ON n.id = o.session_id JOIN rooms_room r "
            "ON r.id = o.room_id JOIN transcripts_track t ON t.id = s.track_id WHERE r.code = %s "
            "AND t.lang = n.source_lang AND (SELECT coalesce(max(closed_to_viewers_at), 'infinity') "
            "FROM asr_rooms_roomsession WHERE room_id = r.id) > s.created_at",
            room,
        )
    ]


async def finished(stack: Stack, room: str, part: int = 1) -> None:
    """Wait until all that was heard in a part is stored, however long that takes."""
    sql = (
        "SELECT n.state FROM asr_session n JOIN asr_rooms_roomsession o ON o.session_id = n.id "
        "JOIN transcripts_part p ON p.id = o.part_id JOIN rooms_room r "
        "ON r.id = o.room_id WHERE r.code = %s AND p.number = %s"
    )
    await eventually(stack, sql, room, part, expected="closed", within_s=90)


async def closed_to_viewers(stack: Stack, room: str) -> None:
    """Close it, and wait until everybody is sent away before its process has finished."""
    await asyncio.to_thread(stack.close_room, room)
    sql = (
        "SELECT count(*) FROM asr_session n JOIN asr_rooms_roomsession o ON o.session_id = n.id "
        "JOIN rooms_room r ON r.id = o.room_id WHERE r.code = %s "
        "AND n.state = 'closing' AND o.closed_to_viewers_at IS NOT NULL"
    )
    await eventually(stack, sql, room)


def texts_in(page: Browser, lang: str) -> list[str]:
    sentences = page.viewer.sentences
    return [sentences[key][lang] for key in sorted(sentences) if lang in sentences[key]]


def key_of(stack: Stack, who: str) -> dict[str, str]:
    if not who:
        return {}
    answer = requests.post(f"{stack.url}/login", json={"password": who, "role": None}, timeout=WITHIN_S)
    return {"key": answer.json()["key"]}


def login_key(stack: Stack, who: str) -> str:
    return key_of(stack, who)["key"]


def transcript(stack: Stack, room: str, who: str) -> str:
    """The text as `who` (a password) may read it; empty where that is nothing."""
    answer = requests.post(
        f"{stack.url}/room/{room}/transcript/en", json=key_of(stack, who), timeout=WITHIN_S
    )
    return answer.text if answer.ok else ""


def listed_transcripts(stack: Stack, who: str) -> list[dict]:
    return requests.post(f"{stack.url}/transcript_list", json=key_of(stack, who), timeout=WITHIN_S).json()


def listed(stack: Stack, room: str) -> dict:
    rooms = requests.get(f"{stack.url}/room_list", timeout=WITHIN_S).json()["rooms"]
    return next(entry for entry in rooms if entry["id"] == room)


def assert_gone(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(WITHIN_S)


@asynccontextmanager
async def watcher_after(stack: Stack, room: str, seconds: float):
    """A viewer of a room whose host said so much and left; and what that host's browser knows."""
    key = await asyncio.to_thread(login_key, stack, "drill-host")
    async with host(stack, room, key=key) as page:
        await page.ready()
        async with watcher(stack, room) as viewer:
            await page.speak(0, seconds)
            await viewer.says("S0001w1")
            await page.socket.close()
            yield viewer, {"connection_id": page.connection_id, "key": key}


@pytest.fixture(scope="module")
def superuser(shared_stack):
    """Posts a form as a superuser of the stack's admin; returns the page."""
    shared_stack.query(
        "INSERT INTO auth_user (username, password, is_superuser, is_staff, is_active, first_name, last_name, "
        "email, date_joined) VALUES ('operator', %s, true, true, true, '', '', '', now()) RETURNING id",
        make_password("operator-password"),
    )
    with requests.Session() as session:
        token = session.get(f"{shared_stack.url}/admin/login/", timeout=WITHIN_S).cookies["csrftoken"]
        form = {"username": "operator", "password": "operator-password", "csrfmiddlewaretoken": token}
        session.post(f"{shared_stack.url}/admin/login/?next=/health", data=form, timeout=WITHIN_S)

        def post(path: str, form: dict[str, str]) -> str:
            data = {**form, "csrfmiddlewaretoken": session.cookies["csrftoken"]}
            answer = session.post(f"{shared_stack.url}{path}", data=data, timeout=WITHIN_S)
            assert answer.ok, answer
            return answer.text

        yield post


@pytest.mark.parametrize("prefix", ["", "/backend"])
async def test_host_is_told_its_id_then_the_chunk_then_that_the_engine_is_ready(stack, room, prefix):
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
        kept = "SELECT s.id, s.state, o.host_connection_id, s.source_lang, s.generation, s.pid, p.number, p.store, p.public, p.owner_id, r.source_lang, r.published FROM asr_session s JOIN asr_rooms_roomsession o ON o.session_id = s.id JOIN transcripts_part p ON p.id = o.part_id JOIN rooms_room r ON r.id = o.room_id WHERE r.code = %s"  # fmt: skip
        before = stack.query(kept, room)
        for changes in (
            {},
            {"lang": "de"},
            {"store": False},
            {"key": "ada-password"},
            {"connection_id": "11111111-2222-4333-8444-555555555555"},
            {"key": "ada-password", "connection_id": page.connection_id},
            {"connection_id": page.connection_id},  # the shared password itself, whoever shows it
            {"key": login_key(stack, "drill-host"), "connection_id": page.connection_id},
        ):
            async with host(stack, room, **changes) as second:
                assert await second.end() == (1003, "Multiple hosts not allowed")
                assert second.messages == []
        assert stack.query(kept, room) == before
        await page.speak(2.5, 4.5)
        await viewer.says("S0002w1")


async def test_same_browser_takes_over_and_nothing_is_lost(stack, room):
    key = login_key(stack, "drill-host")
    async with host(stack, room, key=key) as page, watcher(stack, room) as viewer:
        await page.ready()
        await page.speak(0, 4)
        page.socket.transport.pause_reading()
        async with host(stack, room, target="de", connection_id=page.connection_id, key=key) as newer:
            await newer.ready()
            assert newer.connection_id != page.connection_id
            await page.speak(4, 5)  # it has not read yet that it was replaced
            page.socket.transport.resume_reading()
            assert await page.end() == (1000, "")
            end_ms = (await newer.speak(5, 8.5)).end_ms
            await viewer.says("S0001w1", "S0002w1", "S0003w1", "S0004w1")
        assert len(parts(stack, room)) == 1
        assert stack.session(room)["generation"] == 1
        await closed_room(stack, room)
    assert scripted_words(" ".join(words(stack, room, 1))) == list(range(-(-end_ms // 500)))


async def test_what_a_host_said_is_never_in_the_part_of_the_next_host(stack, room):
    keys = [login_key(stack, "drill-host") for _ in range(2)]
    abandoned = (
        "UPDATE asr_rooms_roomsession SET host_seen_at = now() - interval '1 minute' WHERE is_open AND "
        "room_id = (SELECT id FROM rooms_room WHERE code = %s) RETURNING true"
    )
    async with host(stack, room, key=keys[0], store=False) as first, AsyncExitStack() as host_leases:
        await first.ready()
        with stack.redis() as redis:
            redis.client_pause(2000, all=False)  # what comes now waits in the web process
        await first.speak(0, 4)
        async with asyncio.timeout(WITHIN_S):
            while True:  # its socket lives and renews the host lease: it may be quicker than the other host
                stack.query(abandoned, room)
                second = await host_leases.enter_async_context(host(stack, room, key=keys[1]))
                if second.messages:
                    break
        await second.ready()
        assert await first.end() == (1003, "Another host has this room now")
        with contextlib.suppress(ConnectionClosed):
            await first.speak(4, 8)
        await closed_room(stack, room)
    assert [part[3:] for part in parts(stack, room)] == [(False, True, "host"), (True, True, "host")]
    assert words(stack, room, 2) == []


async def test_host_whose_key_is_revoked_or_is_over_is_sent_away_at_once_and_is_heard_no_more(stack, room):
    worthless = (
        "UPDATE rooms_accesskey SET revoked_at = now() WHERE hash = %s RETURNING true",
        "UPDATE rooms_accesskey SET expires_at = now() WHERE hash = %s RETURNING true",
    )
    for part, end_it in enumerate(worthless, start=1):
        key = login_key(stack, "drill-host")
        async with host(stack, room, key=key) as page:
            await page.ready()
            await page.speak(0, 2.5)
            spoken = "SELECT count(*) FROM transcripts_sentence s JOIN transcripts_part p ON p.id = s.part_id JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s AND p.number = %s"  # fmt: skip
            await eventually(stack, spoken, room, part)
            stack.query(end_it, key_hash(key))
            assert await page.end() == (1008, "Authentification failed: no valid password in session cookie")
        await host_left(stack, room)
        async with host(stack, room, key=key) as again:
            assert await again.end() == (1008, "Authentification failed: no valid password in session cookie")


async def test_host_who_comes_back_in_time_goes_on_in_the_same_transcript(stack, room):
    async with watcher_after(stack, room, 4) as (viewer, browser_knows):
        grace_left = "SELECT o.grace_until > now() + interval '4 minutes' FROM asr_session s JOIN asr_rooms_roomsession o ON o.session_id = s.id JOIN rooms_room r ON r.id = o.room_id WHERE r.code = %s"  # fmt: skip
        await eventually(stack, grace_left, room, expected=True)
        assert listed(stack, room)["host_connection_id"] == browser_knows["connection_id"]
        async with host(stack, room, **browser_knows) as page:
            await page.ready()
            await page.speak(4, 8.5)
            await viewer.says("S0001w1", "S0002w1", "S0003w1", "S0004w1")
        assert [part[0] for part in parts(stack, room)] == [1]


async def test_room_whose_host_stays_away_is_closed_for_everybody(stack, room):
    async with watcher_after(stack, room, 3) as (viewer, _):
        await eventually(
            stack,
            "UPDATE asr_rooms_roomsession SET grace_until = now() - interval '1 second' WHERE grace_until IS NOT NULL AND "
            "room_id = (SELECT id FROM rooms_room WHERE code = %s) RETURNING true",
            room,
        )  # fmt: skip
        assert await viewer.end() == (1003, "Room closed")
        assert "s0002w2." in viewer.viewer.text("en")
    assert stack.session(room)["state"] == "closed"


async def test_another_language_is_a_new_part_of_the_same_broadcast_and_viewers_stay(stack, room):
    async with watcher_after(stack, room, 4) as (viewer, browser_knows):
        async with host(stack, room, lang="de", **browser_knows) as page:
            await page.ready()
            await page.speak(4, 8.5)  # the same recorder goes on: its header was sent to the part before
            await viewer.until(lambda _: len(texts_in(viewer, "de")) >= 2)
            assert texts_in(viewer, "en")[1] == "S0002w1 s0002w2 s0002w3 s0002w4."
            assert texts_in(viewer, "de")[0] == "S0001w1 s0001w2 s0001w3 s0001w4."
            assert viewer.viewer.rewrites == 0
        assert [part[:3] for part in parts(stack, room)] == [(1, 1, "en"), (2, 1, "de")]
        assert listed(stack, room)["source_lang"] == "de"


async def test_another_key_or_login_is_a_part_with_terms_of_its_own_and_a_reload_is_not(stack, room):
    async with watcher_after(stack, room, 2.5) as (viewer, browser_knows):
        async with host(stack, room, **browser_knows, public=False) as page:
            await page.ready()  # a reload, whose page says `false` of its own accord
            assert [part[3:] for part in parts(stack, room)] == [(True, True, "host")]
            await page.socket.close()
            await host_left(stack, room)
        async with host(stack, room, key=login_key(stack, "drill-host"), public=False) as page:
            await page.ready()
            await page.speak(0, 2.5)
            await page.socket.close()
            await host_left(stack, room)
        async with host(stack, room, key="ada-password", public=False) as page:
            await page.ready()
            await page.speak(0, 2.5)
            await eventually(stack, "SELECT count(*) FROM transcripts_sentence s JOIN transcripts_part p ON p.id = s.part_id JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s AND p.number = 3", room)  # fmt: skip
            text = {
                who: transcript(stack, room, who) for who in ("", "drill-host", "ada-password", "drill-admin")
            }
        assert [part[3:] for part in parts(stack, room)] == [
            (True, True, "host"), (True, False, "host"), (True, False, "ada"),
        ]  # fmt: skip
        # A live part is included; each caller reads what its own terms allow.
        assert {who: body.count("[Transcription started on ") for who, body in text.items()} == {
            "": 1, "drill-host": 2, "ada-password": 2, "drill-admin": 3,
        }  # fmt: skip
        assert viewer.viewer.rewrites == 0


async def test_restart_right_after_the_opening_loses_and_doubles_no_word(stack, room):
    async with host(stack, room) as page, watcher(stack, room) as viewer:
        await page.ready()
        first_ms = (await page.speak(0, 4)).end_ms
        await page.socket.send(json.dumps({"signal": "restart_backend_engine"}))
        second_ms = (await page.speak(4, 9)).end_ms  # a recorder does not wait
        await page.ready()
        assert page.messages.count(READY) == 2
        await closed_room(stack, room)
        assert await page.end() == (1003, "Room closed")
        assert await viewer.end() == (1003, "Room closed")
    spoken = [scripted_words(" ".join(words(stack, room, part))) for part in (1, 2)]
    assert spoken[0] == list(range(-(-first_ms // 500)))
    assert spoken[1] == list(range(len(spoken[1])))
    assert len(spoken[1]) in (length := -(-(second_ms - first_ms) // 500), length - 1)  # Opus drops 7 ms
    assert set(written_in_time(stack, room)) <= set(texts_in(viewer, "en"))
    assert [part[:3] for part in parts(stack, room)] == [(1, 1, "en"), (2, 1, "en")]


async def test_last_sentences_reach_everybody_before_the_room_is_closed(stack, room):
    async with host(stack, room) as page, watcher(stack, room) as viewer:
        await page.ready()
        await page.speak(0, 5)
        answer = await asyncio.to_thread(
            requests.post,
            f"{stack.url}/backend/room/{room}/close",
            json={"password": ADMIN_PASSWORD},
            timeout=WITHIN_S,
        )
        assert answer.json() == {"status": "ok"}
        for socket in (page, viewer):
            assert await socket.end() == (1003, "Room closed")
        async with watcher(stack, room) as late:
            assert await late.end() == (1003, "Room not active")
    await finished(stack, room)
    assert scripted_words(" ".join(words(stack, room, 1))) == list(range(11))
    for socket in (page, viewer):
        assert set(written_in_time(stack, room)) <= set(texts_in(socket, "en"))


async def test_everybody_goes_in_time_though_the_process_hangs_and_what_was_heard_is_stored_behind_it(
    stack, room
):
    async with host(stack, room) as page, watcher(stack, room) as viewer:
        await page.ready()
        await page.speak(0, 2.5)
        await viewer.says("S0001w1")
        stack.kill(stack.session(room)["pid"], signal.SIGSTOP)
        await page.speak(2.5, 5)
        await closed_to_viewers(stack, room)
        for socket in (page, viewer):
            assert await socket.end() == (1003, "Room closed")
        async with host(stack, room) as again:
            assert "info" in again.messages[0]
            assert [part[:2] for part in parts(stack, room)] == [(1, 1), (2, 2)]
            await finished(stack, room)
            assert scripted_words(" ".join(words(stack, room, 1))) == list(range(11))
            assert stack.session(room)["state"] in ("starting", "live")


async def test_admin_closes_a_room_with_the_action(stack, room, superuser):
    async with host(stack, room) as page:
        await page.ready()
        await page.speak(0, 3)
        await page.says("s0002w2.")
        form = {"action": "force_close", "_selected_action": str(stack.session(room)["id"])}
        question = await asyncio.to_thread(superuser, "/admin/asr_rooms/roomsession/", form)
        assert f"<li>{room} Talk {room}</li>" in question
        await asyncio.to_thread(superuser, "/admin/asr_rooms/roomsession/", {**form, "confirmed": "yes"})
        assert await page.end() == (1003, "Room closed")


async def test_what_is_not_to_be_stored_lives_only_while_the_room_is_open(stack, room):
    async with host(stack, room, store=False) as page:
        await page.ready()
        await page.speak(0, 4.5)
        await page.says("S0001w1", "S0002w1", "S0003w1.")
        assert transcript(stack, room, "") == ""
        await closed_room(stack, room)
        assert await page.end() == (1003, "Room closed")
    for who in ("", "drill-host", "drill-admin"):
        assert room not in [entry["id"] for entry in listed_transcripts(stack, who)]
    left = "SELECT count(*) FROM transcripts_sentence s JOIN transcripts_part p ON p.id = s.part_id JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s AND s.removed_at IS NULL"  # fmt: skip
    await eventually(stack, left, room, expected=0)


async def test_chunks_are_never_repeated_and_indices_never_shift(stack, room):
    async with host(stack, room) as page, watcher(stack, room) as viewer:
        await page.ready()
        for second in range(0, 20, 5):
            await page.speak(second, second + 5)
            await viewer.says(f"S{(second + 4) // 2:04}w1")
        chunks = viewer.messages
        assert all(one != next_one for one, next_one in pairwise(chunks))
        assert viewer.viewer.rewrites == 0
        indices = [[(line["line_idx"], one["sent_idx"]) for line in chunk["last_n_sents"] for one in line["sentences"]] for chunk in chunks]  # fmt: skip
        assert all(one == sorted(set(one)) for one in indices)


async def test_room_marked_do_not_record_is_closed_at_once_and_nothing_that_waits_is_transcribed(stack, room):
    async with host(stack, room) as page, watcher(stack, room) as viewer:
        await page.ready()
        await page.speak(0, 4.5)
        await viewer.says("S0002w1")
        pid = stack.session(room)["pid"]
        stack.kill(pid, signal.SIGSTOP)  # what comes now waits
        await page.speak(4.5, 8)
        stack.query("UPDATE rooms_room SET do_not_record = true WHERE code = %s RETURNING true", room)
        for socket in (page, viewer):
            assert await socket.end() == (1003, "Room closed")
        async with host(stack, room) as again:
            assert await again.end() == (1003, f"Audio recording not allowed in room <{room}>")
    assert len(stack.sentences(room)) == 2
    assert transcript(stack, room, "") == ""
    assert "S0002w1" in transcript(stack, room, "drill-host")
    assert_gone(pid)


async def test_room_that_is_unpublished_while_it_is_live_goes_on(stack, room):
    async with watcher_after(stack, room, 2.5) as (viewer, browser_knows):
        stack.query("UPDATE rooms_room SET published = false WHERE code = %s RETURNING true", room)
        async with host(stack, room, **browser_knows) as page, watcher(stack, room) as late:
            await page.ready()
            await page.speak(2.5, 5)
            await viewer.says("S0002w1")
            await late.says("S0002w1")
