"""Every alert of deploy/prometheus, made to fire once on a whole stack, and to end: `manage.py drill alerts`.

What an alert waits for is shortened (`--speed`), what it compares with is not: a hall is silent for thirty seconds, and
nobody says a word for three minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gateways.captions.screens import REPORT_EVERY_S
from ops.faults.prometheus import Prometheus, find_prometheus, watched
from ops.faults.races import Output
from ops.faults.speech import sound
from ops.faults.stack import Stack, running_stack
from ops.faults.troubles import TROUBLES, WORDLESS, Audience, Drill, Engine, NotHere, Trouble, hosting

SPEED = 10.0
FIRES_WITHIN_S, ENDS_WITHIN_S, CALM_WITHIN_S = 90.0, 90.0, 60.0
ASKED_EVERY_S = 0.5
ROOMS = ("TALK", "WORDLESS", "SILENT", "BUSY", "FAILS", "AWAY")
SLOTS = 3
DISK_BYTES = 24 << 20


@dataclass(frozen=True, slots=True)
class AlertRow:
    """Seconds from the trouble's beginning until the alert fired, and from its end until the alert was gone; None: it was not."""

    alert: str
    trouble: str
    fired_s: float | None
    resolved_s: float | None


def run_and_print(output: Output, *, speed: float = SPEED, only: Sequence[str] = ()) -> None:
    """The table, and one last line of JSON. `only`: these alerts."""
    rows = run(speed=speed, only=only, say=lambda line: (output.write(line), None)[1])
    table = Table(title=f"Every alert once; times of the rules {speed:g} times shorter")
    for heading in ("alert", "trouble", "fired after s", "resolved after s"):
        table.add_column(heading)
    for row in rows:
        table.add_row(
            row.alert,
            row.trouble,
            *(("–" if s is None else f"{s:.0f}") for s in (row.fired_s, row.resolved_s)),
        )
    Console(width=120).print(table)
    output.write(json.dumps({"alerts": [asdict(row) for row in rows]}))


def run(*, speed: float, only: Sequence[str], say: Callable[[str], None]) -> list[AlertRow]:
    """On a stack of its own. Raises PrometheusMissing."""
    find_prometheus()  # before anything starts
    engine = Engine()
    engine.start()
    with _disk() as disk, running_stack(
        rooms=list(ROOMS), ASR_SLOTS=str(SLOTS), ASR_BEAT_STALE_S="40", ASR_STUCK_S="60", GRACE_S="120",
        LIBRETRANSLATE_URL=engine.url, TRANSLATION_ENGINES="libretranslate",
        **({"METRICS_DIR": str(disk)} if disk else {}),
    ) as stack, watched(stack.folder / "prometheus", f"127.0.0.1:{stack.port}", speed=speed) as prometheus:  # fmt: skip
        try:
            return asyncio.run(_drill(stack, engine, disk, prometheus, set(only), say))
        finally:
            engine.stop()


async def _drill(
    stack: Stack,
    engine: Engine,
    disk: Path | None,
    prometheus: Prometheus,
    only: set[str],
    say: Callable[[str], None],
) -> list[AlertRow]:
    rows: list[AlertRow] = []
    drill = Drill(stack, engine, disk, Audience())
    watch = Watch(prometheus)
    async with watch, hosting(drill, "TALK", sound(60.0)), _reading(stack.port, drill.audience):
        wordless = (
            asyncio.create_task(_row_of(drill, watch, *WORDLESS))
            if not only or only & {*WORDLESS[2]}
            else None
        )
        for name, trouble, alerts in TROUBLES:
            if not only or only & {*alerts}:
                if wordless is not None and alerts == ("SouffleurWebDown",):
                    rows += await wordless
                    wordless = None
                rows += await _row_of(drill, watch, name, trouble, alerts)
                for row in rows[-len(alerts) :]:
                    say(f"{row.alert}: fired after {row.fired_s} s, gone after {row.resolved_s} s")
        if wordless is not None:
            rows += await wordless
    order = [alert for _, _, alerts in (*TROUBLES, WORDLESS) for alert in alerts]
    return sorted(rows, key=lambda row: order.index(row.alert))


