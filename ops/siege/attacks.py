"""The attacks, each with what its attacker must get."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http.cookies import SimpleCookie

import requests
from grpc import aio

from config.layout import layout
from gateways.conference.client.host import Host
from ops import embedded
from ops.faults.stack import ADMIN_PASSWORD, HOST_PASSWORD, Stack
from ops.siege.beside import Answered
from ops.siege.clients import HalfMessage, counted, in_groups, login, posted, raw, socket_end

MB = 1 << 20
NO_SLOT = "HTTP 503"  # of a wire that says so before it accepts
RIGHT_WITHIN_S = 2.0
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
    await asyncio.gather(*waiting)
    return Answered(
        f"{blocked} wait for it; 40 beside answered in {took_s:.1f} s",
        blocked == 40 and refused and took_s < 20,
    )


async def _host_of(target: Target, room: str) -> str:
    jar = f"authenticated={target.key}; {room}-allow_store=true; {room}-allow_client_download=true"
    try:
        async with asyncio.timeout(15):
            return await socket_end(f"{target.sockets}/room/{room}/host/en/en", {"Cookie": jar})
    except TimeoutError:
        return "waits"


async def half_messages(target: Target) -> Answered:
    """150 viewers and 150 who say that they are hosts, each with almost 4 MB of a message."""
    paths = [f"/captions/{CALM}?lang=en", f"/room/{CALM}/host/en/en"]
    sockets = [HalfMessage(target.stack.port, paths[number % 2]) for number in range(300)]
    try:
        await asyncio.gather(*(socket.open() for socket in sockets))
        await asyncio.gather(*(socket.send(4 * MB - 1, 4 * MB - MB // 2) for socket in sockets))
        await asyncio.sleep(2)
    finally:
        for socket in sockets:
            socket.close()
    return Answered("300 x 3.5 MB sent, never ended", True)


async def half_requests(target: Target) -> Answered:
    """3,000 connections with half a request; who asks beside is answered."""
    opened = []
    for _ in range(3000):
        opened.append(await raw(target.stack.port, b"GET /health HTTP/1.1\r\nHost: localhost\r\n"))
    answer = await asyncio.to_thread(requests.get, f"{target.stack.url}/health", timeout=30)
    closed = sum(reader.at_eof() for reader, _ in opened)
    for _, writer in opened:
        writer.transport.abort()
    return Answered(f"{closed} closed so far; beside HTTP {answer.status_code}", answer.ok and closed > 500)


async def idle_sockets(target: Target) -> Answered:
    """1,000 viewers' sockets that say and read nothing, and 1,000 connections without a word."""
    silent = [await raw(target.stack.port, b"") for _ in range(1000)]
    sockets = [HalfMessage(target.stack.port, f"/captions/{CALM}?lang=en") for _ in range(1000)]
    for socket in sockets:
        await socket.open()
    answer = await asyncio.to_thread(requests.get, f"{target.stack.url}/health", timeout=30)
    for _, writer in silent:
        writer.transport.abort()
    for socket in sockets:
        socket.close()
    return Answered(f"2000 held; beside HTTP {answer.status_code}", answer.ok)


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


SOCKETS: dict[str, dict[str, str]] = {
    f"/captions/{CALM}?lang=en": {}, f"/captions/{CALM}/type": {}, f"/room/{CALM}/client/undefined/en": {},
    f"/room/{LIVE}/host/en/en": {}, "/streaming-whisper/ws/siege?consent=1": {}, "/v1/transcribe?consent=1": {},
    "/ws/audio": {}, "/ws-audio": {}, "/v1/realtime?consent=1": {"Authorization": "Bearer {key}"},
    "/v1/listen?encoding=linear16&sample_rate=16000&consent=1": {"Authorization": "Token {key}"},
}  # fmt: skip


async def long_messages(target: Target) -> Answered:
    """A message of 32 MB to the socket of every wire, and over gRPC."""

    async def send(path: str, headers: dict[str, str]) -> str:
        named = {name: value.format(key=target.key) for name, value in headers.items()}
        return await socket_end(target.sockets + path, named, b"\0" * (32 * MB))

    answers = await asyncio.gather(*(send(path, headers) for path, headers in SOCKETS.items()))
    codes = [_code(answer) for answer in answers]
    return Answered(
        f"{counted(codes)}; gRPC {(grpc := await _long_grpc(target))}",
        set(codes) <= {"1009", "1008", "1003", "1013", NO_SLOT} and grpc == "RESOURCE_EXHAUSTED",
    )


def _code(answer: str) -> str:
    return answer if answer.startswith("HTTP") else answer.split()[0]


async def _long_grpc(target: Target) -> str:
    async with aio.insecure_channel(
        f"127.0.0.1:{target.speech_port}", options=[("grpc.max_send_message_length", -1)]
    ) as channel:
        call = channel.stream_stream("/speech.SpeechToText/StreamingRecognize")(metadata=[("x-consent", "1")])
        try:
            await call.write(b"\x12\x80\x80\x80\x10" + bytes(32 * MB))
            await call.read()
        except aio.AioRpcError as error:
            return str(error.code().name)
        return str((await call.code()).name)


async def tiny_messages(target: Target) -> Answered:
    """5,000 messages at once on the socket of every wire."""

    async def flood(path: str, headers: dict[str, str]) -> str:
        named = {name: value.format(key=target.key) for name, value in headers.items()}
        return await socket_end(target.sockets + path, named, ["x"] * 5000)

    answers = await asyncio.gather(*(flood(path, headers) for path, headers in SOCKETS.items()))
    codes = [_code(answer) for answer in answers]
    return Answered(counted(codes), "no" not in codes)


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
    "locked room": (locked_room, 14), "half messages": (half_messages, 10), "half requests": (half_requests, 8),
    "idle sockets": (idle_sockets, 10), "long bodies": (long_bodies, 14), "long messages": (long_messages, 12),
    "tiny messages": (tiny_messages, 12), "votes": (votes, 10),
}  # fmt: skip
