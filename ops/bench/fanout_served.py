"""One server of `manage.py bench_fanout` with its crowd, and the child processes that stand for other machines."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from ops.bench.servers import PYTHON_M, cpu_s_of, rss_kb_of
from ops.faults.stack import BASE_DIR, Stack

MANY = 3000  # from so many viewers on they read in three languages
LANGS = ("en", "de", "fr")
FIRST_VIEWERS = 20  # a server has imported and opened everything when these are there
SETTLE_S = 2.0
JOIN_PER_S = 200


@dataclass(frozen=True, slots=True)
class Slice:
    """One stretch of speech at one server."""

    deliveries: int
    cpu_s: float
    late_s: list[float]
    lost: int
    repeats: int


class LineProcess:
    """A child that answers each line with a line."""

    def __init__(self, module: str, environment: dict[str, str]) -> None:
        self._child = subprocess.Popen(
            [*PYTHON_M, module], cwd=BASE_DIR, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def ask(self, **command: object) -> None:
        """Begin something."""
        if self._child.stdin is None:
            raise RuntimeError("no input")
        self._child.stdin.write(json.dumps(command) + "\n")
        self._child.stdin.flush()

    def answer(self) -> Any:
        """What it said to the oldest command that is not answered yet. Raises RuntimeError when it ended instead."""
        line = self._child.stdout.readline() if self._child.stdout is not None else ""
        if not line:
            raise RuntimeError("a process of the benchmark has ended")
        return json.loads(line)

    def do(self, **command: object) -> Any:
        """`ask`, then `answer`."""
        self.ask(**command)
        return self.answer()

    def stop(self) -> None:
        """End it."""
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        self._child.terminate()
        self._child.wait()


@contextlib.contextmanager
def line_process(module: str, stack: Stack) -> Iterator[LineProcess]:
    """A child with the stack's settings."""
    hidden = ("DATABASE_URL", "REDIS_URL")
    environment = {key: value for key, value in os.environ.items() if key not in hidden} | stack.environment
    child = LineProcess(module, environment)
    try:
        yield child
    finally:
        child.stop()


def langs_of(viewers: int) -> list[str]:
    """What so many viewers read."""
    return list(LANGS if viewers >= MANY else LANGS[:1])


class ServedCrowd:
    """One running server, its room, and those who read it. `groups`: it is fed by plain Channels groups."""

    def __init__(
        self, name: str, room: str, running: tuple[psutil.Process, int], crowd: LineProcess, *, groups: bool
    ) -> None:
        self.name = name
        self.viewers = 0
        self.idle_kb = math.nan
        self._room, self._groups = room, groups
        self._process, self._port = running
        self._crowd = crowd
        self._readers: dict[str, int] = {}  # by language

    def gather(self, viewers: int) -> None:
        """Let so many come, and see what they cost while nothing is said."""
        langs = langs_of(viewers)
        for lang in langs:
            self._join(lang, FIRST_VIEWERS)
        time.sleep(SETTLE_S)
        before_kb, before = rss_kb_of(self._process), sum(self._readers.values())
        for place, lang in enumerate(langs):
            self._join(lang, (viewers + place) // len(langs) - self._readers[lang])
        self.viewers = sum(self._readers.values())
        time.sleep(SETTLE_S)
        self.idle_kb = (rss_kb_of(self._process) - before_kb) / (self.viewers - before)

    def listen(self, speaker: LineProcess, seconds: float) -> Slice:
        """One stretch of speech."""
        before_s = self._begin(speaker, seconds)
        return self._end(speaker, before_s)

    def rush(self, speaker: LineProcess, viewers: int, seconds: float) -> Slice:
        """So many more come while somebody speaks; what the others have of it."""
        before_s = self._begin(speaker, seconds)
        self._crowd.do(do="join", url=self._url(LANGS[0]), viewers=viewers, within_s=seconds, name="rush")
        return self._end(speaker, before_s)

    def stall_one(self) -> None:
        """One more comes and reads nothing."""
        self._crowd.do(do="stall", url=self._url(LANGS[0]))
        time.sleep(SETTLE_S)

    def _begin(self, speaker: LineProcess, seconds: float) -> float:
        self._crowd.do(do="collect")
        before_s = cpu_s_of(self._process)
        speaker.ask(room=self._room, langs=sorted(self._readers), seconds=seconds, groups=self._groups)
        return before_s

    def _end(self, speaker: LineProcess, before_s: float) -> Slice:
        said = speaker.answer()
        updates = [
            len([one for one in said if one["lang"] in (lang, LANGS[0])]) * readers
            for lang, readers in self._readers.items()
        ]
        self._crowd.do(do="settle", deliveries=sum(updates))
        cpu_s = cpu_s_of(self._process) - before_s
        return self._slice(said, self._crowd.do(do="collect"), cpu_s)

    def _slice(self, said: Sequence[dict[str, Any]], came: dict[str, Any], cpu_s: float) -> Slice:
        late_s: list[float] = []
        lost = 0
        for lang, readers in self._readers.items():
            for update in said:
                if update["lang"] in (lang, LANGS[0]):
                    times = came[lang]["arrivals"].get(str(update["marker"]), [])
                    late_s += [at - update["at_s"] for at in times]
                    lost += (readers - len(times)) * update["durable"]
        repeats = sum(batch["repeats"] for batch in came.values())
        return Slice(len(late_s), cpu_s, late_s, lost, repeats)

    def _join(self, lang: str, viewers: int) -> None:
        within_s = viewers / JOIN_PER_S
        self._crowd.do(do="join", url=self._url(lang), viewers=viewers, within_s=within_s, name=lang)
        self._readers[lang] = self._readers.get(lang, 0) + viewers

    def _url(self, lang: str) -> str:
        return f"ws://127.0.0.1:{self._port}/captions/{self._room}?lang={lang}"
