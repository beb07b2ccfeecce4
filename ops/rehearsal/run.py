"""A rehearsal from its beginning to its report, on a stack of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from ops.faults.scenarios import until
from ops.faults.stack import BASE_DIR, Stack, running_stack
from ops.rehearsal.audience import Audience
from ops.rehearsal.director import Director, Happened, Stage, import_schedule
from ops.rehearsal.hosts import DO_NOT_RECORD, Sound, Spoke, TalkHost
from ops.rehearsal.mishaps import EVERYBODYS, Mishap
from ops.rehearsal.programme import Programme, schedule_of
from ops.rehearsal.record import OPEN_ROOMS, RUNNING, opened_rooms, stored_sentences
from ops.rehearsal.report import MishapRow, Report
from ops.rehearsal.score import CountWords, Heard, cost_s, score
from ops.rehearsal.seen import MOMENT_S, Seen
from ops.rehearsal.servers import MarkingEngine, ScheduleServer

LANGS = ["en", "de", "pt", "es"]
FOLLOWERS_SHARE = 0.25  # of the viewers: by the hall's address
OVER_WITHIN_S, SEEN_WITHIN_S = 120.0, 4.0
BEGINS_WITHIN_S, BEGIN_TRIES = 4.0, 5
GRACE_LEAST_S = 15.0


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is to happen. `sounds`: by language; `speed`: of the sound; `environment`: of the stack, beside what this needs."""

    programme: Programme
    mishaps: list[Mishap]
    sounds: Mapping[str, Sound]
    count_words: Callable[[Spoke], CountWords]
    speed: float
    viewers: int
    seed: int
    environment: Mapping[str, str]
    keep: bool = False


def rehearse(plan: Rehearsal, say: Callable[[str], None]) -> Report:
    """All of it. Everything that was started is gone afterwards."""
    with ScheduleServer() as schedule, MarkingEngine() as engine:
        environment = {
            "SCHEDULE_URL": f"{schedule.url}/schedule.json", "TRANSLATION_ENGINES": "libretranslate",
            "LIBRETRANSLATE_URL": engine.url, "HOST_RETURN_S": "30", **_scaled(plan), **plan.environment,
        }  # fmt: skip
        with running_stack(rooms=[], **environment) as stack:
            stack.keep_folder = plan.keep
            say(f"logs: {stack.folder / 'run'}" if plan.keep else f"{len(plan.programme.talks)} talks")
            return asyncio.run(_play(plan, stack, (schedule, engine), say))


def _scaled(plan: Rehearsal) -> dict[str, str]:
    """Settings that are times, as fast as the event; a slot for a room that waits for its host beside the next one's."""
    speed = plan.programme.timeline.speed
    return {
        "GRACE_S": str(max(GRACE_LEAST_S, 300 / speed)),
        "ROOM_LIST_AHEAD_MIN": str(max(1, round(30 / speed))),
        "ASR_SLOTS": str(2 * len(plan.programme.halls)),
    }


