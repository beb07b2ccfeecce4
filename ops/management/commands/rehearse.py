"""A whole event replayed on a stack of its own, with hosts, viewers and mishaps: `manage.py rehearse [SCHEDULE.json]`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console

from ops.interrupts import StackCommand
from ops.rehearsal import report as reports
from ops.rehearsal.mishaps import KINDS, plan_mishaps
from ops.rehearsal.programme import programme_of
from ops.rehearsal.run import Rehearsal, rehearse
from ops.rehearsal.stage_sound import noise, speech
from rooms.errors import BadInput

SAMPLE = Path(__file__).resolve().parents[2] / "rehearsal" / "data" / "two_days.json"
SPEECH = Path(__file__).resolve().parents[3].parent / "shared" / "speech"
FASTEST_SOUND = 10.0  # what the host's socket takes (docs/wires/conference.md)


class Command(StackCommand):
    """Tables, and one last line of JSON."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "schedule",
            nargs="?",
            type=Path,
            default=SAMPLE,
            help="JSON or XML; a sample of two days and five halls",
        )
        parser.add_argument("--speed", type=float, help="of the event: 60, or 10 with --real")
        parser.add_argument(
            "--sound",
            type=float,
            default=5.0,
            help="speed of the sound with the scripted recogniser, at most 10",
        )
        parser.add_argument(
            "--real", action="store_true", help="the real recogniser, and speech at its own speed"
        )
        parser.add_argument(
            "--speech",
            type=Path,
            default=SPEECH,
            help="folder of talks with known words, talk_en*.json, talk_de*.json; else the sample talk",
        )
        parser.add_argument(
            "--minutes", type=float, default=0.0, help="of the run; what is not over by then is left out"
        )
        parser.add_argument(
            "--hours", type=float, default=0.0, help="of the event; what is not over by then is left out"
        )
        parser.add_argument("--halls", type=int, default=0, help="only the first ones, by name")
        parser.add_argument("--viewers", type=int, default=200)
        parser.add_argument("--seed", type=int, default=1, help="of the mishaps")
        parser.add_argument(
            "--every", type=float, default=20.0, metavar="S", help="seconds between two sudden mishaps"
        )
        parser.add_argument("--mishaps", default=",".join(KINDS), help=f"some of {', '.join(KINDS)}; or none")
        parser.add_argument(
            "--keep", action="store_true", help="leave the folder of the stack, with its logs"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        plan = self._plan(options)
        report = rehearse(plan, self._say)
        console = Console(width=140)
        console.print(reports.mishap_table(report))
        console.print(reports.hall_table(report))
        for sentence in reports.sentences(report):
            self._say(sentence)
        self._say(report.last_line())

    def _plan(self, options: dict[str, Any]) -> Rehearsal:
        speed = options["speed"] or (10.0 if options["real"] else 60.0)
        if speed <= 0 or not 0 < options["sound"] <= FASTEST_SOUND:
            raise CommandError("--speed is more than 0, --sound at most 10")
        limits = [options["minutes"] * 60, options["hours"] * 3600 / speed]
        try:
            document = options["schedule"].read_bytes()
            most_s = min((limit for limit in limits if limit), default=0.0)
            programme = programme_of(document, speed=speed, halls=options["halls"], most_s=most_s)
        except (OSError, ValueError, BadInput) as error:
            raise CommandError(str(error)) from error
        kinds = [] if options["mishaps"] == "none" else options["mishaps"].split(",")
        if unknown := sorted(set(kinds) - set(KINDS)):
            raise CommandError(f"unknown: {', '.join(unknown)}; known: {', '.join(KINDS)}")
        mishaps = plan_mishaps(programme.talks, seed=options["seed"], every_s=options["every"], kinds=kinds)
        longest_s = 1.5 * max(talk.seconds for talk in programme.talks)
        sound_speed = 1.0 if options["real"] else min(options["sound"], speed)
        sounds = (
            speech(options["speech"], longest_s)
            if options["real"]
            else noise(longest_s * sound_speed, speed=sound_speed)
        )
        return Rehearsal(
            programme, mishaps, sounds.by_language, sounds.count_words, sound_speed, options["viewers"],
            options["seed"], sounds.environment, keep=options["keep"],
        )  # fmt: skip

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
