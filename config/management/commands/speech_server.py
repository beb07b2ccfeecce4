"""Speech over gRPC (docs/wires/speech.md), with the options of the servers before this one."""

from __future__ import annotations

import argparse
import asyncio
import logging
from functools import partial
from pathlib import Path
from typing import Any, get_args

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from asr.audio.recorder import NotAudioError
from asr.recognise.options import Policy
from asr.selectors import live_models
from asr.stream_options import AUTO_LANG, StreamOptions
from config import database, metrics
from config.celery import publish_only
from config.logging import OURS
from config.metrics_server import serve_metrics
from config.process_metrics import shared
from gateways.speech.chosen_model import serve_another
from gateways.speech.ports import parse_ports
from gateways.speech.server import PortTaken, ServerOptions, serve
from gateways.speech.servicer import Terms
from gateways.speech.warm_up import WarmUpFailed, warm_up
from rooms import key_holders
from rooms.errors import BadInput

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
DEFAULTS = StreamOptions()
DRAIN_S = 3.0  # shorter than `manage.py up` waits before it kills
OPTION_NAMES = {"buffer_trimming_s": "buffer_trimming_sec"}
OF_SIMILARITY = {
    name: OPTION_NAMES.get(name, name)
    for name in ("qratio_threshold", "fallback", "fallback_threshold", "buffer_trimming_s")
}


class Command(BaseCommand):
    """`manage.py speech_server`: a process of `manage.py up` where SPEECH_PORTS is set."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--ports", nargs="+", metavar="PORT[:GENERATION]", default=settings.ENV.speech_ports,
            help="50051, 50052:older; 50052 alone is of the older generation, any other of the current one [SPEECH_PORTS]",
        )  # fmt: skip
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument(
            "--lang", default=settings.ENV.speech_lang,
            help="spoken language where a client names none; auto: that of the first speech [SPEECH_LANG]",
        )  # fmt: skip
        parser.add_argument("--max-workers", type=int, default=20, help="streams at once, at most")
        parser.add_argument("--log-level", type=str.upper, choices=LEVELS, default=settings.ENV.log_level)
        parser.add_argument(
            "--drain-seconds", type=float, default=DRAIN_S,
            help="on SIGTERM clients are told what was heard within this, then to come back",
        )  # fmt: skip
        recognised = parser.add_argument_group("how streams are recognised")
        recognised.add_argument(
            "--policy", choices=get_args(Policy),
            help="when words are confirmed (default: as in rooms, ASR_POLICY); similarity: by the rules of the servers before this one, "
            "and the default where one of the next four options is given, which are its own",
        )  # fmt: skip
        recognised.add_argument(
            "--qratio-threshold", type=float,
            help=f"QRatio from which two words are the same, above 0 to 100 (default {DEFAULTS.qratio_threshold:g})",
        )  # fmt: skip
        recognised.add_argument("--fallback", action=argparse.BooleanOptionalAction, help="(the default)")
        recognised.add_argument(
            "--fallback-threshold", type=int, help=f"rounds (default {DEFAULTS.fallback_threshold})"
        )
        recognised.add_argument("--buffer-trimming-sec", type=float, help="(default 15)")
        recognised.add_argument(
            "--vad", action=argparse.BooleanOptionalAction, help="silence is not decoded (the default)"
        )
        recognised.add_argument(
            "--warmup-file",
            metavar="FILE",
            help="is recognised, in a stream of its own, before ports are opened",
        )
        theirs = parser.add_argument_group(
            "of the recogniser's own processes", "they are compared with what is served, and refused where they differ"
        )  # fmt: skip
        theirs.add_argument("--model", default="", help="ASR_MODEL")
        theirs.add_argument("--model-dir", type=Path, metavar="FOLDER", help="ASR_MODEL_DIR")
        theirs.add_argument("--model-cache-dir", type=Path, metavar="FOLDER", help="models in VAR_DIR")

    def handle(self, *args: Any, **options: Any) -> None:
        _check_folders(options)
        try:
            made = server_options(options)
        except ValueError as error:
            raise CommandError(str(error)) from error
        except BadInput as error:
            name = OPTION_NAMES.get(str(error.parameters["option"]), error.parameters["option"])
            raise CommandError(f"--{name}: out of bounds".replace("_", "-")) from error
        shared.share(settings.METRICS_DIR)
        metrics.begin()
        serve_metrics(settings.ENV.metrics_port, metrics.Disks())
        key_holders.announce("speech")
        publish_only()
        database.serve_web(settings.DATABASES["default"], settings.ENV, name="souffleur speech")
        connections.close_all()
        for name in OURS:
            logging.getLogger(name).setLevel(options["log_level"])
        if wrong := serve_another(made.model, live_models() if made.model else ()):
            raise CommandError(wrong)
        first = partial(warm_up, options["warmup_file"], made.terms) if options["warmup_file"] else None
        try:
            asyncio.run(serve(made, warm_up=first))
        except (NotAudioError, WarmUpFailed) as error:
            raise CommandError(str(error)) from error
        except PortTaken as error:
            raise CommandError(f"Cannot listen on {error}") from error


def server_options(options: dict[str, Any]) -> ServerOptions:
    """Raises ValueError and BadInput."""
    if options["max_workers"] < 1:
        raise ValueError("--max-workers must be at least 1")
    if options["vad"] and not settings.ENV.asr_vac:
        raise ValueError("--vad: the workers have it switched off (ASR_VAC)")
    if options["lang"] not in (AUTO_LANG, *settings.ENV.source_langs):
        known = " ".join((AUTO_LANG, *settings.ENV.source_langs))
        raise ValueError(f"--lang {options['lang']}: may be {known}")
    asked = {name: options[option] for name, option in OF_SIMILARITY.items() if options[option] is not None}
    recognised = StreamOptions(
        policy=options["policy"] or ("similarity" if asked else None),
        vad=options["vad"] is not False,
        **asked,
    )
    if not options["ports"]:
        raise ValueError("set SPEECH_PORTS or --ports, for instance --ports 50051 50052")
    terms = Terms(options["max_workers"], options["lang"], recognised, max(0.0, options["drain_seconds"]))
    return ServerOptions(options["host"], parse_ports(options["ports"]), terms, options["model"])


def _check_folders(options: dict[str, Any]) -> None:
    """Where models lie is known to the processes that load them."""
    known = {
        "model_dir": (settings.ENV.asr_model_dir, "set ASR_MODEL_DIR where the workers run"),
        "model_cache_dir": (settings.VAR_DIR / "models", "the workers keep models in VAR_DIR/models"),
    }
    for name, (used, words) in known.items():
        asked = options[name]
        if asked is not None and (used is None or asked.resolve() != used.resolve()):
            raise CommandError(f"--{name.replace('_', '-')} {asked} is not what is used: {words}")
