"""Measures the recogniser under many conditions: several readers in turns, with noise, voices, music, applause, at other speeds."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from asr.audio.samples import Samples
from asr.recognise.options import EngineOptions
from asr.recognise.whisper import Whisper
from asr.weights import WeightsError, find_or_fetch
from ops.measure import bench
from ops.measure.conditions import CONDITIONS, ConditionRow, row_of, summed, table, under
from ops.measure.differences import differences
from ops.measure.joined import PAUSE_MS, TURN_MS, joined
from ops.measure.normalise import normalised
from ops.measure.recordings import load_recordings
from ops.measure.talk import Talk
from ops.measure.word_times import timed


class Command(BaseCommand):
    help = (
        "Joins readers to a talk, plays it under each condition; prints a table and, as the last line, JSON."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "recordings", nargs="+", type=Path, metavar="PATH", help="a folder, TALK.json, or utterances.tsv"
        )
        parser.add_argument("--language", default="en", help="of the readers; the others disturb them")
        parser.add_argument(
            "--reader", action="append", metavar="NAME", help="of the recordings, these alone"
        )
        parser.add_argument(
            "--seed",
            type=int,
            nargs="+",
            default=[1],
            help="of turns and pauses; of several the errors are summed",
        )
        parser.add_argument("--seconds", type=float, default=180, help="length of the joined talk, about")
        parser.add_argument(
            "--longest-turn", type=float, default=30.0, metavar="SECONDS", help="6: short prompts"
        )
        parser.add_argument(
            "--pauses",
            type=float,
            nargs=2,
            default=[each / 1000 for each in PAUSE_MS],
            metavar=("SHORTEST", "LONGEST"),
            help="between turns, seconds",
        )
        parser.add_argument(
            "--as-recorded", action="store_true", help="each recording for itself, not joined"
        )
        parser.add_argument(
            "--condition", action="append", metavar="NAME", help=f"default: {' '.join(CONDITIONS)}"
        )
        parser.add_argument(
            "--set", action="append", default=[], metavar="OPTION=VALUE", help="engine options"
        )
        parser.add_argument("--model", default="base")
        parser.add_argument("--model-dir", type=Path)
        parser.add_argument("--device", default="cpu")
        parser.add_argument("--compute-type", default="int8")
        parser.add_argument("--threads", type=int, default=1)
        parser.add_argument(
            "--virtual", action="store_true", help="skip the waiting: time is audio and CPU time"
        )
        parser.add_argument(
            "--decode-s",
            type=float,
            default=0.0,
            metavar="SECONDS",
            help="simulated time on which each decode takes so long: the same on every machine",
        )
        parser.add_argument("--no-offline", action="store_true", help="leave out offline faster-whisper")
        parser.add_argument("--words", action="store_true", help="print what was heard wrongly, and when")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            weights = find_or_fetch(
                options["model"], model_dir=options["model_dir"], progress=self.stderr.write
            )
            talks, others = self._talks(weights, options)
            engine = bench.parse_options(options["set"], EngineOptions())
            cases = [
                (talk, under(talk, condition, others), condition)
                for talk in talks
                for condition in options["condition"] or CONDITIONS
            ]
        except (OSError, ValueError, KeyError, WeightsError) as error:
            raise CommandError(str(error)) from error
        model = Whisper.load(weights, **_how(options))
        rows = []
        for plain, talk, condition in cases:
            name = condition if len(talks) == 1 else f"{plain.name} {condition}"
            rows.append(self._measured(name, talk, model, engine, weights, options))
        if len(options["seed"]) > 1:
            rows += _sums(rows, [condition for _, _, condition in cases])
        title = talks[0].name if len(talks) == 1 else options["language"]
        Console(width=160).print(table(rows, title))
        figures = {"talk": title, "seeds": options["seed"], "rows": [row.as_dict() for row in rows]}
        self.stdout.write(json.dumps(figures))

    def _talks(self, weights: Path, options: dict[str, Any]) -> tuple[list[Talk], list[Samples]]:
        """What is played, and the voices that disturb: those of other languages, else the readers themselves."""
        language, readers = options["language"], options["reader"]
        found = [
            recording.talk for path in options["recordings"] for recording in load_recordings(path, language)
        ]
        own = [
            timed(talk, weights, **_how(options))
            for talk in found
            if talk.language == language and (not readers or talk.name in readers)
        ]
        if not own:
            raise ValueError(f"Nobody reads {language!r}")
        others = [talk.samples for talk in found if talk.language != language] or [
            talk.samples for talk in own
        ]
        if options["as_recorded"]:
            return own, others
        turn_ms = (TURN_MS[0], round(options["longest_turn"] * 1000))
        if turn_ms[1] < turn_ms[0]:
            raise ValueError("A turn lasts a second or longer")
        pause_ms = (round(options["pauses"][0] * 1000), round(options["pauses"][1] * 1000))
        if not 0 < pause_ms[0] <= pause_ms[1]:
            raise ValueError("Pauses are longer than 0 s, the longest no shorter than the shortest")
        seeds, seconds = options["seed"], options["seconds"]
        return [joined(own, seed, seconds, turn_ms, pause_ms) for seed in seeds], others

    def _measured(
        self,
        name: str,
        talk: Talk,
        model: Whisper,
        engine: EngineOptions,
        weights: Path,
        options: dict[str, Any],
    ) -> ConditionRow:
        offline_wer = None
        if not options["no_offline"]:
            floor, text = bench.run_offline(talk, weights, **_how(options))
            offline_wer = floor.wer
            self._tell_words("offline", talk, text, options)
        row, run, _ = bench.run_case(
            talk, model, bench.Case(name, engine), virtual=options["virtual"], decode_s=options["decode_s"]
        )
        words = len(normalised(talk.reference, talk.language).split())
        found = row_of(name, replace(row, offline_wer=offline_wer), words)
        self.stdout.write(json.dumps(found.as_dict()))
        self._tell_words("live", talk, run.seen[-1].final if run.seen else "", options)
        return found

    def _tell_words(self, who: str, talk: Talk, text: str, options: dict[str, Any]) -> None:
        if options["words"]:
            for each in differences(talk, text):
                self.stdout.write(f"  {who} {each.at_s:6.1f} s  {each.said or '-'} → {each.heard or '-'}")


def _sums(rows: Sequence[ConditionRow], conditions: Sequence[str]) -> list[ConditionRow]:
    """Of each condition the runs of all seeds together."""
    by_condition: dict[str, list[ConditionRow]] = {}
    for condition, row in zip(conditions, rows, strict=True):
        by_condition.setdefault(condition, []).append(row)
    return [replace(summed(own), condition=f"{name}, all") for name, own in by_condition.items()]


def _how(options: dict[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in ("device", "compute_type", "threads")}
