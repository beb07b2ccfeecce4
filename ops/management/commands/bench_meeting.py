"""Several who speak in one process, decoded round robin: how late their words are, and what it costs."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from asr.caption.captioner import Captioner
from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import Recogniser
from asr.recognise.streaming import StreamingRecogniser
from asr.recognise.whisper import Whisper
from asr.weights import WeightsError, find_or_fetch
from ops.measure import meeting
from ops.measure.replay import RealClock, VirtualClock
from ops.measure.talk import cut, load_talk


class Command(BaseCommand):
    help = "Holds meetings of a talk, cut into turns or all at once, on one model; prints one JSON line per meeting."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("talk", type=Path, metavar="TALK.json", help="facts beside the audio")
        parser.add_argument("--speakers", type=int, action="append", metavar="N", help="default: 1, 3 and 10")
        parser.add_argument("--at-once", action="store_true", help="everybody speaks all the time")
        parser.add_argument("--seconds", type=float, default=60, help="of the talk")
        parser.add_argument("--model", default="base")
        parser.add_argument("--model-dir", type=Path)
        parser.add_argument("--threads", type=int, default=1)
        parser.add_argument(
            "--virtual", action="store_true", help="skip the waiting: time is audio and CPU time"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            talk = cut(load_talk(options["talk"]), options["seconds"])
            path = find_or_fetch(options["model"], model_dir=options["model_dir"], progress=self.stderr.write)
        except (OSError, ValueError, KeyError, StopIteration, WeightsError) as error:
            raise CommandError(str(error)) from error
        model = Whisper.load(path, threads=options["threads"])
        engine = EngineOptions(language=talk.language)

        def make(start_ms: int) -> Recogniser:
            return StreamingRecogniser(model, engine, start_ms)

        for speakers in options["speakers"] or [1, 3, 10]:
            talks = (meeting.at_once if options["at_once"] else meeting.taking_turns)(talk, speakers)
            captioners = [Captioner(make, engine) for _ in talks]
            clock = VirtualClock() if options["virtual"] else RealClock()
            row = meeting.hold(talks, captioners, clock, at_once=options["at_once"])
            self.stdout.write(json.dumps(asdict(row)))
