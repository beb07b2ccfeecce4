"""The attacks, each with what its attacker must get."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from http.cookies import SimpleCookie

import requests

from config.layout import layout
from ops import embedded
from ops.faults.stack import ADMIN_PASSWORD, HOST_PASSWORD, Stack
from ops.siege.beside import Answered
from ops.siege.clients import (
    ENDED_WITHIN_S,
    HELD,
    HalfMessage,
    all_ended,
    closed,
    counted,
    in_groups,
    login,
    posted,
    raw,
    socket_end,
)
from ops.siege.messages import half_messages, long_messages, tiny_messages
from ops.siege.target import CALM, LIVE, LOCKED, MB, OTHER, Attack, Target

RIGHT_WITHIN_S = 2.0
STAYS = "stays"


async def takeover(target: Target) -> Answered:
    """Another key of the shared password, and the live host's public id."""
    listed = await asyncio.to_thread(requests.get, f"{target.stack.url}/room_list", timeout=30)
    public_id = next(room["host_connection_id"] for room in listed.json()["rooms"] if room["id"] == LIVE)
    before = target.stack.query("SELECT count(*) FROM transcripts_part")

    async def steal(number: int) -> str:
        jar: SimpleCookie = SimpleCookie()
        jar["authenticated"] = [target.key, HOST_PASSWORD][number % 2]
        jar[f"{LIVE}-allow_store"] = jar[f"{LIVE}-allow_client_download"] = "true"
        jar["connection_id"] = public_id
        cookies = jar.output(header="", sep=";").strip()
        return await socket_end(f"{target.sockets}/room/{LIVE}/host/en/en", {"Cookie": cookies}, b"\x1a\x45")

    answers = await in_groups(40, 10, steal)
    same = before == target.stack.query("SELECT count(*) FROM transcripts_part")
    return Answered(counted(answers), same and set(answers) == {"1003 Multiple hosts not allowed"})


async def lock_out(target: Target) -> Answered:
    """Wrong passwords as fast as they go, at every door; right ones from the same address beside."""
    stack, over = target.stack, time.monotonic() + 8

    def guess(number: int) -> int:
        guesses = 0
        with requests.Session() as session:
            while time.monotonic() < over:
                guesses += 1
                wrong = f"guess {number} {guesses}"
                if number % 2:
                    session.post(f"{stack.url}/login", json={"password": wrong, "role": "host"}, timeout=30)
                else:
                    form = {"username": "organiser", "password": wrong}
                    session.post(f"{stack.url}/admin/login/", data=form | _csrf(session, stack), timeout=30)
        return guesses

    def right(_: int) -> float:
        began = time.monotonic()
        fine = [login(stack), login(stack, ADMIN_PASSWORD)]
        return time.monotonic() - began if all(fine) else float("inf")

    guessing = [asyncio.to_thread(guess, number) for number in range(6)]
    guessed = asyncio.gather(*guessing)
    waits = []
    while time.monotonic() < over - 1:
        waits.append(await asyncio.to_thread(right, 0) / 2)
        await asyncio.sleep(0.3)
    wrong = sum(await guessed)
    return Answered(
        f"{wrong} wrong; {len(waits) * 2} right ones let in, the last after {max(waits):.2f} s",
        max(waits) <= RIGHT_WITHIN_S,
    )


def _csrf(session: requests.Session, stack: Stack) -> dict[str, str]:
    if "csrftoken" not in session.cookies:
        session.get(f"{stack.url}/admin/login/", timeout=30)
    return {"csrfmiddlewaretoken": str(session.cookies.get("csrftoken"))}


async def unknown_rooms(target: Target) -> Answered:
    """150 handshakes a second for rooms that are not there, on both wires."""

    async def ask(number: int) -> str:
        await asyncio.sleep(number / 150)
        path = f"room/NO{number}/client/undefined/en" if number % 2 else f"captions/NO{number}?lang=en"
        return await socket_end(f"{target.sockets}/{path}")

    answers = [" ".join(answer.split()[:1]) for answer in await in_groups(1500, 1500, ask)]
    return Answered(counted(answers), set(answers) <= {"1003", "1008"})


