"""All processes of Souffleur on one machine, supervised, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any
from xmlrpc.client import ServerProxy

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from supervisor.xmlrpc import SupervisorTransport

from asr import runtime
from asr.recognise.backends import BackendError
from asr.weights import WeightsError
from config.env import EnvError, read_env
from config.layout import EmbeddedError, Layout
from gateways.speech.ports import parse_ports
from ops import embedded
from ops.one_stack import keep_private, only_stack
from ops.stack import StackPlan, app_programs, embedded_programs, write_config

SERVERS_WITHIN_S = 30.0
STOPPED_WITHIN_S = 8.0  # streams of speech read what was heard, then PostgreSQL and Redis go
POLL_S = 0.05
SETTINGS_OPTIONS = {
    "backend": "asr_backend",
    "model": "asr_model",
    "device": "asr_device",
    "compute-type": "asr_compute_type",
    "slots": "asr_slots",
    "recogniser": "asr_recogniser",
}


class Command(BaseCommand):
    """`manage.py up`: PostgreSQL and Redis (unless URLs are set), web, asr, translation, sweeps, beat, and speech."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        for option, name in SETTINGS_OPTIONS.items():
            parser.add_argument(f"--{option}", metavar="VALUE", help=f"instead of {name.upper()}")

    def handle(self, *args: Any, **options: Any) -> None:
        # Explicitly: a shell starts background jobs with SIGINT ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _as_interrupt)
        _override_settings(
            {name: options[option.replace("-", "_")] for option, name in SETTINGS_OPTIONS.items()}
        )
        keep_private(settings.VAR_DIR, passing=settings.EMBEDDED.system_user is not None)
        try:
            with only_stack(settings.VAR_DIR):
                self._run(options["host"], options["port"])
        except KeyboardInterrupt:
            self.stdout.write("stopped")
        except EmbeddedError as error:
            raise CommandError(str(error)) from error

    def _run(self, host: str, port: int) -> None:
        _check_port(host, port)
        for speech_port in _speech_ports():
            _check_port(host, speech_port)
        places = settings.EMBEDDED
        own_postgres, own_redis = not settings.ENV.database_url, not settings.ENV.redis_url
        if own_redis:
            embedded.prepare_folders(places)
        if own_postgres:
            embedded.prepare_postgres(places)
            if places.home != settings.VAR_DIR:
                self.stdout.write(
                    f"PostgreSQL's user may not enter {settings.VAR_DIR}; data is in {places.home}"
                )
        if settings.ENV.asr_recogniser == "whisper":
            self._fetch_model()
        plan = StackPlan(
            settings.VAR_DIR / "run",
            embedded_programs(places, postgres=own_postgres, redis=own_redis),
            app_programs(
                host=host,
                port=port,
                slots=runtime.slots(),
                spares=settings.ENV.asr_spares,
                speech_ports=settings.ENV.speech_ports,
            ),
        )
        write_config(plan)
        with _supervisord(plan) as supervisord:
            self._prepare_database(own_postgres, supervisord)
            rpc = ServerProxy(
                "http://127.0.0.1", SupervisorTransport("", "", f"unix://{plan.control_socket}")
            )
            rpc.supervisor.startProcessGroup("souffleur", False)
            self.stdout.write(f"souffleur: http://{host}:{port}/ (logs in {plan.folder})")
            self.stdout.flush()
            if supervisord.wait() != 0:
                raise CommandError(f"supervisord ended; see {plan.folder / 'supervisord.log'}")

    def _fetch_model(self) -> None:
        try:
            runtime.model_folder(progress=lambda message: self.stdout.write(message, ending="\n"))
        except (BackendError, WeightsError) as error:
            raise CommandError(str(error)) from error

    def _prepare_database(self, own: bool, supervisord: subprocess.Popen[bytes]) -> None:
        if own:
            _create_database(settings.EMBEDDED, supervisord)
        call_command("migrate", verbosity=0, interactive=False)


def _speech_ports() -> list[int]:
    try:
        return [port.number for port in parse_ports(settings.ENV.speech_ports)]
    except ValueError as error:
        raise CommandError(f"SPEECH_PORTS: {error}") from error


def _override_settings(values: dict[str, str | None]) -> None:
    """Options win over the environment, here and in every child."""
    given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    try:
        settings.ENV = read_env(**given)
    except EnvError as error:
        raise CommandError(str(error)) from None
    os.environ.update({name.upper(): value for name, value in given.items()})


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _supervisord(plan: StackPlan) -> Iterator[subprocess.Popen[bytes]]:
    """Run supervisord in a session of its own: Ctrl-C reaches us, and we stop it in order."""
    process = subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(plan.config_file)],
        start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=settings.BASE_DIR,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _create_database(places: Layout, supervisord: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SERVERS_WITHIN_S
    while True:
        try:
            embedded.create_database(places)
            return
        except psycopg.OperationalError as error:
            if supervisord.poll() is not None or time.monotonic() > deadline:
                raise CommandError(f"PostgreSQL did not start: {error}") from error
            time.sleep(POLL_S)


def _check_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(f"Cannot listen on {host}:{port}: {error.strerror}") from error
