"""Bare streams through a stack: as many as it has slots for, one more refused, and how soon their words are final."""

from __future__ import annotations

import asyncio
import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console

from asr.stream_options import StreamOptions
from asr.weights import WeightsError, find_or_fetch
from ops.bench.streams import measure_streams, run_client
from ops.faults.stack import running_stack
from ops.interrupts import StackCommand
from ops.measure import bench
from ops.measure.talk import Talk, cut, load_talk


class Command(StackCommand):
    help = "Opens bare streams until one is refused, plays a talk into all of them in real time, and prints one table."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("talk", type=Path, metavar="TALK.json", help="facts beside the audio")
        parser.add_argument("--model", default="base")
        parser.add_argument("--cores", type=int, default=0, help="the stack has so many; 0: all")
        parser.add_argument("--slots", type=int, default=0, help="streams at once; 0: as many as rooms")
        parser.add_argument("--seconds", type=float, default=0, help="of the talk; 0: all of it")
        parser.add_argument("--similarity", action="store_true", help="final by similarity, not by alignment")
        parser.add_argument("--in-stack", action="store_true", help="used by this command itself")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            talk = load_talk(options["talk"])
            if options["seconds"]:
                talk = cut(talk, options["seconds"])
            if options["in_stack"]:
                chosen = StreamOptions(policy="similarity") if options["similarity"] else StreamOptions()
                self.stdout.write(json.dumps(asyncio.run(run_client(talk, chosen))))
                return
            weights = find_or_fetch(options["model"], progress=self.stderr.write)
        except (OSError, ValueError, KeyError, StopIteration, WeightsError) as error:
            raise CommandError(str(error)) from error
        if options["cores"]:
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options["cores"]])
        self._measure(talk, weights, options)

    def _measure(self, talk: Talk, weights: Path, options: dict[str, Any]) -> None:
        environment = {
            "ASR_RECOGNISER": "whisper",
            "ASR_MODEL": weights.name,
            "ASR_MODEL_DIR": str(weights.parent),
            "ASR_SLOTS": str(options["slots"]),
            "LOG_LEVEL": "WARNING",
        }
        client = ["bench_streams", str(options["talk"]), "--in-stack", "--seconds", str(options["seconds"])]
        with running_stack(rooms=[], **environment) as stack:
            found = measure_streams(
                stack, talk, [*client, "--similarity"] if options["similarity"] else client
            )
        for row in found.rows:
            self.stdout.write(bench.json_line(row))
        Console(width=200).print(bench.table(found.rows))
        refused = f"one more was refused ({found.refused})" if found.refused else "none was refused"
        self.stdout.write(f"{len(found.rows)} streams; {refused}")