async def _row_of(
    drill: Drill, watch: Watch, name: str, trouble: Trouble, alerts: tuple[str, ...]
) -> list[AlertRow]:
    await watch.until(lambda: not watch.firing & {*alerts}, CALM_WITHIN_S)
    began = time.monotonic()
    try:
        async with trouble(drill):
            await watch.until(
                lambda: all(watch.fired(alert, began) is not None for alert in alerts), FIRES_WITHIN_S
            )
            fired = [watch.fired(alert, began) for alert in alerts]
            ended = time.monotonic()
    except NotHere as error:
        return [AlertRow(alert, str(error), None, None) for alert in alerts]
    shown = [alert for alert, fired_s in zip(alerts, fired, strict=True) if fired_s is not None]
    await watch.until(lambda: all(watch.gone(alert, ended) is not None for alert in shown), ENDS_WITHIN_S)
    return [
        AlertRow(alert, name, fired_s, watch.gone(alert, ended))
        for alert, fired_s in zip(alerts, fired, strict=True)
    ]


class Watch:
    """What fires, asked twice a second."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self.firing: set[str] = set()
        self._began: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._asked = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Watch:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def fired(self, alert: str, since: float) -> float | None:
        """Seconds from `since` until it fired, if it did."""
        at = self._began.get(alert, 0.0)
        return round(at - since, 1) if at >= since else None

    def gone(self, alert: str, since: float) -> float | None:
        """Seconds from `since` until it did not fire any more; 0 where it had ended by then."""
        if alert in self.firing or alert not in self._ended:
            return None
        return round(max(0.0, self._ended[alert] - since), 1)

    async def until(self, true: Callable[[], bool], within_s: float) -> None:
        """For so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s), self._asked:
                await self._asked.wait_for(true)

    async def _run(self) -> None:
        while True:
            now = time.monotonic()
            firing = await asyncio.to_thread(self._prometheus.firing)
            self._began |= dict.fromkeys(firing - self.firing, now)
            self._ended |= dict.fromkeys(self.firing - firing, now)
            self.firing = firing
            async with self._asked:
                self._asked.notify_all()
            await asyncio.sleep(ASKED_EVERY_S)


@contextlib.asynccontextmanager
async def _reading(port: int, audience: Audience) -> AsyncIterator[None]:
    """Some readers, in two languages."""
    langs = ("en", "en", "en", "en", "de")
    reading = [asyncio.create_task(_read(port, lang, 6.0 * at, audience)) for at, lang in enumerate(langs)]
    try:
        yield
    finally:
        for each in reading:
            each.cancel()
        await asyncio.gather(*reading, return_exceptions=True)


async def _read(port: int, lang: str, after_s: float, audience: Audience) -> None:
    """As a page does: now and then it says when a line was on its screen, and it comes back."""
    reports_at = time.monotonic() + after_s
    async for socket in connect(f"ws://127.0.0.1:{port}/captions/TALK?lang={lang}", compression=None):
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                message = json.loads(text)
                if message["type"] != "sentence" or message["lang"] != lang or time.monotonic() < reports_at:
                    continue
                reports_at = time.monotonic() + REPORT_EVERY_S
                place = {key: message[key] for key in ("lang", "part", "index")}
                await asyncio.sleep(audience.shows_after_s)
                shown = {"type": "shown", "at_ms": round(1000 * time.time()), **place}
                await socket.send(json.dumps(shown))


@contextlib.contextmanager
def _disk() -> Iterator[Path | None]:
    """A small disk of its own, where this machine allows it."""
    folder = Path(tempfile.mkdtemp(prefix="souffleur-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "souffleur", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()
