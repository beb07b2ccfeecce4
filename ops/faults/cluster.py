"""Souffleur on several machines (network.py): two of web processes behind a proxy, two of recognisers, one of PostgreSQL and Redis."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests
from psycopg.sql import SQL, Identifier

from config.layout import DATABASE_NAME, DATABASE_ROLE, layout
from gateways.conference.client.host import HostOptions
from ops import embedded
from ops.faults import proxy
from ops.faults.network import Network, network
from ops.faults.stack import ADMIN_PASSWORD, BASE_DIR, HOST_PASSWORD, POLL_S, UP_WITHIN_S, Queries, schedule
from ops.stack import NO_SECRETS, Program, StackPlan, app_programs, write_config

DATA, PROXY = "data", "proxy"
WEBS, RECOGNISERS = ("web1", "web2"), ("asr1", "asr2")
# beat on both: whoever finds what died must not die with one machine
PROGRAMS = {
    **dict.fromkeys(WEBS, ("web", "translation", "sweeps", "beat")),
    **dict.fromkeys(RECOGNISERS, ("asr",)),
}
WEB_PORT, REDIS_PORT, POSTGRES_PORT = 8000, 6379, 5432
SLOTS = 3  # of each machine: one alone carries all rooms


@dataclass
class Cluster(Queries):
    """A running one."""

    network: Network
    folder: Path
    proxy: str  # nginx, caddy, or nothing: something stands in
    redis: str = ""  # another server than the embedded one
    settings: dict[str, str] = field(default_factory=dict)  # of every process, beside those of the drill
    programs: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: PROGRAMS
    )  # of each machine but data and the proxy
    supervisors: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def webs(self) -> list[str]:
        """Machines with a web process."""
        return [machine for machine, names in self.programs.items() if "web" in names]

    @property
    def recognisers(self) -> list[str]:
        """Machines with recognisers."""
        return [machine for machine, names in self.programs.items() if "asr" in names]

    @property
    def url(self) -> str:
        """Where clients connect: the proxy."""
        return f"http://{self.network.address(PROXY)}:{proxy.PORT}"

    def web_url(self, machine: str) -> str:
        """One web machine's own."""
        return f"http://{self.network.address(machine)}:{WEB_PORT}"

    def viewer_url(self, room: str, target: str = "en") -> str:
        """A viewer's socket."""
        return f"{self.url.replace('http', 'ws')}/room/{room}/client/undefined/{target}"

    def host_options(self, room: str) -> HostOptions:
        """How to become the host of a room."""
        return HostOptions(url=self.url, room=room, password=HOST_PASSWORD)

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Over the Unix socket: a cut cable does not matter."""
        with embedded.connect(layout(self.folder / DATA), connect_timeout=3) as db:
            return db.execute(sql, values).fetchall()

    def serving(self, room: str) -> str:
        """The machine whose recogniser serves a room; empty: none does."""
        return str(self.session(room).get("worker", "")).partition("@")[2]

    def connections(self, machine: str) -> int:
        """How many PostgreSQL holds for a machine."""
        ((count,),) = self.query(
            "SELECT count(*) FROM pg_stat_activity WHERE client_addr = %s", self.network.address(machine)
        )
        return int(count)

    def kill(self, machine: str) -> None:
        """SIGKILL everything on a machine, whoever supervises it included."""
        while pids := self.network.processes(machine):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            supervisor = self.supervisors.get(machine)
            if supervisor is not None:
                supervisor.wait()

    def start(self, machine: str, programs: Sequence[Program]) -> None:
        """Boot a machine: supervisord, and what it starts."""
        plan = StackPlan(self.folder / machine / "run", list(programs), [])
        write_config(plan)
        self.supervisors[machine] = subprocess.Popen(
            self.network.inside(machine, [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(plan.config_file)]),
            cwd=BASE_DIR, env=self.environment(machine), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def boot(self, machine: str) -> None:
        """Start what belongs on a machine."""
        self.start(machine, self._programs(machine))

    def environment(self, machine: str) -> dict[str, str]:
        """Of every process of a machine."""
        data = self.network.address(DATA)
        return {
            **os.environ, "VAR_DIR": str(self.folder / machine), "DEBUG": "0", "HTTPS_ONLY": "0",
            "SECRET_KEY": "faults-" + "k" * 50, "HOST_PASSWORD": HOST_PASSWORD, "ADMIN_PASSWORD": ADMIN_PASSWORD,
            "ALLOWED_HOSTS": "*", "TRUST_PROXY": "1" if self.proxy else "0", "LOG_JSON": "0", "LOG_LEVEL": "INFO",
            "DATABASE_URL": f"postgres://{DATABASE_ROLE}@{data}:{POSTGRES_PORT}/{DATABASE_NAME}",
            "REDIS_URL": f"redis://{data}:{REDIS_PORT}/0", "ASR_RECOGNISER": "scripted", "ASR_SLOTS": str(SLOTS),
            "HOST_RETURN_S": "0", "SCHEDULE_URL": str(self.folder / "schedule.json"),
            **self.settings,
        }  # fmt: skip

    def log(self, machine: str, program: str) -> str:
        """What a program on a machine has logged."""
        path = self.folder / machine / "run" / f"{program}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def healthy(self, machine: str) -> bool:
        """Whether a web machine says that captions can be made, by its own address."""
        with contextlib.suppress(requests.RequestException, ValueError):
            answer = requests.get(f"{self.web_url(machine)}/health", timeout=2)
            return answer.ok and set(answer.json().get("degraded", [])) <= {"translation"}
        return False

    def close_room(self, room: str) -> None:
        """Force-close."""
        requests.post(f"{self.url}/room/{room}/close", json={"password": ADMIN_PASSWORD}, timeout=10)

    def _programs(self, machine: str) -> list[Program]:
        if machine == DATA:
            return _servers(self.folder / DATA, self.redis)
        if machine == PROXY:
            webs = [f"{self.network.address(web)}:{WEB_PORT}" for web in self.webs]
            return [Program("proxy", proxy.command(self.proxy, self.folder / PROXY / "proxy", webs))]
        known = {
            program.name: program
            for program in app_programs(
                host=self.network.address(machine),
                port=WEB_PORT,
                slots=int(self.settings.get("ASR_SLOTS", SLOTS)),
                spares=1,
            )
        }
        return [known[name] for name in self.programs[machine]]


def _servers(folder: Path, redis_server: str) -> list[Program]:
    """PostgreSQL and Redis as one machine has them, but that the others reach them."""
    places = layout(folder)
    postgres = [*NO_SECRETS, *embedded.postgres_command(places), "-c", "listen_addresses=*"]
    redis = [
        *embedded.redis_command(places),
        "--port",
        str(REDIS_PORT),
        "--bind",
        "*",
        "--protected-mode",
        "no",
    ]
    if redis_server:
        redis[0] = redis_server
    return [
        Program("postgres", postgres, stop_signal="INT", user=places.system_user),
        Program("redis", [*NO_SECRETS, *redis]),
    ]


@contextlib.contextmanager
def running_cluster(
    *,
    rooms: Sequence[str],
    programs: Mapping[str, Sequence[str]] = PROGRAMS,
    redis: str = "",
    keep: bool = False,
    **settings: str,
) -> Iterator[Cluster]:
    """All machines, healthy; they are gone afterwards, and their folder, unless it is to be kept.

    `programs`: of each machine but data and the proxy. `redis`: the server's command, for instance valkey-server; empty: the embedded one.
    """
    folder = Path(tempfile.mkdtemp(prefix="souffleur-machines-"))
    folder.chmod(0o711)  # PostgreSQL's user passes through
    (folder / "schedule.json").write_text(schedule(rooms))
    try:
        with network([DATA, PROXY, *programs]) as built:
            cluster = Cluster(built, folder, proxy.installed(), redis, settings, programs)
            try:
                _begin(cluster, rooms)
                yield cluster
            finally:
                for machine in cluster.supervisors:
                    cluster.kill(machine)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _begin(cluster: Cluster, rooms: Sequence[str]) -> None:
    data = cluster.folder / DATA
    data.mkdir(mode=0o711)
    data.chmod(0o711)
    places = layout(data)
    embedded.prepare_postgres(places)
    with (places.postgres_access / "pg_hba.conf").open("a") as access:
        access.write(f"host all all {cluster.network.range} trust\n")  # nobody else is in this network
    cluster.boot(DATA)
    _make_database(cluster)
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(
        cluster.network.inside(DATA, migrate), cwd=BASE_DIR, env=cluster.environment(DATA), check=True
    )
    for machine in [*cluster.programs, PROXY]:
        cluster.boot(machine)
    _wait(lambda: all(cluster.healthy(web) for web in cluster.webs), "web machines are not healthy")
    _wait(lambda: _lists(cluster, rooms), "the schedule was not read")
    _wait(lambda: len(_workers(cluster)) == len(cluster.recognisers), "a machine of recognisers is missing")
    _wait(lambda: _answers(cluster.url), "the proxy does not answer")


def _make_database(cluster: Cluster) -> None:
    def made() -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            with embedded.connect(layout(cluster.folder / DATA), database="postgres", autocommit=True) as db:
                db.execute(SQL("CREATE DATABASE {}").format(Identifier(DATABASE_NAME)))
            with socket.create_connection((cluster.network.address(DATA), REDIS_PORT), timeout=1):
                return True
        return False

    _wait(made, "PostgreSQL does not start")


def _workers(cluster: Cluster) -> set[str]:
    return {name for (name,) in cluster.query("SELECT name FROM asr_worker")}


def _lists(cluster: Cluster, rooms: Sequence[str]) -> bool:
    with contextlib.suppress(requests.RequestException):
        listed = requests.get(f"{cluster.web_url(cluster.webs[0])}/room_list", timeout=5).json()["rooms"]
        return {room["id"] for room in listed} >= set(rooms)
    return False


def _answers(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{url}/health", timeout=2).ok
    return False


def _wait(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + UP_WITHIN_S
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(otherwise)
        time.sleep(POLL_S)
