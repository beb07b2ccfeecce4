"""What each wire lets anybody send, from the constants that hold (docs/bounds.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from typing import Final


@dataclass(frozen=True, slots=True)
class Bound:
    """One wire's. `tried`: the test that goes beyond it."""

    wire: str
    longest: str
    rate: str
    idle: str
    tried: str


SIEGE: Final = "`manage.py siege`"


def size(count: float) -> str:
    """Of bytes."""
    for unit, step in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= step:
            return f"{count / step:g} {unit}"
    return f"{count:g} B"


def rate(per_s: float, burst: float, what: str = "messages") -> str:
    """Of a token bucket."""
    return f"{per_s:,g} {what} a second, {burst:,g} at once"


def bounds() -> Iterator[Bound]:
    """Every wire."""
    yield from _http()
    yield from _viewers()
    yield from _speakers()


def _http() -> Iterator[Bound]:
    from config.servers import connections, limits, uvicorn_http
    from config.servers.__main__ import KEEP_ALIVE_S
    from config.servers.unfinished import UNFINISHED, UPLOADS
    from gateways.conference.api import MAX_BODY_BYTES
    from gateways.openai.limits import FILE_BYTES, FILE_S

    unfinished, uploads = (size(each._limit_bytes) for each in (UNFINISHED, UPLOADS))
    idle = f"request within {uvicorn_http.REQUEST_WITHIN_S:g} s, body within {uvicorn_http.BODY_WITHIN_S:g} s, the next request within {KEEP_ALIVE_S} s; {connections.SILENT_MOST:,} silent connections a process, then the oldest go"
    yield Bound(
        "HTTP, every route",
        f"body {size(limits.BODY_LIMIT_BYTES)} (conference: {size(MAX_BODY_BYTES)}); unfinished ones {unfinished} in sum",
        "wrong passwords LOGIN_FAILURES_PER_MINUTE, votes VOTES_PER_MINUTE, by address",
        idle,
        f"config/tests/test_bodies.py, test_uvicorn.py; {SIEGE}",
    )
    yield Bound(
        "HTTP, files",
        f"file {size(FILE_BYTES)}, {FILE_S // 3600} h of sound; under way {uploads} in sum, on disk",
        "a slot each",
        f"each part of the body within {uvicorn_http.UPLOAD_PART_WITHIN_S:g} s",
        f"gateways/openai/tests; {SIEGE}",
    )


def _viewers() -> Iterator[Bound]:
    from config.servers import limits
    from gateways.captions import consumer as captions
    from gateways.captions import typist
    from gateways.common.limits import VIEWER_MESSAGE_BYTES
    from gateways.common.outbox import QUEUED_EVENTS
    from gateways.conference import consumer as conference

    longest = f"message {size(VIEWER_MESSAGE_BYTES)}; unread {QUEUED_EVENTS} events and the newest state"
    idle = f"ping every {limits.PING_EVERY_S} s, given up after {limits.PONG_WITHIN_S} s without a sign"
    yield Bound(
        "conference, viewer", longest, rate(conference.VIEWER_MESSAGES_PER_S, conference.VIEWER_BURST), idle,
        f"gateways/conference/tests/test_socket_hostile.py, config/tests/test_websockets.py; {SIEGE}",
    )  # fmt: skip
    yield Bound(
        "captions, reader", longest, rate(captions.MESSAGES_PER_S, captions.MESSAGES_BURST), idle,
        f"gateways/captions/tests/test_captions.py; {SIEGE}",
    )  # fmt: skip
    yield Bound(
        "captions, captioner", longest, rate(typist.MESSAGES_PER_S, typist.MESSAGES_BURST), f"{idle}; its lease ends by itself",
        f"gateways/captions/tests/test_typist.py; {SIEGE}",
    )  # fmt: skip


