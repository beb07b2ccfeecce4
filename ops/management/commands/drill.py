"""Fault injection: break every part of a running stack in mid-talk and print what it cost: `manage.py drill [NAME …]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console
from rich.table import Table

from asr import runtime
from asr.machine import cores
from ops.faults import alerts, at_rest, deploy, machines, races, resume_points, wires, withdrawal
from ops.faults.chaos import chaos
from ops.faults.prometheus import PrometheusMissing
from ops.faults.scenarios import SCENARIOS, FaultRow
from ops.faults.speech import RealSpeech, ScriptedSpeech, Speech, real_talk, sample_talk
from ops.faults.stack import Stack, running_stack
from ops.interrupts import StackCommand
from ops.measure.soak import repeated

REAL_S = 60.0
DEPLOY_S = 600.0  # of speech, more than a deploy takes
BREATH_S = 0.5  # between a talk's end and its beginning: a longer pause would count as stillness
ROOM = "CHAOS"


class Command(StackCommand):
    """Tables, and one last line of JSON. Starts a stack of its own."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "names",
            nargs="*",
            metavar="NAME",
            help=", ".join(
                [
                    *SCENARIOS,
                    "races",
                    "wires",
                    "at-rest",
                    "withdrawal",
                    "deploy",
                    "machines [MACHINE …]",
                    "alerts [ALERT …]",
                    "seams TALK.json …",
                ]
            ),
        )
        parser.add_argument(
            "--real", type=Path, metavar="TALK.json", help="this talk and the real recogniser, in real time"
        )
        parser.add_argument("--seconds", type=float, default=REAL_S, help="of the talk, for each fault")
        parser.add_argument(
            "--chaos", type=_seconds, metavar="10m", help="random faults for so long, always with real speech"
        )
        parser.add_argument(
            "--keep", action="store_true", help="leave the folder of the stack, with its logs"
        )
        parser.add_argument("--seed", type=int, default=1, help="of the random faults")
        parser.add_argument("--every", type=int, default=1, metavar="N", help="seams: only each Nth boundary")
        parser.add_argument(
            "--live",
            type=int,
            default=resume_points.LIVE_S,
            metavar="S",
            help="seams: seconds behind what waits; 0: flushed",
        )
        parser.add_argument("--processes", type=int, default=max(1, cores() // 2), help="seams: at once")
        parser.add_argument(
            "--speed", type=float, default=alerts.SPEED, help="alerts: their times are so many times shorter"
        )
        parser.add_argument(
            "--redis",
            default="",
            metavar="SERVER",
            help="machines: instead of the embedded Redis, for instance valkey-server",
        )
        parser.add_argument("--title", default="", help="seams: of the room, part of the recogniser's prompt")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["names"] == ["races"]:
            races.run_and_print(self.stdout)
        elif options["names"] == ["withdrawal"]:
            withdrawal.run_and_print(self.stdout)
        elif options["names"] == ["at-rest"]:
            at_rest.run_and_print(self.stdout)
        elif options["names"][:1] == ["alerts"]:
            try:
                alerts.run_and_print(self.stdout, speed=options["speed"], only=options["names"][1:])
            except PrometheusMissing as error:
                raise CommandError(str(error)) from error
        elif options["names"][:1] == ["machines"]:
            machines.run_and_print(
                self.stdout, options["names"][1:], redis=options["redis"], keep=options["keep"]
            )
        elif options["names"] == ["wires"]:
            wires.run_and_print(self.stdout)
        elif options["names"] == ["deploy"]:
            self._deploy(options["real"])
        elif options["names"][:1] == ["seams"]:
            self._seams(options["names"][1:], options)
        elif options["chaos"] is not None:
            self._chaos(options["real"], options["chaos"], options["seed"], keep=options["keep"])
        else:
            self._faults(options["names"], options["real"], options["seconds"], keep=options["keep"])

    def _deploy(self, real: Path | None) -> None:
        speech: Speech = ScriptedSpeech(DEPLOY_S)
        if real is not None:
            speech = RealSpeech(repeated(real_talk(real), DEPLOY_S, pause_s=BREATH_S))
        deploy.run_and_print(self.stdout, speech, _environment(real is not None))

    def _seams(self, names: list[str], options: dict[str, Any]) -> None:
        talks = tuple(Path(name) for name in names)
        if not talks or not all(talk.exists() for talk in talks):
            raise CommandError("seams needs talks with known words: seams TALK.json …")
        plan = resume_points.ResumePlan(
            talks,
            runtime.model_folder(),
            every=options["every"],
            processes=options["processes"],
            live_s=options["live"],
            title=options["title"],
        )
        resume_points.run_and_print(self.stdout, plan)

    def _faults(self, names: list[str], real: Path | None, seconds: float, *, keep: bool) -> None:
        names = names or list(SCENARIOS)
        unknown = sorted(set(names) - set(SCENARIOS))
        if unknown:
            raise CommandError(f"unknown: {', '.join(unknown)}; known: {', '.join(SCENARIOS)}")
        speech: Speech = ScriptedSpeech() if real is None else RealSpeech(real_talk(real), seconds=seconds)
        rows = []
        with running_stack(rooms=list(names), **_environment(real is not None)) as stack:
            self._keep(stack, keep)
            for name in names:
                row = replace(asyncio.run(SCENARIOS[name](stack, name, speech)), name=name)
                self.stdout.write(f"{name}: {'harmless' if row.harmless else 'HARM'}")
                rows.append(row)
        Console(width=120).print(_table(rows))
        columns = ("name", "lost", "doubled", "rewritten", "missing", "still_s")
        faults = [{column: getattr(row, column) for column in columns} for row in rows]
        self.stdout.write(json.dumps({"faults": faults}))

    def _chaos(self, real: Path | None, seconds: float, seed: int, *, keep: bool) -> None:
        talk = repeated(real_talk(real) if real else sample_talk(), seconds)
        speech = RealSpeech(talk, seconds=seconds)
        with running_stack(rooms=[ROOM], **_environment(True)) as stack:
            self._keep(stack, keep)
            row = asyncio.run(chaos(stack, ROOM, speech, seed=seed, say=self._say))
        self._say(f"{row.faults} faults in {speech.seconds:.0f} s, longest time without news {row.still_s} s")
        names = ("seed", "faults", "missing", "doubled", "rewritten", "gaps", "wer", "still_s")
        self.stdout.write(json.dumps({name: getattr(row, name) for name in names}))

    def _keep(self, stack: Stack, keep: bool) -> None:
        stack.keep_folder = keep
        if keep:
            self._say(f"logs: {stack.folder / 'run'}")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _environment(real: bool) -> dict[str, str]:
    if not real:
        return {}
    return {"ASR_RECOGNISER": "whisper", "ASR_MODEL_DIR": str(runtime.model_folder())}


def _table(rows: list[FaultRow]) -> Table:
    table = Table(title="What each fault cost, in words and seconds")
    headings = ("fault", "sentences before", "after", "until next", "still", "lost", "doubled", "rewritten")
    for heading in (*headings, "missing"):
        table.add_column(heading)
    for row in rows:
        table.add_row(
            row.fault, str(row.sentences_before), str(row.sentences_after), f"{row.seconds_until_next:.1f}",
            f"{row.still_s:.1f}", str(row.lost), str(row.doubled), str(row.rewritten), str(row.missing),
        )  # fmt: skip
    return table


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h)?", text)
    if not found:
        raise argparse.ArgumentTypeError("a number of seconds, or 90s, 10m, 1h")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600, None: 1}[found[2]]
