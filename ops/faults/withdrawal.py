"""A consent is withdrawn, and every process that could carry it out is killed in the middle of that: what is left when they are back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import psutil
import requests
from rich.console import Console
from rich.table import Table

from config.layout import layout
from ops import embedded
from ops.faults.races import Output
from ops.faults.scenarios import POLL_S, until
from ops.faults.speech import ScriptedSpeech
from ops.faults.stack import ADMIN_PASSWORD, Stack, running_stack
from ops.faults.viewer import ReconnectingViewer
from ops.pages_login import signed_in

DELETED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the deletion is held up: by a lock on these rows; `reached`: there when it has come so far. Both name the room."""

    lock: str
    reached: str


STOPS = {
    "before anything": Stop(
        "SELECT 1 FROM asr_session s JOIN asr_rooms_roomsession o ON o.session_id = s.id JOIN rooms_room r ON r.id = o.room_id "
        "WHERE r.code = %s FOR UPDATE OF s",
        "SELECT 1 FROM rooms_consent WHERE room_code = %s AND withdrawn_at IS NOT NULL",
    ),
    "before its text": Stop(
        "SELECT 1 FROM transcripts_track t JOIN rooms_room r ON r.id = t.room_id WHERE r.code = %s FOR UPDATE OF t",
        "SELECT 1 FROM asr_session s JOIN asr_rooms_roomsession o ON o.session_id = s.id JOIN rooms_room r ON r.id = o.room_id "
        "WHERE r.code = %s AND s.worker = ''",
    ),
    "before its end": Stop(
        "SELECT 1 FROM asr_rooms_roomsession o JOIN rooms_room r ON r.id = o.room_id WHERE r.code = %s FOR UPDATE OF o",
        "SELECT 1 FROM transcripts_part p JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s AND NOT EXISTS "
        "(SELECT 1 FROM transcripts_sentence s WHERE s.part_id = p.id AND s.removed_at IS NULL)",
    ),
    "before its key": Stop(
        "SELECT 1 FROM rooms_datakey k JOIN transcripts_part p ON k.name = 'part:' || p.id JOIN rooms_room r ON r.id = p.room_id "
        "WHERE r.code = %s FOR UPDATE OF k",
        "SELECT 1 FROM asr_session s JOIN asr_rooms_roomsession o ON o.session_id = s.id JOIN rooms_room r ON r.id = o.room_id "
        "WHERE r.code = %s AND s.state = 'closed'",
    ),
}
LEFT = {  # what must not be there any more, counted
    "texts": "SELECT count(*) FROM transcripts_sentence s JOIN transcripts_part p ON p.id = s.part_id "
    "JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s AND s.text <> ''",
    "earlier texts": "SELECT count(*) FROM transcripts_sentencerevision v JOIN transcripts_sentence s ON s.id = v.sentence_id "
    "JOIN transcripts_part p ON p.id = s.part_id JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s AND v.text <> ''",
    "keys of text": "SELECT count(*) FROM rooms_datakey k JOIN transcripts_part p ON k.name = 'part:' || p.id "
    "JOIN rooms_room r ON r.id = p.room_id WHERE r.code = %s",
    "keys of sound": "SELECT count(*) FROM rooms_datakey k JOIN asr_rooms_roomsession o ON k.name = 'session:' || o.session_id "
    "JOIN rooms_room r ON r.id = o.room_id WHERE r.code = %s",
    "parts that may be read": "SELECT count(*) FROM transcripts_part p JOIN rooms_room r ON r.id = p.room_id "
    "WHERE r.code = %s AND (p.store OR p.public OR p.ended_at IS NULL)",
    "sessions": "SELECT count(*) FROM asr_session s JOIN asr_rooms_roomsession o ON o.session_id = s.id "
    "JOIN rooms_room r ON r.id = o.room_id WHERE r.code = %s AND s.state NOT IN ('closed', 'failed')",
}


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A room's. `before`: what was there when all were killed; `left`: what is; `took_s`: from the request; `told`: viewers were sent away."""

    stop: str
    before: dict[str, int]
    left: dict[str, int]
    took_s: float
    readable: bool
    told: bool

    @property
    def whole(self) -> bool:
        """It was in the middle, and nothing is left."""
        return any(self.before.values()) and not any(self.left.values()) and self.told and not self.readable


