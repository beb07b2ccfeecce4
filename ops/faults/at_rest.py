"""What lies on disks when nothing was to be kept: a talk and a client of each wire, and then a search of every file of the stack.

Redis keeps its append-only file and PostgreSQL its log, as they are configured. Scripted words and the sound that was sent are known, so
that they can be looked for; a word that is kept (the room's code) is looked for too, and has to be found.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from config.layout import layout
from ops import embedded
from ops.bench.wires import place_of, wires_environment
from ops.faults.races import Output
from ops.faults.speech import ScriptedSpeech, scripted_words
from ops.faults.stack import Stack, free_port, running_stack
from ops.wire_clients import WIRES, Place, noise

ROOM = "UNKEPT-TALK"
SECONDS, OVER_WITHIN_S = 8.0, 90.0
WINDOW_BYTES = 48
OPEN_KEYS = "SELECT count(*) FROM rooms_datakey WHERE name NOT LIKE 'interpreter:%%'"


@dataclass(frozen=True, slots=True)
class Found:
    """How many files hold something, and how many should: none, or (`kept`) some."""

    what: str
    files: int
    kept: bool = False

    @property
    def ok(self) -> bool:
        """As docs/privacy.md says."""
        return bool(self.files) == self.kept


async def speak(stack: Stack, place: Place) -> list[tuple[str, bytes]]:
    """A host whose talk is not to be stored, then all other wires at once. Returns what must not be found, and its names."""
    speech = ScriptedSpeech(seconds=SECONDS)
    blobs = speech.blobs()
    async with stack.host(ROOM, allow_store=False) as host:
        await host.wait_ready()
        await host.play(blobs, speed=speech.speed)
        await asyncio.to_thread(
            _until, stack, "SELECT count(*) FROM transcripts_sentence WHERE text <> ''", 2
        )
    sound = noise(SECONDS)
    notes = await asyncio.gather(*(wire(place, 0).run([sound]) for wire in WIRES.values()))
    heard = {name: len(scripted_words(note.final)) for name, (note,) in zip(WIRES, notes, strict=True)}
    if not all(heard.values()):
        raise RuntimeError(f"a wire heard nothing: {heard}")
    blob = max(blobs, key=lambda each: len(each.data)).data
    return [
        ("words", b"0001w2"), ("words", b"0002w3"), ("sound of the host", _window(blob)), ("sound of the wires", _window(sound)),
    ]  # fmt: skip


def over(stack: Stack) -> None:
    """Until nothing waits to be deleted, and what servers had in memory is in their files."""
    if stack.close_room(ROOM) != 200:
        raise RuntimeError("the room was not closed")
    _until(stack, f"SELECT ({OPEN_KEYS}) = 0", True)
    with embedded.connect(layout(stack.folder), autocommit=True) as db:
        db.execute("CHECKPOINT")


def search(folders: Iterable[Path], what: bytes) -> list[Path]:
    """Files that hold these bytes."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [path for path in files if path.stat().st_size and _holds(path, what)]


def run_and_print(out: Output) -> None:
    """A stack of its own; a table, and one line of JSON."""
    ports = (free_port(), free_port())
    with running_stack(rooms=[ROOM], ASR_SLOTS=str(len(WIRES) + 1), **wires_environment(ports)) as stack:
        unkept = asyncio.run(speak(stack, place_of(stack, "en", ports)))
        before = _rows(stack, "before the room closes", unkept)
        over(stack)
        rows = [*before, *_rows(stack, "afterwards", unkept)]
    table = Table(title="Files that hold what was not to be kept")
    for name in ("what", "files", "ok"):
        table.add_column(name)
    for row in rows:
        table.add_row(row.what, str(row.files), "yes" if row.ok else "NO")
    Console(width=100).print(table)
    out.write(json.dumps({"at_rest": [{**asdict(row), "ok": row.ok} for row in rows]}))


def _rows(stack: Stack, when: str, unkept: list[tuple[str, bytes]]) -> list[Found]:
    places = layout(stack.folder)
    folders = {stack.folder, places.home, places.postgres_data, places.redis_data}
    rows = [Found(f"{name}, {when}", len(search(folders, what))) for name, what in unkept]
    return [*rows, Found(f"the room's code, {when}", len(search(folders, ROOM.encode())), kept=True)]


def _window(data: bytes) -> bytes:
    return data[len(data) // 2 :][:WINDOW_BYTES]


def _holds(path: Path, what: bytes) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        return whole.find(what) >= 0


def _until(stack: Stack, sql: str, least: int) -> None:
    deadline_s = time.monotonic() + OVER_WITHIN_S
    while stack.query(sql)[0][0] < least:
        if time.monotonic() > deadline_s:
            raise TimeoutError(sql)
        time.sleep(0.2)
