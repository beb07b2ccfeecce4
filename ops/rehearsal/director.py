"""Makes the planned mishaps happen, each at its time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import requests
from psycopg import Error as DatabaseError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from gateways.conference.client.host import HostLostError, HostRefusedError
from ops.faults.scenarios import kill_asr_child, kill_program
from ops.faults.stack import BASE_DIR, HOST_PASSWORD, Stack
from ops.pages_login import signed_in
from ops.rehearsal.hosts import TalkHost
from ops.rehearsal.mishaps import Mishap
from ops.rehearsal.programme import Programme, Talk, moved, schedule_of
from ops.rehearsal.servers import MarkingEngine, ScheduleServer

IMPORT_TRIES, AGAIN_S, IMPORTED_WITHIN_S = 6, 2.0, 60.0
TYPED_S, STORED_WITHIN_S = 1.5, 30.0
STORM_TIMES = 2  # so many more viewers than a hall has


@dataclass
class Happened:
    """A mishap and when it was (seconds since the epoch); `note`: what there is to say of it; `wrong`: it went as it must not."""

    mishap: Mishap
    at_s: float
    hall: str
    note: str = ""
    wrong: bool = False
    typed_s: tuple[float, float] | None = None


@dataclass
class Stage:
    """What a rehearsal runs on. `talks`: as the schedule has them now, by code."""

    stack: Stack
    programme: Programme
    began_s: float
    began_at: datetime
    schedule: ScheduleServer
    engine: MarkingEngine
    storm: Callable[[str, int], None]
    talks: dict[str, Talk]
    hosts: dict[str, TalkHost] = field(default_factory=dict)
    version: int = 1


class Director:
    """Runs a plan."""

    def __init__(self, stage: Stage, *, hall_viewers: int, say: Callable[[str], None]) -> None:
        self.happened: list[Happened] = []
        self._stage, self._hall_viewers, self._say = stage, hall_viewers, say
        self._acts: dict[str, Callable[[Mishap, Happened], Awaitable[None]]] = {
            "host-network-breaks": self._network, "host-page-reloads": self._reload,
            "asr-process-killed": self._kill_recogniser, "web-killed": self._kill("web"),
            "redis-restarted": self._kill("redis"), "postgres-restarted": self._kill("postgres", signal.SIGINT),
            "translation-engine-away": self._engine_away, "second-host": self._second_host,
            "captioner-takes-the-pen": self._type, "host-forgets-to-stop": self._noted, "talk-runs-over": self._noted,
            "viewers-storm": self._storm, "talk-moves": self._change, "hall-changes": self._change,
        }  # fmt: skip

    def prepare(self, plan: list[Mishap]) -> None:
        """What hosts have to know before they begin."""
        for mishap in plan:
            host = self._stage.hosts[mishap.talk]
            if mishap.kind == "host-forgets-to-stop":
                host.forgotten_s = mishap.seconds
            elif mishap.kind == "talk-runs-over":
                host.over_s = mishap.seconds

    async def run(self, plan: list[Mishap]) -> None:
        """Each at its time; one that lasts holds up no other."""
        async with asyncio.TaskGroup() as group:
            for mishap in plan:
                await asyncio.sleep(max(0.0, self._stage.began_s + mishap.at_s - time.time()))
                group.create_task(self._happen(mishap))

    async def _happen(self, mishap: Mishap) -> None:
        hall = self._stage.talks[mishap.talk].hall
        happened = Happened(mishap, time.time(), hall)
        self.happened.append(happened)
        self._say(f"{mishap.at_s:7.1f} s  {mishap.kind}  {mishap.talk} in {hall}")
        try:
            await self._acts[mishap.kind](mishap, happened)
        except (
            LookupError,
            OSError,
            TypeError,
            ValueError,
            DatabaseError,
            requests.RequestException,
        ) as error:
            happened.note = f"did not happen: {type(error).__name__}"  # what it needs is down already
            self._say(f"           {happened.note}")

    async def _network(self, mishap: Mishap, happened: Happened) -> None:
        page = self._stage.hosts[mishap.talk].page
        if page is not None:
            happened.note = f"{mishap.seconds:.1f} s"
            await page.lose_network(mishap.seconds)

    async def _reload(self, mishap: Mishap, happened: Happened) -> None:
        await self._stage.hosts[mishap.talk].reload()

    async def _kill_recogniser(self, mishap: Mishap, happened: Happened) -> None:
        await asyncio.to_thread(kill_asr_child, self._stage.stack, mishap.talk)

    def _kill(
        self, program: str, number: signal.Signals = signal.SIGKILL
    ) -> Callable[[Mishap, Happened], Awaitable[None]]:
        async def act(mishap: Mishap, happened: Happened) -> None:
            await asyncio.to_thread(kill_program(program, number), self._stage.stack, mishap.talk)

        return act

    async def _engine_away(self, mishap: Mishap, happened: Happened) -> None:
        happened.note = f"{mishap.seconds:.0f} s"
        await asyncio.to_thread(self._stage.engine.stop)
        try:
            await asyncio.sleep(mishap.seconds)
        finally:
            await asyncio.to_thread(self._stage.engine.start)

    async def _second_host(self, mishap: Mishap, happened: Happened) -> None:
        """Somebody else who may host, with the same talk."""
        second = self._stage.stack.host(mishap.talk)
        try:
            await second.connect()
            await second.wait_ready()
            happened.note, happened.wrong = "was let in", True
        except HostRefusedError as error:
            happened.note = error.reason
        except HostLostError:
            happened.note = "could not connect"
        finally:
            await second.leave()

    async def _type(self, mishap: Mishap, happened: Happened) -> None:
        """A person types one sentence and stops."""
        session = await asyncio.to_thread(_session_of_host, self._stage.stack)
        url = f"ws://127.0.0.1:{self._stage.stack.port}/captions/{mishap.talk}/type"
        name, text = secrets.token_hex(8), f"Typed by a person at {mishap.at_s:.0f} seconds."
        began_s = time.time()
        try:
            async with asyncio.timeout(STORED_WITHIN_S):
                while True:
                    with contextlib.suppress(ConnectionClosed, InvalidHandshake, OSError):
                        async with connect(
                            url, additional_headers={"Cookie": f"sessionid={session}"}
                        ) as socket:
                            await socket.send(
                                json.dumps({"type": "typing", "text": text[:5], "began_ms_ago": 100})
                            )
                            await asyncio.sleep(TYPED_S)
                            await _stored(socket.send, socket.recv, name, text)
                            await socket.send(json.dumps({"type": "release"}))
                            break
                    await asyncio.sleep(AGAIN_S)
            happened.note = "stored"
        except TimeoutError:
            happened.note, happened.wrong = "was not stored", True
        happened.typed_s = (began_s, time.time())

    async def _storm(self, mishap: Mishap, happened: Happened) -> None:
        count = STORM_TIMES * self._hall_viewers
        happened.note = f"{count} more"
        self._stage.storm(happened.hall, count)

    async def _noted(self, mishap: Mishap, happened: Happened) -> None:
        happened.note = f"{mishap.seconds:.0f} s"  # its host knows since the beginning

    async def _change(self, mishap: Mishap, happened: Happened) -> None:
        """The organisers change the schedule and have it read."""
        stage = self._stage
        talks = moved(list(stage.talks.values()), mishap.talk, by_s=mishap.seconds, hall=mishap.hall)
        stage.talks.update({talk.code: talk for talk in talks})
        stage.version += 1
        stage.schedule.document = schedule_of(
            stage.programme, talks, began_at=stage.began_at, version=stage.version
        )
        happened.note = f"to {mishap.hall}" if mishap.hall else f"by {mishap.seconds:.0f} s"
        for _ in range(IMPORT_TRIES):
            if await asyncio.to_thread(import_schedule, stage.stack):
                return
            await asyncio.sleep(AGAIN_S)
        happened.note, happened.wrong = "could not be imported", True


def import_schedule(stack: Stack) -> bool:
    """`manage.py import_schedule` of this stack; whether it could."""
    hidden = ("DATABASE_URL", "REDIS_URL")
    environment = {key: value for key, value in os.environ.items() if key not in hidden} | stack.environment
    command = [sys.executable, "manage.py", "import_schedule"]
    done = subprocess.run(
        command, cwd=BASE_DIR, env=environment, capture_output=True, check=False, timeout=60
    )
    return done.returncode == 0


async def _stored(
    send: Callable[[str], Awaitable[None]],
    receive: Callable[[], Awaitable[str | bytes]],
    name: str,
    text: str,
) -> None:
    """Write until it is stored; what is refused for now goes again."""
    sentence = json.dumps({"type": "write", "id": name, "text": text, "began_ms_ago": round(TYPED_S * 1000)})
    await send(sentence)
    while True:
        message = json.loads(await receive())
        if message["type"] == "stored":
            return
        if message["type"] == "refused" and message["of"] == "write":
            await asyncio.sleep(0.2)
            await send(sentence)


def _session_of_host(stack: Stack) -> str:
    with signed_in(stack.url, HOST_PASSWORD) as session:
        return str(session.cookies["sessionid"])
