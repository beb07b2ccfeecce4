"""The processes of one machine as a supervisord configuration (manage.py up).

supervisord starts, restarts and stops; this module only says what there is. Two groups: `servers` (PostgreSQL and
Redis where embedded) come first and go last, `souffleur` is started once the database is migrated.
"""

from __future__ import annotations

import configparser
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.layout import Layout
from ops import embedded

STOP_WAIT_S = 2  # then SIGKILL
SPEECH_STOP_WAIT_S = 4  # clients read what was heard before
# PostgreSQL may run as another user, who reads the environment of its processes.
NO_SECRETS = ["/usr/bin/env", "-i", "LANG=C.UTF-8"]
CELERY_STOP_SIGNAL = (
    "KILL"  # Celery may take its time to stop; nothing is lost by not waiting (manage.py drill)
)


@dataclass(frozen=True, slots=True)
class Program:
    """One supervised process."""

    name: str
    command: list[str]
    stop_signal: str = "TERM"
    stop_wait_s: int = STOP_WAIT_S
    user: str | None = None
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StackPlan:
    """What runs, and where its files are."""

    folder: Path  # configuration, socket and logs of supervisord
    servers: list[Program]
    programs: list[Program]

    @property
    def config_file(self) -> Path:
        return self.folder / "supervisord.conf"

    @property
    def control_socket(self) -> Path:
        return self.folder / "control.sock"


def embedded_programs(places: Layout, *, postgres: bool, redis: bool) -> list[Program]:
    """The servers that are not somebody else's."""
    programs = []
    if postgres:
        command = [*NO_SECRETS, *embedded.postgres_command(places)]
        programs.append(Program("postgres", command, stop_signal="INT", user=places.system_user))
    if redis:
        programs.append(Program("redis", [*NO_SECRETS, *embedded.redis_command(places)]))
    return programs


def app_programs(
    *, host: str, port: int, slots: int, spares: int, speech_ports: Sequence[str] = ()
) -> list[Program]:
    """The processes of Souffleur itself (ARCHITECTURE.md); speech over gRPC where it has ports."""
    python = sys.executable
    worker = [
        python,
        "-m",
        "celery",
        "-A",
        "config",
        "worker",
        "--without-mingle",
        "--without-gossip",
    ]
    speech = Program(
        "speech", [python, "manage.py", "speech_server", "--host", host], stop_wait_s=SPEECH_STOP_WAIT_S
    )
    return [
        Program("web", [python, "-m", "config.servers", "--host", host, "--port", str(port)]),
        *([speech] if speech_ports else []),
        Program(
            "asr",
            [
                *worker, "-Q", "asr", "-P", "prefork", "-c", str(slots + spares), "--max-tasks-per-child", "1",
                "-n", "asr@%%h",
            ],
            stop_signal=CELERY_STOP_SIGNAL,
        ),
        Program("translation", [*worker, "-Q", "translation", "-P", "threads", "-c", "2", "-n", "translation@%%h"], CELERY_STOP_SIGNAL),
        Program("sweeps", [*worker, "-Q", "sweeps", "-P", "threads", "-c", "2", "-n", "sweeps@%%h"], CELERY_STOP_SIGNAL),
        Program("beat", [python, "-m", "celery", "-A", "config", "beat", "--pidfile="], CELERY_STOP_SIGNAL),
    ]  # fmt: skip


def write_config(plan: StackPlan) -> None:
    """Write `plan` as supervisord's own format."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    plan.folder.chmod(0o700)
    config = configparser.RawConfigParser()
    config["supervisord"] = {
        "nodaemon": "true", "logfile": str(plan.folder / "supervisord.log"), "logfile_maxbytes": "5MB",
        "pidfile": str(plan.folder / "supervisord.pid"), "childlogdir": str(plan.folder), "loglevel": "warn",
        "silent": "true", "umask": "077",
    }  # fmt: skip
    config["unix_http_server"] = {"file": str(plan.control_socket), "chmod": "0700"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    groups = (("servers", plan.servers, 1, True), ("souffleur", plan.programs, 2, False))
    for name, programs, priority, autostart in groups:
        if programs:
            config[f"group:{name}"] = {
                "programs": ",".join(program.name for program in programs),
                "priority": str(priority),
            }
        for program in programs:
            config[f"program:{program.name}"] = _section(program, plan.folder, autostart=autostart)
    with plan.config_file.open("w") as file:
        config.write(file)


def _section(program: Program, folder: Path, *, autostart: bool) -> dict[str, str]:
    section = {
        "command": shlex.join(program.command),
        "autostart": str(autostart).lower(),
        "autorestart": "true",
        "startsecs": "1",  # what dies sooner is started again with growing pauses
        "startretries": "100",
        "stopsignal": program.stop_signal,
        "stopwaitsecs": str(program.stop_wait_s),
        "killasgroup": "true",
        "stopasgroup": str(program.stop_signal == CELERY_STOP_SIGNAL).lower(),
        "redirect_stderr": "true",
        "stdout_logfile": str(folder / f"{program.name}.log"),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": "4",  # 50 MB a process, as docker-compose.yml's
    }
    if program.user:
        section["user"] = program.user
    if program.environment:
        section["environment"] = ",".join(f'{key}="{value}"' for key, value in program.environment.items())
    return section
