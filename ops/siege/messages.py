"""Attacks by what is said on sockets: half of it, too much of it, too often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grpc import aio

from ops.siege.beside import Answered
from ops.siege.clients import HalfMessage, all_ended, counted, socket_end
from ops.siege.target import CALM, LIVE, MB, Target

CUT_OFF = "1006"
TOO_LONG, TOO_MUCH_IN_SUM, REFUSED, POLICY, NO_SIGN_OF_LIFE = "1009", "1013", "1003", "1008", "1011"


@dataclass(frozen=True, slots=True)
class Half:
    """Sockets with a message that stays half. `ends`: what the server may end them with."""

    path: str
    sockets: int
    longest_bytes: int
    ends: frozenset[str]


HALVES = (
    Half(f"/captions/{CALM}?lang=en", 100, 4 * MB, frozenset({TOO_LONG})),  # what it says is beyond 4 KiB
    Half(f"/room/{CALM}/host/en/en", 100, 4 * MB, frozenset({POLICY, REFUSED, TOO_MUCH_IN_SUM})),
    Half("/v1/transcribe?consent=1", 100, MB, frozenset({POLICY, TOO_MUCH_IN_SUM})),  # no start came
    Half("/ws/audio", 200, MB // 4, frozenset({NO_SIGN_OF_LIFE, TOO_MUCH_IN_SUM})),
)


async def half_messages(target: Target) -> Answered:
    """500 sockets of four wires, each with the greater part of a message."""
    sent = [(half, HalfMessage(target.stack.port, half.path)) for half in HALVES for _ in range(half.sockets)]
    sockets = [socket for _, socket in sent]
    try:
        await asyncio.gather(*(socket.open() for socket in sockets))
        messages = ((socket, half.longest_bytes) for half, socket in sent)
        await asyncio.gather(*(socket.send(size - 1, size - size // 8) for socket, size in messages))
        ends = await all_ended(sockets)
    finally:
        for socket in sockets:
            socket.close()
    right = all(end in half.ends for (half, _), end in zip(sent, ends, strict=True))
    return Answered(counted(ends), right and TOO_MUCH_IN_SUM in ends)


@dataclass(frozen=True, slots=True)
class Wire:
    """A socket. `long`, `many`: what ends a message that is too long, and too many of them at once.

    `key`: the kind of a key in its header, where it takes one. `messages`: more than it takes at once and in the time that a slow machine reads.
    """

    path: str
    long: str
    many: str
    key: str = ""
    messages: int = 5_000


TOO_MANY_MESSAGES = f"{POLICY} too_many_messages"
SIGNED_OUT, NO_KEY = (
    f"{POLICY} not_signed_in",
    f"{POLICY} Authentification failed: no valid password in session cookie",
)
SOCKETS = (
    Wire(f"/captions/{CALM}?lang=en", TOO_LONG, f"{POLICY} message_unknown"),
    Wire(f"/captions/{CALM}/type", SIGNED_OUT, SIGNED_OUT),
    Wire(f"/room/{LIVE}/client/undefined/en", TOO_LONG, f"{POLICY} Too many messages"),
    Wire(f"/room/{LIVE}/host/en/en", NO_KEY, NO_KEY),
    Wire("/streaming-whisper/ws/siege?consent=1", TOO_LONG, f"{REFUSED} Expected binary messages"),
    Wire("/v1/transcribe?consent=1", TOO_LONG, f"{POLICY} Text frames must contain valid JSON messages"),
    Wire("/ws/audio", TOO_LONG, TOO_MANY_MESSAGES),
    Wire("/ws-audio", TOO_LONG, TOO_MANY_MESSAGES, messages=20_000),  # 4,000, and 400 a second, are allowed
    Wire("/v1/realtime?consent=1", TOO_LONG, TOO_MANY_MESSAGES, "Bearer"),
    Wire("/v1/listen?encoding=linear16&sample_rate=16000&consent=1", TOO_LONG, f"{POLICY} Too many messages", "Token"),
)  # fmt: skip


async def _each_wire(target: Target, message_for: Callable[[Wire], Any]) -> list[str]:
    async def say(wire: Wire) -> str:
        headers = {"Authorization": f"{wire.key} {target.key}"} if wire.key else {}
        return await socket_end(target.sockets + wire.path, headers, message_for(wire))

    return list(await asyncio.gather(*(say(wire) for wire in SOCKETS)))


async def long_messages(target: Target) -> Answered:
    """A message of 32 MB to the socket of every wire, and over gRPC."""
    answers = await _each_wire(target, lambda _: b"\0" * (32 * MB))
    grpc = await _long_grpc(target)
    # Who takes longer than five seconds to send it all is cut off, and never reads the close. Who may not be there is told so, or
    # that it is too long, whatever is noticed first.
    others = _not_as_promised(answers, [(wire.long, TOO_LONG, CUT_OFF) for wire in SOCKETS])
    return Answered(f"{_codes(answers)}; gRPC {grpc}{others}", not others and grpc == "RESOURCE_EXHAUSTED")


def _not_as_promised(answers: list[str], promised: list[tuple[str, ...]]) -> str:
    """Which wires' answers begin otherwise; empty: none."""
    wrong = [
        f"{wire.path.partition('?')[0]}: {answer}"
        for wire, answer, each in zip(SOCKETS, answers, promised, strict=True)
        if not answer.startswith(each)
    ]
    return "; but " + ", ".join(wrong) if wrong else ""


def _codes(answers: list[str]) -> str:
    return counted(answer.split()[0] for answer in answers)


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
    """5,000 messages at once on the socket of every wire, and 20,000 where more are allowed."""
    answers = await _each_wire(target, lambda wire: ["x"] * wire.messages)
    others = _not_as_promised(answers, [(wire.many,) for wire in SOCKETS])
    return Answered(f"{_codes(answers)}{others}", not others)