async def withdraw(
    stack: Stack, rooms: Mapping[str, str], *, within_s: float = DELETED_WITHIN_S
) -> list[Withdrawn]:
    """Speak in each room, withdraw, kill everybody who deletes where its stop holds it up, and wait until nothing is left."""
    async with contextlib.AsyncExitStack() as opened:
        watches = await asyncio.gather(*(_spoken(stack, room, opened) for room in rooms))
        with await asyncio.to_thread(signed_in, stack.url, ADMIN_PASSWORD) as organiser:
            began = time.monotonic()
            before = await asyncio.to_thread(_withdraw_and_kill, stack, rooms, organiser, within_s)

        async def gone(room: str) -> float:
            await until(lambda: not any(_left(stack, room).values()), within_s)
            return time.monotonic() - began

        took_s = await asyncio.gather(*(gone(room) for room in rooms))
        told = await asyncio.gather(*(_sent_away(watch, within_s) for watch in watches))
    return [
        Withdrawn(
            stop, before[room], _left(stack, room), round(took, 1), bool(stack.transcript(room)), sent_away
        )
        for (room, stop), took, sent_away in zip(rooms.items(), took_s, told, strict=True)
    ]


async def _sent_away(watch: ReconnectingViewer, within_s: float) -> bool:
    return await until(lambda: bool(watch.closed_reason), within_s)


async def _spoken(stack: Stack, room: str, opened: contextlib.AsyncExitStack) -> ReconnectingViewer:
    """A host who said something and is still there, and its viewer."""
    speech, watch = ScriptedSpeech(seconds=8.0), ReconnectingViewer(stack, room)
    host = stack.host(room, allow_store=False)  # so that its text has a key, whatever the settings are
    opened.push_async_callback(host.drop)
    await host.connect()
    await host.wait_ready()
    watching = asyncio.create_task(watch.run())
    opened.callback(watching.cancel)
    await host.play(speech.blobs(), speed=speech.speed)
    await until(lambda: len(watch.texts()) > 1)
    return watch


def _withdraw_and_kill(
    stack: Stack, rooms: Mapping[str, str], organiser: requests.Session, within_s: float
) -> dict[str, dict[str, int]]:
    """What is left of each room when all who delete are dead; nobody gets further than the locks before that is counted."""
    headers = {"X-CSRFToken": organiser.cookies["csrftoken"]}
    with embedded.connect(layout(stack.folder)) as held:
        for room, stop in rooms.items():
            held.execute(STOPS[stop].lock, [room])
        for room in rooms:
            with contextlib.suppress(requests.RequestException):  # it is killed before it can answer
                url = f"{stack.url}/api/host/{room}/withdraw"
                organiser.post(url, headers=headers, timeout=(within_s, 1))
        deadline = time.monotonic() + within_s
        for room, stop in rooms.items():
            while not stack.query(STOPS[stop].reached, room):
                if time.monotonic() > deadline:
                    raise TimeoutError(stop)
                time.sleep(POLL_S)
        dead = [process for program in ("web", "sweeps") for process in stack.freeze(program)]
        for process in dead:
            process.kill()
        psutil.wait_procs(dead, timeout=within_s)
        return {room: _left(stack, room) for room in rooms}


def _left(stack: Stack, room: str) -> dict[str, int]:
    return {what: int(stack.query(sql, room)[0][0]) for what, sql in LEFT.items()}


def run_and_print(out: Output) -> None:
    """A stack of its own; a table, and one line of JSON."""
    rooms = {f"WITHDRAWN{number}": stop for number, stop in enumerate(STOPS)}
    with running_stack(rooms=list(rooms), ASR_SLOTS=str(len(rooms))) as stack:
        rows = asyncio.run(withdraw(stack, rooms))
    table = Table(title="A withdrawal whose processes were killed in the middle")
    for name in ("killed", "was left", "is left", "seconds", "viewers sent away", "ok"):
        table.add_column(name)
    for row in rows:
        was, left = (
            ", ".join(f"{count} {what}" for what, count in each.items() if count)
            for each in (row.before, row.left)
        )
        table.add_row(
            row.stop, was, left or "nothing", str(row.took_s), str(row.told), "yes" if row.whole else "NO"
        )
    Console(width=150).print(table)
    out.write(json.dumps({"withdrawals": [{**asdict(row), "ok": row.whole} for row in rows]}))
