"""`manage.py drill machines`: each machine of a cluster is lost in mid-talk, by kill and by its network, and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from django.core.management.base import OutputWrapper
from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gateways.conference.client.viewer import captions
from ops.faults import network
from ops.faults.cluster import DATA, RECOGNISERS, WEBS, Cluster, running_cluster
from ops.faults.proxy import SERVED_BY
from ops.faults.scenarios import unread_words, until, vanished_words
from ops.faults.speech import ScriptedSpeech
from ops.faults.viewer import CONNECT_WITHIN_S, ReconnectingViewer
from ops.rehearsal.page_host import PageHost

How = Literal["kill", "network"]
ROOMS, VIEWERS = 3, 4  # viewers of each room
DONE_WITHIN_S, BACK_WITHIN_S = 90.0, 90.0
SPEED = 2.0
TAIL_WORDS = 3  # of silence at the end
PROBE_EVERY_S = 0.5
_REPLACED = re.compile(r"next generation")


@dataclass(frozen=True, slots=True)
class Times:
    """Of one loss, in seconds: what is spoken before it, how long the machine is away, and what is spoken behind its return."""

    before_s: float = 8.0
    away_s: float = 25.0
    after_s: float = 12.0

    @property
    def talk_s(self) -> float:
        """Of speech."""
        return SPEED * (self.before_s + self.away_s + self.after_s)


@dataclass(frozen=True, slots=True)
class Served:
    """By one machine, when it was lost."""

    rooms: int
    viewers: int


@dataclass(frozen=True, slots=True)
class LossRow:
    """What a lost machine cost. `rooms_served` by its recognisers, `viewers_served` by its web process. Words, but for `still_s` (the longest time without anything new at a viewer while somebody
    spoke), `again_s` (until every room's next sentence reached a viewer), `back_s` (until the machine served again when it
    was there) and `released_s` (until PostgreSQL held no connection of a machine that was cut off)."""

    machine: str
    how: How
    rooms_served: int
    viewers_served: int
    lost: int
    doubled: int
    rewritten: int
    still_s: float
    again_s: float
    back_s: float
    released_s: float | None
    noticed: str

    @property
    def harmless(self) -> bool:
        """Nothing lost, doubled or rewritten, and every room went on."""
        return not (self.lost or self.doubled or self.rewritten) and self.again_s < float("inf")


@dataclass
class ProxiedViewer(ReconnectingViewer):
    """As a browser: it sends no pings, so only the server, the proxy or the network end its socket."""

    breaks: list[float] = field(default_factory=list)
    served_by: str = ""

    async def _once(self) -> None:
        url = self.stack.viewer_url(self.room, self.lang)
        async with connect(
            url, compression=None, open_timeout=CONNECT_WITHIN_S, ping_interval=None, close_timeout=1
        ) as socket:
            self.served_by = socket.response.headers.get(SERVED_BY, "") if socket.response else ""
            try:
                async for caption in captions(socket, self.viewer):
                    self.moments.append(caption.at_s)
                    if caption.key is not None and caption.lang == self.lang:
                        self.arrivals.append((caption.at_s, caption.text))
            except ConnectionClosed:
                pass
            if socket.close_code == 1003:
                self.closed_reason = socket.close_reason or "?"
            else:
                self.breaks.append(time.monotonic())


class Room:
    """A live room: a host that keeps its audio, viewers that come back."""

    def __init__(self, cluster: Cluster, code: str, speech: ScriptedSpeech) -> None:
        self.code = code
        self.host = PageHost(cluster.host_options(code))
        self.viewers = [ProxiedViewer(cluster, code) for _ in range(VIEWERS)]
        self._cluster, self._speech = cluster, speech
        self._tasks: list[asyncio.Task[None]] = []
        self.ended_at = 0.0

    async def open(self) -> None:
        """Until its recogniser has a machine, and the viewers come."""
        self._tasks = [asyncio.create_task(self.host.run())]
        await until(lambda: bool(self._cluster.serving(self.code)), DONE_WITHIN_S)
        self._tasks += [asyncio.create_task(viewer.run()) for viewer in self.viewers]

    async def talk(self) -> None:
        """All of the speech."""
        began = time.monotonic()
        for blob in self._speech.blobs():
            await asyncio.sleep(max(0.0, began + blob.end_ms / 1000 / SPEED - time.monotonic()))
            self.host.push(blob.data)
        self.ended_at = time.monotonic()
        with contextlib.suppress(TimeoutError):  # the row shows what is missing
            async with asyncio.timeout(DONE_WITHIN_S):
                await self.host.drained()

    async def close(self) -> None:
        """When all of it is text; the room is gone then."""
        wanted = int(self._speech.seconds * 2) - TAIL_WORDS
        await until(lambda: len(self.stored_words()) >= wanted, DONE_WITHIN_S)
        await self.host.close()
        await asyncio.to_thread(self._cluster.close_room, self.code)
        await until(lambda: all(viewer.closed_reason for viewer in self.viewers), DONE_WITHIN_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stored(self) -> list[str]:
        """Sentences in the database."""
        return [text for *_, text in self._cluster.sentences(self.code)]

    def stored_words(self) -> list[str]:
        """Their words."""
        return " ".join(self.stored()).split()

    def longest_until_next(self, since_s: float) -> float:
        """The longest time without a new sentence at any viewer, from `since_s` until the talk's end."""
        moments = sorted({at for viewer in self.viewers for at, _ in viewer.arrivals if since_s < at})
        gaps = [after - before for before, after in itertools.pairwise([since_s, *moments])]
        return max(gaps, default=float("inf"))