async def locked_room(target: Target) -> Answered:
    """A room's row is locked by a transaction that goes on; 40 hosts want it, and others their own rooms."""
    with embedded.connect(layout(target.stack.folder)) as database:
        database.execute("SELECT 1 FROM rooms_room WHERE code = %s FOR UPDATE", [LOCKED])

        async def want(room: str) -> str:
            jar = f"authenticated={target.key}; {room}-allow_store=true; {room}-allow_client_download=true"
            url = f"{target.sockets}/room/{room}/host/en/xx"  # refused behind the lock's place: no such language
            return await socket_end(url, {"Cookie": jar})

        waiting = [asyncio.create_task(_host_of(target, LOCKED)) for _ in range(40)]
        await asyncio.sleep(0.5)
        began = time.monotonic()
        answers = await in_groups(40, 10, lambda number: want(OTHER))
        refused = set(answers) == {"1003 Target language xx not supported by translation service"}
        took_s = time.monotonic() - began
        blocked = sum(not task.done() for task in waiting)
    later = Counter(await asyncio.gather(*waiting))
    one_is_host = later == {STAYS: 1, "1003 Multiple hosts not allowed": 39}
    return Answered(
        f"{blocked} wait for it; 40 beside answered in {took_s:.1f} s; then one is host",
        blocked == 40 and refused and took_s < 20 and one_is_host,
    )


async def _host_of(target: Target, room: str) -> str:
    jar = f"authenticated={target.key}; {room}-allow_store=true; {room}-allow_client_download=true"
    try:
        async with asyncio.timeout(15):
            return await socket_end(f"{target.sockets}/room/{room}/host/en/en", {"Cookie": jar})
    except TimeoutError:
        return STAYS


async def half_requests(target: Target) -> Answered:
    """3,000 connections with half a request; who asks beside is answered."""
    opened = []
    for _ in range(3000):
        opened.append(await raw(target.stack.port, b"GET /health HTTP/1.1\r\nHost: localhost\r\n"))
    answer = await asyncio.to_thread(requests.get, f"{target.stack.url}/health", timeout=30)
    at_once, after = await closed(opened)
    for _, writer in opened:
        writer.transport.abort()
    return Answered(
        f"{at_once} closed at once, {after} within {ENDED_WITHIN_S:.0f} s; beside HTTP {answer.status_code}",
        answer.ok and at_once > 500 and after == len(opened),
    )


async def idle_sockets(target: Target) -> Answered:
    """1,000 viewers' sockets that say and read nothing, and 1,000 connections without a word."""
    silent = [await raw(target.stack.port, b"") for _ in range(1000)]
    sockets = [HalfMessage(target.stack.port, f"/captions/{CALM}?lang=en") for _ in range(1000)]
    for socket in sockets:
        await socket.open()
    answer = await asyncio.to_thread(requests.get, f"{target.stack.url}/health", timeout=30)
    ends, (_, after) = await asyncio.gather(all_ended(sockets), closed(silent))
    for _, writer in silent:
        writer.transport.abort()
    for socket in sockets:
        socket.close()
    return Answered(
        f"beside HTTP {answer.status_code}; after {ENDED_WITHIN_S:.0f} s {ends.count(HELD)} sockets and {1000 - after} connections held",
        answer.ok and HELD not in ends and after == 1000,
    )


async def long_bodies(target: Target) -> Answered:
    """400 MB to every route that takes a body."""
    paths = [
        "/login",
        "/auth",
        f"/vote/{CALM}",
        f"/room/{CALM}/close",
        "/transcript_list",
        "/admin/login/",
        "/login/form",
    ]
    kinds = dict.fromkeys(paths, "application/json")
    kinds["/v1/audio/transcriptions"] = "multipart/form-data; boundary=b"
    asked = [posted(target.stack.port, path, 400 * MB, 400 * MB, kind) for path, kind in kinds.items()]
    answers = await asyncio.gather(*asked)
    return Answered(counted(answers), set(answers) <= {"HTTP 413", "HTTP 401"})


async def votes(target: Target) -> Answered:
    """2,000 votes by GET from one address."""

    def vote(_: int) -> list[str]:
        with requests.Session() as session:
            return [
                f"HTTP {session.get(f'{target.stack.url}/vote/{CALM}/add', timeout=30).status_code}"
                for _ in range(250)
            ]

    answers = [
        one for each in await asyncio.gather(*(asyncio.to_thread(vote, n) for n in range(8))) for one in each
    ]
    taken = answers.count("HTTP 200")
    return Answered(counted(answers), taken <= 240 and "HTTP 429" in answers)


ATTACKS: dict[str, tuple[Attack, float]] = {  # with the seconds that it may take
    "takeover": (takeover, 6), "lock-out": (lock_out, 10), "unknown rooms": (unknown_rooms, 14),
    "locked room": (locked_room, 14), "half messages": (half_messages, 30), "half requests": (half_requests, 25),
    "idle sockets": (idle_sockets, 30), "long bodies": (long_bodies, 14), "long messages": (long_messages, 12),
    "tiny messages": (tiny_messages, 12), "votes": (votes, 10),
}  # fmt: skip
