"""Measures the recogniser on talks whose words are known, in real time, beside offline faster-whisper."""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import psutil
from av import AudioFrame
from django.core.management.base import CommandError
from rich.console import Console

from asr import checkpoints
from asr.audio.recorder import read_audio, record
from asr.caption.captioner import Captioner
from asr.recognise import backends
from asr.recognise.counters import Counters
from asr.recognise.options import EngineOptions, Policy
from asr.recognise.recogniser import Recogniser
from asr.recognise.streaming import StreamingRecogniser
from asr.recognise.whisper import Whisper
from asr.weights import WeightsError, find_or_fetch
from ops.bench.end_to_end import ROOM
from ops.bench.recogniser import measure_through_stack
from ops.faults.stack import running_stack
from ops.interrupts import StackCommand
from ops.measure import bench, soak, terms
from ops.measure.pauses import with_pauses
from ops.measure.recordings import load_recordings
from ops.measure.replay import Clock, CountedClock, RealClock, VirtualClock, replay
from ops.measure.score import Row, score
from ops.measure.talk import Talk, cut
from ops.measure.word_times import timed

OPUS_RATE_HZ = 48_000
POLICIES: tuple[str, ...] = get_args(Policy)


class Command(StackCommand):
    help = "Feeds talks to the recogniser in real time; prints one table and one JSON line per run."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "talks",
            nargs="+",
            type=Path,
            metavar="PATH",
            help="TALK.json beside its audio, utterances.tsv, or a folder of such, or of audio with NAME.txt",
        )
        parser.add_argument("--language", default="en", help="of texts that do not say theirs")
        parser.add_argument("--pauses", type=int, action="append", metavar="SEED", help="with pauses put in")
        parser.add_argument(
            "--policy", action="append", choices=[*POLICIES, "all"], help="default: the default"
        )
        parser.add_argument("--without", action="append", default=[], choices=[*bench.WITHOUT, "each"])
        parser.add_argument(
            "--set", action="append", default=[], metavar="OPTION=VALUE", help="engine options"
        )
        parser.add_argument("--backend", choices=backends.NAMES, default="auto")
        parser.add_argument(
            "--model", default="base", help="of torch: a checkpoint's folder (export_checkpoint)"
        )
        parser.add_argument("--model-dir", type=Path)
        parser.add_argument("--device", default="cpu")
        parser.add_argument("--compute-type", default="", help="default: int8, of torch float32")
        parser.add_argument("--threads", type=int, default=1)
        parser.add_argument("--runs", type=int, default=1, help="times each is run; medians are shown")
        parser.add_argument(
            "--virtual", action="store_true", help="skip the waiting: time is audio and CPU time"
        )
        parser.add_argument(
            "--decode-s",
            type=float,
            default=0,
            metavar="SECONDS",
            help="as --virtual, but each decode takes so long: runs that any machine can repeat",
        )
        parser.add_argument("--seconds", type=float, default=0, help="of each talk; 0: all of it")
        parser.add_argument("--no-offline", action="store_true", help="leave out offline faster-whisper")
        parser.add_argument(
            "--stack", action="store_true", help="also once through a whole stack, as viewers read it"
        )
        parser.add_argument("--text", action="store_true", help="print the final text of each run")
        parser.add_argument(
            "--terms",
            type=int,
            metavar="N",
            help="only: with and without its N rarest words as the talk's glossary",
        )
        parser.add_argument("--soak", type=float, metavar="MINUTES", help="repeat each talk for so long")
        parser.add_argument("--plot", type=Path, help="where the soak's plot goes (SVG)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            path = self._weights(options)
            files = _talks(path, options)
            if options["seconds"]:
                files = [(file, cut(talk, min(options["seconds"], talk.seconds))) for file, talk in files]
            base = bench.parse_options(options["set"], EngineOptions())
            model = Whisper.load(
                path,
                backend=options["backend"],
                device=options["device"],
                compute_type=options["compute_type"],
                threads=options["threads"],
            )
        except (OSError, ValueError, KeyError, StopIteration, WeightsError, backends.BackendError) as error:
            raise CommandError(str(error)) from error
        if options["terms"]:
            self._terms([talk for _, talk in files], model, base, options)
            return
        if options["soak"]:
            for _, talk in files:
                self._soak(talk, model, base, options)
            return
        shown: list[Row] = []
        for file, talk in files:
            floor = None if options["no_offline"] else self._offline(talk, path, options)
            for case in _cases(options["policy"], options["without"], base, options["backend"]):
                shown.append(self._runs(talk, model, case, floor, options))
            if options["stack"]:
                for found in self._through_stack(talk, file, base.policy, path):
                    shown.append(_beside(found, floor))
                    self.stdout.write(bench.json_line(shown[-1], run=1))
            if floor is not None:
                shown.append(floor)
        Console(width=200).print(bench.table(shown))

    def _weights(self, options: dict[str, Any]) -> Path:
        """The model's folder; offline faster-whisper and the stack's children are CTranslate2's."""
        backend, say = options["backend"], self.stderr.write
        backends.check_installed(backend)
        if backend != "torch":
            options["compute_type"] = options["compute_type"] or "int8"
            if "alignatt" in (options["policy"] or ()) and backend != "onnxruntime":
                raise ValueError("--policy alignatt: needs --backend onnxruntime or torch")
            return find_or_fetch(options["model"], model_dir=options["model_dir"], progress=say)
        options["compute_type"] = options["compute_type"] or "float32"
        if options["stack"] or not options["no_offline"]:
            raise ValueError("--backend torch: with --no-offline, without --stack")
        return checkpoints.find_or_fetch(options["model"], model_dir=options["model_dir"], progress=say)

    def _offline(self, talk: Talk, path: Path, options: dict[str, Any]) -> Row:
        """The floor, first: the others are shown beside it."""
        row, _ = bench.run_offline(
            talk,
            path,
            device=options["device"],
            compute_type=options["compute_type"],
            threads=options["threads"],
        )
        self.stdout.write(bench.json_line(row, run=1))
        return row

    def _runs(
        self, talk: Talk, model: Whisper, case: bench.Case, floor: Row | None, options: dict[str, Any]
    ) -> Row:
        rows = []
        for number in range(1, options["runs"] + 1):
            row, run, counters = bench.run_case(
                talk, model, case, virtual=options["virtual"], decode_s=options["decode_s"]
            )
            row = _beside(row, floor)
            rows.append(row)
            self.stdout.write(bench.json_line(row, run=number, counters=counters.as_dict()))
            if options["text"]:
                self.stdout.write(run.seen[-1].final if run.seen else "")
        return bench.medians(rows)

    def _through_stack(self, talk: Talk, file: Path, policy: str, weights: Path) -> list[Row]:
        """One run through a stack of its own, which takes its options from the environment."""
        blobs = list(record(_first(read_audio(file, rate_hz=OPUS_RATE_HZ), talk.seconds)))
        environment = {
            "ASR_RECOGNISER": "whisper",
            "ASR_POLICY": policy,
            "ASR_MODEL": weights.name,
            "ASR_MODEL_DIR": str(weights.parent),
            "LOG_LEVEL": "WARNING",
        }
        with running_stack(rooms=[ROOM], **environment) as stack:
            return asyncio.run(measure_through_stack(stack, talk, blobs))

    def _terms(self, talks: list[Talk], model: Whisper, base: EngineOptions, options: dict[str, Any]) -> None:
        def clock(counters: Counters) -> Clock:
            if options["decode_s"]:
                return CountedClock(counters, options["decode_s"])
            return VirtualClock() if options["virtual"] else RealClock()

        rows = []
        for talk in talks:
            for row in terms.run_terms(talk, model, base, options["terms"], clock=clock):
                self.stdout.write(json.dumps(row.as_dict()))
                rows.append(row)
        Console(width=200).print(terms.table(rows))

    def _soak(self, talk: Talk, model: Whisper, base: EngineOptions, options: dict[str, Any]) -> None:
        long = soak.repeated(talk, options["soak"] * 60)
        engine = replace(base, language=talk.language)
        process, memory = psutil.Process(), list[tuple[float, float]]()

        def make(start_ms: int) -> Recogniser:
            return StreamingRecogniser(model, engine, start_ms)

        clock = VirtualClock() if options["virtual"] else RealClock()
        run = replay(
            long,
            Captioner(make, engine),
            policy=engine.policy,
            clock=clock,
            progress=lambda at_s, _: memory.append((at_s, process.memory_info().rss / 2**20)),
        )
        row = score(long, run.seen, run.pieces, run.facts)
        points = soak.minutes(long, run.seen, memory)
        for point in points:
            self.stdout.write(
                f"{point.at_min:5.1f} min  p50 {point.commit_p50_s:.2f} s  p95 {point.commit_p95_s:.2f} s  "
                f"{point.rss_mb:.0f} MB"
            )
        self.stdout.write(bench.json_line(row))
        if options["plot"]:
            how = "virtual clock" if options["virtual"] else "real time"
            options["plot"].write_text(soak.plot(points, f"{long.name}, {how}"))


def _talks(weights: Path, options: dict[str, Any]) -> list[tuple[Path, Talk]]:
    """Every recording, or each of them with pauses by every seed, with the file of its audio; words have times."""
    seeds = options["pauses"]
    if seeds and options["stack"]:
        raise ValueError("A stack is fed files as they are, without pauses put in")
    how = {name: options[name] for name in ("device", "compute_type", "threads")}
    if options["backend"] == "torch":  # words without times are aligned by CTranslate2 all the same
        weights, how = find_or_fetch("base"), {"device": "cpu", "compute_type": "int8", "threads": 1}
    found = [
        (recording.path, timed(recording.talk, weights, **how))
        for path in options["talks"]
        for recording in load_recordings(path, options["language"])
    ]
    return [(file, with_pauses(talk, seed)) for file, talk in found for seed in seeds] if seeds else found


def _first(frames: Iterable[AudioFrame], seconds: float) -> Iterator[AudioFrame]:
    passed_s = 0.0
    for frame in frames:
        if passed_s >= seconds:
            return
        yield frame
        passed_s += frame.samples / frame.sample_rate


def _beside(row: Row, floor: Row | None) -> Row:
    return replace(row, offline_wer=None if floor is None else floor.wer)


def _cases(
    policies: list[str] | None, without: list[str], base: EngineOptions, backend: backends.Name
) -> list[bench.Case]:
    names = policies or [base.policy]
    if "all" in names:
        names = [name for name in POLICIES if backend in ("onnxruntime", "torch") or name != "alignatt"]
    cases = [bench.Case(name, replace(base, policy=name)) for name in names]  # type: ignore[arg-type]
    parts = list(bench.WITHOUT) if "each" in without else without
    return [*cases, *(bench.Case(f"without {part}", bench.WITHOUT[part](base)) for part in parts)]