async def lose(
    cluster: Cluster, machine: str, how: How, codes: Sequence[str], times: Times = Times()
) -> LossRow:
    """One row. No machine: the one that serves the first room."""
    speech = ScriptedSpeech(times.talk_s)
    rooms = [Room(cluster, code, speech) for code in codes]
    await asyncio.gather(*(room.open() for room in rooms))
    talking = [asyncio.create_task(room.talk()) for room in rooms]
    await asyncio.sleep(times.before_s)
    machine = machine or cluster.serving(codes[0])
    served = Served(
        sum(cluster.serving(code) == machine for code in codes),
        sum(
            viewer.served_by.startswith(f"{cluster.network.address(machine)}:")
            for room in rooms
            for viewer in room.viewers
        ),
    )
    logged = _replacements(cluster)
    lost_at = time.monotonic()
    await asyncio.to_thread(cluster.kill if how == "kill" else cluster.network.cut, machine)
    release = (
        asyncio.create_task(_released(cluster, machine)) if how == "network" and machine != DATA else None
    )
    await asyncio.sleep(max(0.0, lost_at + times.away_s - time.monotonic()))
    if (
        machine in cluster.recognisers
    ):  # not before its rooms are elsewhere: a busy computer is slow to notice
        await until(lambda: all(cluster.serving(code) != machine for code in codes), BACK_WITHIN_S)
    back_at = time.monotonic()
    await asyncio.to_thread(cluster.boot if how == "kill" else cluster.network.mend, machine)
    back = asyncio.create_task(_serves(cluster, machine, rooms))
    await asyncio.gather(*talking)
    served_again = await back
    released_at = await release if release is not None else None
    await asyncio.gather(*(room.close() for room in rooms))
    notices = _noticed(rooms, lost_at, _replacements(cluster) - logged)
    return _row(machine, how, rooms, speech, served=served, lost_at=lost_at, noticed=notices,
                back_s=served_again - back_at, released_s=None if released_at is None else released_at - lost_at)  # fmt: skip


def _row(
    machine: str, how: How, rooms: Sequence[Room], speech: ScriptedSpeech, *, served: Served, lost_at: float,
    noticed: str, back_s: float, released_s: float | None,
) -> LossRow:  # fmt: skip
    compared = [speech.compare(" ".join(room.stored())) for room in rooms]
    viewers = [(viewer, room) for room in rooms for viewer in room.viewers]
    stored = {room.code: room.stored() for room in rooms}
    unread = sum(unread_words(stored[room.code], viewer) for viewer, room in viewers)
    vanished = sum(vanished_words(stored[room.code], viewer) for viewer, room in viewers)
    return LossRow(
        machine=machine, how=how, rooms_served=served.rooms, viewers_served=served.viewers,
        lost=sum(each.lost for each in compared) + unread + vanished,
        doubled=sum(each.doubled for each in compared),
        rewritten=sum(viewer.viewer.rewrites for viewer, _ in viewers),
        still_s=round(max(viewer.still_s(room.ended_at) for viewer, room in viewers), 1),
        again_s=round(max(room.longest_until_next(lost_at) for room in rooms), 1),
        back_s=round(back_s, 1), released_s=None if released_s is None else round(released_s, 1), noticed=noticed,
    )  # fmt: skip