async def _play(
    plan: Rehearsal, stack: Stack, servers: tuple[ScheduleServer, MarkingEngine], say: Callable[[str], None]
) -> Report:
    schedule, engine = servers
    began_at = await _scheduled(plan, stack, schedule)
    halls = dict(stack.query("SELECT name, slug FROM rooms_hall"))
    with tempfile.TemporaryDirectory() as folder, Crowd(plan, stack, halls, Path(folder)) as crowd:
        talks = {talk.code: talk for talk in plan.programme.talks}
        stage = Stage(
            stack, plan.programme, began_at.timestamp(), began_at, schedule, engine, crowd.storm, talks
        )
        for code, talk in talks.items():
            sound = plan.sounds.get(talk.language) or plan.sounds["en"]
            find = partial(stage.talks.__getitem__, code)
            stage.hosts[code] = TalkHost(stack, find, sound, began_s=stage.began_s, speed=plan.speed)
        director = Director(stage, hall_viewers=plan.viewers // len(halls), say=say)
        director.prepare(plan.mishaps)
        async with asyncio.TaskGroup() as group:
            group.create_task(director.run(plan.mishaps))
            for host in stage.hosts.values():
                group.create_task(host.run())
        load = os.getloadavg()[0]
        await _close(stack)
        seen = await asyncio.to_thread(crowd.seen)
    return _report(plan, stage, director.happened, seen, load)


async def _scheduled(plan: Rehearsal, stack: Stack, schedule: ScheduleServer) -> datetime:
    """Have the schedule read; when the run begins by it. Raises RuntimeError."""
    within_s = BEGINS_WITHIN_S
    for _ in range(BEGIN_TRIES):
        asked_at = datetime.now(UTC)
        began_at = asked_at + timedelta(seconds=within_s)
        schedule.document = schedule_of(plan.programme, plan.programme.talks, began_at=began_at, version=1)
        done = await asyncio.to_thread(import_schedule, stack)
        if done and datetime.now(UTC) < began_at:
            return began_at
        within_s = 2 * (datetime.now(UTC) - asked_at).total_seconds()  # a busy machine
    raise RuntimeError("the schedule could not be imported")


async def _close(stack: Stack) -> None:
    """Every room, and until all of it is written."""
    await until(lambda: stack.query("SELECT 1") == [(1,)], OVER_WITHIN_S)
    for (room,) in stack.query(OPEN_ROOMS):
        await asyncio.to_thread(stack.close_room, room)
    await until(lambda: stack.query(RUNNING) == [(0,)], OVER_WITHIN_S)
    await asyncio.sleep(SEEN_WITHIN_S)  # who comes round to comparing gets the last ones


class Crowd:
    """The audience's process."""

    def __init__(self, plan: Rehearsal, stack: Stack, halls: dict[str, str], folder: Path) -> None:
        each = plan.viewers // len(halls)
        followers = round(each * FOLLOWERS_SHARE)
        self._told = folder / "seen.json"
        self._audience = Audience(
            stack.port, halls, followers, each - followers, LANGS, str(self._told), plan.seed
        )
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Crowd:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "ops.rehearsal.audience"], cwd=BASE_DIR, stdin=subprocess.PIPE, text=True
        )
        self._write(asdict(self._audience))
        return self

    def __exit__(self, *error: object) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait()

    def storm(self, hall: str, count: int) -> None:
        """So many more in this hall at once."""
        self._write({"storm": hall, "count": count})

    def seen(self) -> Seen:
        """Ends it. Raises RuntimeError where it has ended by itself."""
        if self._child is None or self._child.stdin is None:
            raise RuntimeError("no audience")
        self._child.stdin.close()
        if self._child.wait(60) != 0:
            raise RuntimeError("the audience has failed")
        seen = Seen()
        seen.add(self._told.read_text())
        return seen

    def _write(self, line: object) -> None:
        if self._child is None or self._child.stdin is None:
            raise RuntimeError("no audience")
        self._child.stdin.write(json.dumps(line) + "\n")
        self._child.stdin.flush()


def _report(plan: Rehearsal, stage: Stage, happened: list[Happened], seen: Seen, load: float) -> Report:
    stored, opened = stored_sentences(stage.stack), opened_rooms(stage.stack)
    spoke = {code: host.spoke for code, host in stage.hosts.items()}
    scores = []
    for code, host in spoke.items():
        if stage.talks[code].recorded:
            heard = Heard(
                code, host.heard, len(host.stretches), stored.get(code, []), seen.arrivals[code],
                [number * MOMENT_S for number in sorted(seen.spoken[code])],
                tuple(_typed_ms(host, each) for each in happened if each.mishap.talk == code and each.typed_s),
                session_failed=opened.get(code, False),
            )  # fmt: skip
            scores.append(score(heard, plan.count_words(host)))
    unrecorded = [host for code, host in spoke.items() if not stage.talks[code].recorded]
    refused = sum(any(DO_NOT_RECORD in reason for reason in host.refusals) for host in unrecorded)
    return Report(
        talks=stage.talks,
        scores=scores,
        mishaps=[_row(plan, stage, each, seen) for each in happened],
        refusals={code: host.refusals for code, host in spoke.items()},
        given_up={code: host.given_up for code, host in spoke.items()},
        connections=seen.connected,
        holes=sum(seen.holes.values()),
        rewritten=seen.rewritten,
        unrecorded=refused,
        wrongly_opened=sum(host.talk.code in opened for host in unrecorded),
        load=load,
    )


def _typed_ms(host: Spoke, happened: Happened) -> tuple[int, int]:
    """Where in the sound a person typed."""
    begin_s, end_s = happened.typed_s or (0.0, 0.0)
    within = [ms for at_s, ms in host.heard if begin_s <= at_s <= end_s]
    return (within[0], within[-1]) if within else (0, 0)


def _row(plan: Rehearsal, stage: Stage, happened: Happened, seen: Seen) -> MishapRow:
    mishap = happened.mishap
    moments = seen.translated if mishap.kind == "translation-engine-away" else seen.spoken
    costs = []
    for code, host in ((code, host.spoke) for code, host in stage.hosts.items()):
        if not host.heard or not (host.heard[0][0] < happened.at_s < host.heard[-1][0]):
            continue
        if code == mishap.talk or mishap.kind in EVERYBODYS:
            spoken = host.heard[0][0], host.heard[-1][0]
            costs.append(
                cost_s([number * MOMENT_S for number in sorted(moments[code])], happened.at_s, spoken)
            )
    return MishapRow(
        mishap.at_s, plan.programme.timeline.moment(mishap.at_s), mishap.kind, happened.hall, mishap.talk,
        max(costs, default=None), happened.note, happened.wrong,
    )  # fmt: skip