def _speakers() -> Iterator[Bound]:
    from config.servers.limits import longest_message_bytes as longest
    from gateways.conference import host
    from gateways.deepgram import consumer as deepgram
    from gateways.echo import limits as echo
    from gateways.interpreter import limits as interpreter
    from gateways.meetings import limits as meetings
    from gateways.openai import limits as openai
    from gateways.speech import consumer as twin
    from gateways.speech import rules, server

    def message(path: str) -> str:
        return f"message {size(longest(path))}"

    yield Bound(
        "conference, host", message("/room/R/host/en/en"),
        f"{rate(host.MESSAGES_PER_S, host.MESSAGES_BURST)}; {rate(host.BYTES_PER_S, host.BYTES_BURST, 'bytes')}",
        "grace GRACE_S when it is gone", f"gateways/conference/tests/test_socket_hostile.py; {SIEGE}",
    )  # fmt: skip
    yield Bound(
        "Deepgram's shape", message("/v1/listen"),
        f"{rate(deepgram.MESSAGES_PER_S, deepgram.MESSAGES_BURST)}; {rate(deepgram.BYTES_PER_S, deepgram.BYTES_BURST, 'bytes')}",
        f"{deepgram.IDLE_S:g} s without sound or a message", f"gateways/deepgram/tests; {SIEGE}",
    )  # fmt: skip
    yield Bound(
        "OpenAI's realtime", message("/v1/realtime"), rate(openai.MESSAGES_PER_S, openai.MESSAGES_BURST), "ping and pong; a key and a slot each",
        f"gateways/openai/tests; {SIEGE}",
    )  # fmt: skip
    yield Bound(
        "meetings", message("/streaming-whisper/ws/m"), "WHISPER_MAX_CONNECTIONS meetings a process; what waits is bounded",
        f"ping and pong, {meetings.PONG_WITHIN_S} s", f"gateways/meetings/tests; {SIEGE}",
    )  # fmt: skip
    yield Bound(
        "speech, WebSocket", message("/v1/transcribe"), f"{rate(twin.MESSAGES_PER_S, twin.MESSAGES_BURST)}, then it is slowed",
        f"first message within {rules.FIRST_MESSAGE_WITHIN_S:g} s; no sound within two chunks, {rules.MIN_WAIT_S:g} s at least: DEADLINE_EXCEEDED",
        f"gateways/speech/tests; {SIEGE}",
    )  # fmt: skip
    options = dict(server.OPTIONS)
    yield Bound(
        "speech, gRPC", f"message {size(options['grpc.max_receive_message_length'])}",
        f"--max-workers streams and {server.IDLE_CALLS} calls that have not said anything", "as its WebSocket",
        f"gateways/speech/tests; {SIEGE}",
    )  # fmt: skip
    yield Bound(
        "interpreter", message("/ws/audio"),
        f"{rate(interpreter.MESSAGES_PER_S, interpreter.MESSAGES_BURST)}; texts {rate(interpreter.TEXTS_PER_S, interpreter.TEXTS_BURST, '')}; sound {interpreter.AUDIO_RATE:g} times as fast as spoken",
        "a slot from the config on; NO_AUDIO", f"gateways/interpreter/tests; {SIEGE}",
    )  # fmt: skip
    yield Bound(
        "echo", message("/ws-audio"), f"{rate(echo.MESSAGES_PER_S, echo.MESSAGES_BURST)}; sound {echo.AUDIO_PER_S:g} times as fast as spoken",
        "ECHO_MAX_CLIENTS a process", f"gateways/echo/tests; {SIEGE}",
    )  # fmt: skip


def document() -> str:
    """The page, in Markdown."""
    names = [field.name for field in fields(Bound)]
    lines = [
        "# What anybody may send", "",
        "Made by `DEBUG=1 manage.py bounds_table > docs/bounds.md` from the constants that hold. Whoever goes beyond reads a status or a close code that says so.",
        "What is not whole yet is bounded over all connections of a process: beyond the sum whoever holds most goes. Of connections a web process (uvicorn) takes",
        "as many as it has file descriptors, which it raises at its start; where they run out, the one that has been silent for longest makes room. Under",
        "Daphne the numbers of connections and the times of requests are not bounded: put a proxy in front.", "",
        f"| {' | '.join(names)} |", f"|{'---|' * len(names)}",
    ]  # fmt: skip
    lines += [f"| {' | '.join(' '.join(cell.split()) for cell in astuple(each))} |" for each in bounds()]
    return "\n".join(lines) + "\n"