def _noticed(rooms: Sequence[Room], lost_at: float, replaced: int) -> str:
    """Who did something about it: sweeps, hosts, viewers, and after how many seconds the first and the last."""
    hosts = [
        (at - lost_at, why) for room in rooms for at, why in room.host.breaks if lost_at < at < room.ended_at
    ]
    viewers = [
        at - lost_at for room in rooms for viewer in room.viewers for at in viewer.breaks if at > lost_at
    ]
    parts = [f"sweep: {replaced} room{'s' * (replaced != 1)}"] if replaced else []
    if hosts:
        kinds: Counter[str] = Counter(why for _, why in hosts)
        words = ", ".join(f"{count} {why}" for why, count in sorted(kinds.items()))
        parts.append(f"hosts: {words} ({_span([at for at, _ in hosts])})")
    if viewers:
        parts.append(f"viewers: {len(viewers)} sockets ended ({_span(viewers)})")
    return "; ".join(parts) or "nobody"


def _span(seconds: Sequence[float]) -> str:
    first, last = f"{min(seconds):.1f}", f"{max(seconds):.1f}"
    return f"{first} s" if first == last else f"{first} to {last} s"


def _replacements(cluster: Cluster) -> int:
    """How many recognisers' processes were replaced, as whoever did it has logged."""
    return sum(
        len(_REPLACED.findall(cluster.log(machine, program)))
        for machine in cluster.programs
        for program in ("sweeps", "asr")
    )


async def _released(cluster: Cluster, machine: str) -> float:
    """When PostgreSQL held nothing any more for a machine that is cut off."""
    await until(lambda: cluster.connections(machine) == 0, BACK_WITHIN_S)
    return time.monotonic()


async def _serves(cluster: Cluster, machine: str, rooms: Sequence[Room]) -> float:
    """When a machine that came back works again."""
    since = time.time()

    def works() -> bool:
        if machine in cluster.webs:
            return cluster.healthy(machine)
        if machine in cluster.recognisers:
            return bool(
                cluster.query(
                    "SELECT 1 FROM asr_worker WHERE name = %s AND beat_at > to_timestamp(%s)",
                    f"asr@{machine}",
                    since,
                )
            )
        return all(cluster.healthy(web) for web in cluster.webs)

    if not await until(works, BACK_WITHIN_S):
        return float("inf")
    return time.monotonic()


def run_and_print(out: OutputWrapper, wanted: Sequence[str], *, redis: str = "", keep: bool = False) -> None:
    """The table, a row a loss, and one last line of JSON. `wanted`: machines; empty: all."""
    reason = network.why_not()
    if reason:
        out.write(f"drill machines cannot run here: {reason}")
        return
    losses: list[tuple[str, How]] = [
        (machine, how) for machine in (wanted or [*RECOGNISERS, *WEBS, DATA]) for how in ("kill", "network")
    ]
    codes = [[f"L{number:02}R{room}" for room in range(ROOMS)] for number in range(len(losses))]
    rows = []
    with running_cluster(rooms=list(itertools.chain(*codes)), redis=redis, keep=keep) as cluster:
        out.write(f"proxy: {cluster.proxy or 'NONE INSTALLED (nginx, caddy): a plain forwarder stands in'}")
        if keep:
            out.write(f"logs: {cluster.folder}")
        for (machine, how), mine in zip(losses, codes, strict=True):
            row = asyncio.run(lose(cluster, machine, how, mine))
            out.write(f"{machine} {how}: {'harmless' if row.harmless else 'HARM'}")
            rows.append(row)
    Console(width=160).print(_table(rows))
    out.write(json.dumps({"machines": [asdict(row) for row in rows]}))


def _table(rows: Sequence[LossRow]) -> Table:
    table = Table(title="What each lost machine cost: words, then seconds")
    for heading in ("machine", "lost by", "rooms", "viewers", "lost", "doubled", "rewritten", "still", "captions again", "back", "released", "who noticed"):  # fmt: skip
        table.add_column(heading)
    for row in rows:
        released = "-" if row.released_s is None else f"{row.released_s:.1f}"
        table.add_row(
            row.machine, row.how, str(row.rooms_served), str(row.viewers_served), str(row.lost), str(row.doubled), str(row.rewritten),
            f"{row.still_s:.1f}", f"{row.again_s:.1f}", f"{row.back_s:.1f}", released, row.noticed,
        )  # fmt: skip
    return table
