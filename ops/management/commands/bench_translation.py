"""Translation measured: engines alone, and through a whole stack of its own: `manage.py bench_translation`."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain as chained
from itertools import repeat
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from rich.console import Console
from rich.table import Table

from asr.audio.recorder import Blob, read_audio, record
from asr.recognise.whisper import Whisper
from asr.sample import SAMPLE
from asr.weights import WeightsError, find_or_fetch
from ops.bench import load
from ops.bench.end_to_end import talk_of
from ops.bench.reading_along import read_along
from ops.bench.translation import Delays, talk
from ops.faults.stack import Stack, running_stack
from ops.interrupts import StackCommand
from ops.measure.draft_methods import compared, recorded
from ops.measure.talk import cut, load_talk
from ops.measure.translated import figures
from translation import chain, measure
from translation.engines.base import Engine
from translation.engines.bergamot import Bergamot

RATE_HZ = 48_000
BATCHES = (1, 2, 4, 8, 16)
NINE = ("de", "es", "fr", "it", "nl", "pl", "pt", "uk", "zh")
SCRIPTED_TEXT_S = 0.03
SPOKEN = (
    "So the first thing that we did was to measure how long every single request really takes.",
    "It turns out that most of the time is spent waiting for the database.",
    "Thank you.",
    "In 2024 we had about 1,200 machines in three data centres.",
    "And that is the reason why we decided to rewrite the scheduler from scratch.",
    "Does anybody have a question about this part?",
    "The talk after this one starts at 14:30 in the small hall.",
    "I will show you in a moment how you can try this at home.",
)
CHINESE = (
    "今天的会议在下午三点开始。",
    "我们正在翻译一场关于分布式系统的演讲。",
    "谢谢大家的提问。",
    "这个系统每天处理一百万个请求。",
    "下一个演讲者来自柏林。",
    "请打开你的电脑，访问这个网站。",
    "我们从去年开始研究这个问题。",
    "大部分时间都花在等待数据库上。",
)
Case = Callable[[], Iterator[Delays]]


class Command(StackCommand):
    """Prints tables and, as its last line, JSON. Cases: engines, quality, delay, live, fairness, overload."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("cases", nargs="*", default=["engines", "delay", "fairness", "overload"])
        parser.add_argument(
            "--talk", type=Path, help="audio in English for the case live; default: the sample"
        )
        parser.add_argument(
            "--source", type=Path, help="sentences in English, one per line, for the case quality"
        )
        parser.add_argument("--reference", type=Path, help="the same in Portuguese")
        parser.add_argument("--sentences", type=int, default=997, help="how many of them (default all)")
        parser.add_argument(
            "--live",
            type=Path,
            metavar="TALK.json",
            help="read this talk along in --target while it is spoken",
        )
        parser.add_argument(
            "--methods",
            type=Path,
            metavar="TALK.json",
            help="compare ways to draft this talk in --target, without a stack",
        )
        parser.add_argument("--target", default="pt", help="language of --live and --methods (default pt)")
        parser.add_argument("--seconds-of-talk", type=float, help="no more than so much of it")
        parser.add_argument("--rooms", type=int, help="this many rooms at once, on the free engine")
        parser.add_argument("--langs", type=int, default=5, help="languages in each of them (default 5)")
        parser.add_argument(
            "--seconds", type=float, default=60.0, help="how long is spoken there (default 60)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self._options = options
        if options["rooms"]:
            self._rooms(options["rooms"], options["langs"], options["seconds"])
            return
        if options["live"]:
            self._read_along(options["live"], options["target"], options["seconds_of_talk"])
            return
        if options["methods"]:
            self._methods(options["methods"], options["target"])
            return
        stacked: dict[str, Case] = {
            "delay": self._delay, "live": self._live, "fairness": self._fairness, "overload": self._overload,
        }  # fmt: skip
        found: dict[str, list[dict[str, Any]]] = {}
        for case in options["cases"]:
            if case == "engines":
                rows: list[Any] = list(self._engines())
            elif case == "quality":
                rows = self._quality()
            elif case in stacked:
                rows = list(stacked[case]())
            else:
                raise CommandError(f"no such case: {case}")
            found[case] = [asdict(row) for row in rows]
            Console(width=120).print(_table(case, found[case]))
        self.stdout.write(json.dumps(found))

    def _rooms(self, rooms: int, langs: int, seconds: float) -> None:
        """Many rooms at a talk's pace: a sentence every three seconds in each."""
        if not 0 < langs <= len(load.LANGS):
            raise CommandError(f"--langs is 1 to {len(load.LANGS)}")
        found = asdict(load.measure(rooms=rooms, langs=langs, seconds=seconds))
        Console(width=120).print(_table("rooms", [found]))
        wanted = ("rooms", "translated_share", "p50_s", "p95_s", "queue_max")
        self.stdout.write(json.dumps({name: found[name] for name in wanted}))

    def _read_along(self, path: Path, target: str, seconds: float | None) -> None:
        """A reader of the native captions, beside Whisper in real time, through a whole stack of its own."""
        try:
            reference = load_talk(path)
        except (OSError, ValueError, KeyError, StopIteration) as error:
            raise CommandError(str(error)) from error
        blobs = list(record(read_audio(talk_of(path, reference.language).path, rate_hz=RATE_HZ)))
        if seconds is not None:
            reference = cut(reference, seconds)
            blobs = [blob for blob in blobs if blob.end_ms <= reference.seconds * 1000]
        weights = {"ASR_MODEL_DIR": str(settings.VAR_DIR / "models"), "ASR_RECOGNISER": "whisper"}
        with running_stack(rooms=["ALONG"], LOG_LEVEL="DEBUG", **weights) as stack:
            read = asyncio.run(read_along(stack, "ALONG", reference, blobs, target=target))
            calls = stack.log("translation").count("drafted") + read.sentences
        found = figures(read.shown, read.spoken_ends_s, calls=calls)
        Console(width=120).print(
            _table("read along", [{"talk": reference.name, "sentences": read.sentences, **asdict(found)}])
        )
        wanted = ("word_p50_s", "word_p95_s", "normalized_erasure", "replaced", "bleu", "calls_per_sentence")
        self.stdout.write(json.dumps({name: round(getattr(found, name), 3) for name in wanted}))

    def _methods(self, path: Path, target: str) -> None:
        """On what the recogniser tells of the talk, by a virtual clock."""
        try:
            spoken = load_talk(path)
            weights = find_or_fetch("base", model_dir=None, progress=self.stderr.write)
        except (OSError, ValueError, KeyError, StopIteration, WeightsError) as error:
            raise CommandError(str(error)) from error
        pair = spoken.language, target
        engine = next(
            (each for each in (*chain.engines(), *_other_engines()) if pair in each.languages()), None
        )
        if engine is None:
            raise CommandError(f"no engine translates {pair[0]} into {pair[1]}")
        model = Whisper.load(weights, device="cpu", compute_type="int8", threads=1)
        found = compared(spoken, recorded(spoken, model), lambda text: engine.translate([text], *pair)[0])
        rows = [{"method": name, **asdict(each)} for name, each in found]
        Console(width=140).print(_table(f"methods of drafts, {spoken.name}", rows))
        self.stdout.write(json.dumps(rows))

    def _engines(self) -> Iterator[measure.Speed]:
        """Every engine that this deployment has, in a pair of which there are sentences here."""
        for engine in (*chain.engines(), *_other_engines()):
            pairs = engine.languages()
            for pair, texts in ((("en", "pt"), SPOKEN), (("en", "de"), SPOKEN), (("zh", "en"), CHINESE)):
                if pair in pairs:
                    for batch in BATCHES:
                        yield measure.speed(engine, list(texts) * 4, pair, batch)

    def _quality(self) -> list[measure.Quality]:
        source, reference = self._options["source"], self._options["reference"]
        if source is None or reference is None:
            raise CommandError("quality needs --source and --reference")
        count = self._options["sentences"]
        texts = source.read_text().splitlines()[:count]
        return measure.quality(Bergamot(), texts, reference.read_text().splitlines()[:count], ("en", "pt"))

    def _delay(self) -> Iterator[Delays]:
        """A sentence every second; Bergamot for one language, the scripted engine for several."""
        with running_stack(rooms=["ONE"]) as stack:
            yield self._talk(stack, "ONE", ["pt"], "bergamot")
        with running_stack(rooms=["FIVE", "NINE"], **_scripted(SCRIPTED_TEXT_S)) as stack:
            yield self._talk(stack, "FIVE", NINE[:5], "scripted, 30 ms per sentence")
            yield self._talk(stack, "NINE", NINE, "scripted, 30 ms per sentence")

    def _live(self) -> Iterator[Delays]:
        """Beside live transcription by Whisper, in real time."""
        weights = {"ASR_MODEL_DIR": str(settings.VAR_DIR / "models"), "ASR_RECOGNISER": "whisper"}
        with running_stack(rooms=["LIVE"], **weights) as stack:
            blobs = self._blobs(self._options["talk"])
            yield asyncio.run(talk(stack, "LIVE", ["pt"], blobs, 1.0, "bergamot, beside Whisper"))

    def _fairness(self) -> Iterator[Delays]:
        """A room with nine languages and one with a single one, on an engine that nine keep busy."""
        with running_stack(rooms=["NINE", "ONE"], **_scripted(0.1)) as stack:

            async def both() -> list[Delays]:
                return list(
                    await asyncio.gather(
                        self._talking(stack, "NINE", NINE, "room with nine languages"),
                        self._talking(stack, "ONE", ["pt"], "room with one language beside it"),
                    )
                )

            yield from asyncio.run(both())

    def _overload(self) -> Iterator[Delays]:
        """Five languages, three times what the engine can carry."""
        with running_stack(rooms=["MANY"], **_scripted(0.6)) as stack:
            yield self._talk(stack, "MANY", NINE[:5], "three times the engine's capacity")

    def _talk(self, stack: Stack, room: str, langs: tuple[str, ...] | list[str], case: str) -> Delays:
        return asyncio.run(self._talking(stack, room, langs, case))

    async def _talking(
        self, stack: Stack, room: str, langs: tuple[str, ...] | list[str], case: str
    ) -> Delays:
        return await talk(stack, room, langs, self._blobs(None)[:240], 2.0, case)  # a sentence each second

    def _blobs(self, path: Path | None) -> list[Blob]:
        file = path or SAMPLE.path
        frames = chained.from_iterable(
            read_audio(item, rate_hz=RATE_HZ) for item in repeat(file, 1 if path else 12)
        )
        return list(record(frames))


def _scripted(text_s: float) -> dict[str, str]:
    return {"TRANSLATION_ENGINES": "scripted", "TRANSLATION_SCRIPTED_TEXT_S": str(text_s)}


def _other_engines() -> list[Engine]:
    """Engines that are here though the settings do not name them."""
    named = {engine.name for engine in chain.engines()}
    return [] if "bergamot" in named else [Bergamot()]


def _table(case: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=f"Translation: {case}")
    for heading in rows[0] if rows else ():
        table.add_column(heading)
    for row in rows:
        table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()))
    return table
