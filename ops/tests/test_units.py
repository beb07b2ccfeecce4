"""deploy/systemd starts what `manage.py up` starts, each process with the time to drain and nothing of the machine but its data."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from config.env import BASE_DIR, Env
from ops.stack import StackPlan, app_programs, write_config
from ops.tests.test_deploy import asr_worker

UNITS = BASE_DIR / "deploy" / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
OF_PROCESSES = {
    "web": "souffleur-web@.service", "speech": "souffleur-speech.service", "asr": "souffleur-asr@.service",
    "translation": "souffleur-translation.service", "sweeps": "souffleur-sweeps.service", "beat": "souffleur-beat.service",
}  # fmt: skip
GUARDS = {
    "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "CapabilityBoundingSet": "",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6", "SystemCallFilter": "@system-service", "UMask": "0077",
    "User": "souffleur", "StateDirectory": "souffleur",
}  # fmt: skip
PYTHON = "/srv/souffleur/.venv/bin/python"
# Of the machine's own: what ours refer to.
TARGETS = (
    "basic",
    "sysinit",
    "shutdown",
    "network-online",
    "network",
    "multi-user",
    "local-fs",
    "paths",
    "sockets",
    "timers",
    "slices",
)
EXPOSURE_MOST = 25  # of 100, as `systemd-analyze security` counts


def lines(unit: str) -> list[tuple[str, str]]:
    """(name, value) of each setting."""
    text = (UNITS / unit).read_text()
    return [
        (name, value)
        for name, found, value in (line.partition("=") for line in text.splitlines())
        if found and name[0] != "#"
    ]


def setting(unit: str, name: str) -> str:
    """The one of that name."""
    [value] = [value for each, value in lines(unit) if each == name]
    return value


def command(unit: str) -> list[str]:
    """What it runs, as the instance `8000`."""
    return shlex.split(setting(unit, "ExecStart").replace("%i", "8000").replace("%%", "%"))


@pytest.mark.parametrize("program", list(OF_PROCESSES))
def test_a_unit_runs_what_manage_py_up_runs(program: str) -> None:
    planned = {
        each.name: each
        for each in app_programs(host="127.0.0.1", port=8000, slots=2, spares=1, speech_ports=["1"])
    }
    assert set(planned) == set(OF_PROCESSES)
    wanted = [word.replace("%%", "%") for word in planned[program].command[1:]]
    found = command(OF_PROCESSES[program])
    if program == "asr":
        assert found == ["/bin/sh", "deploy/asr-worker"]
        found = asr_worker(2, 1)
    assert found[1:] == wanted
    assert found[0] in (PYTHON, "python")


@pytest.mark.parametrize("program", list(OF_PROCESSES))
def test_a_unit_gives_its_process_the_time_that_the_page_asks_for(program: str) -> None:
    page = (BASE_DIR / "docs/deployment.md").read_text()
    [wanted] = re.findall(rf"^\| {program} \| .* \| (\d+) s \|$", page, re.MULTILINE)
    assert setting(OF_PROCESSES[program], "TimeoutStopSec") == wanted
    assert setting(OF_PROCESSES[program], "KillMode") == "mixed"


@pytest.mark.parametrize("unit", SERVICES)
def test_a_unit_has_its_data_and_nothing_else_of_the_machine(unit: str) -> None:
    found = dict(lines(unit))
    assert {name: found.get(name) for name in GUARDS} == GUARDS
    assert "AF_NETLINK" not in found["RestrictAddressFamilies"]
    assert found.get("PrivateDevices") == "yes" or found["DevicePolicy"] == "closed"


def test_instances_of_the_recogniser_have_names_and_gpus_of_their_own() -> None:
    environment = shlex.split(
        " ".join(value for name, value in lines("souffleur-asr@.service") if name == "Environment")
    )
    assert {"ASR_NODE=asr-%i", "CUDA_VISIBLE_DEVICES=%i", "VAR_DIR=/var/lib/souffleur"} <= set(environment)
    assert "${ASR_NODE:-asr}@%h" in (BASE_DIR / "deploy" / "asr-worker").read_text()


def test_what_the_example_names_is_a_setting() -> None:
    named = re.findall(r"^#?([A-Z_]+)=", (UNITS / "environment.example").read_text(), re.MULTILINE)
    assert (
        {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ASR_SLOTS"}
        <= set(named)
        <= {name.upper() for name in Env.model_fields}
    )


def test_what_a_stack_logs_is_bounded_and_holds_some_days(tmp_path: Path) -> None:
    programs = app_programs(host="127.0.0.1", port=8000, slots=2, spares=1, speech_ports=["1"])
    plan = StackPlan(tmp_path / "run", [], programs)
    write_config(plan)
    written = configparser.RawConfigParser()
    written.read(plan.config_file)
    assert written["supervisord"]["logfile_maxbytes"] == "5MB"
    for program in programs:
        section = written[f"program:{program.name}"]
        assert (section["stdout_logfile_maxbytes"], section["stdout_logfile_backups"]) == ("10MB", "4")
        assert section["redirect_stderr"] == "true"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine's tree with our units in it."""
    ours, theirs = tmp_path / "etc/systemd/system", tmp_path / "usr/lib/systemd/system"
    for folder in (ours, theirs, tmp_path / "bin", (tmp_path / PYTHON[1:]).parent):
        folder.mkdir(parents=True)
    for path in UNITS.iterdir():
        shutil.copy(path, ours)
    for name in TARGETS:
        shutil.copy(f"/usr/lib/systemd/system/{name}.target", theirs)
    for program in (tmp_path / "bin/sh", tmp_path / PYTHON[1:]):
        program.touch(mode=0o755)
    return tmp_path


@pytest.mark.skipif(
    not shutil.which("systemd-analyze") or not Path("/usr/lib/systemd/system/basic.target").exists(),
    reason="NO SYSTEMD HERE: units are read by these tests alone",
)
def test_systemd_itself_finds_nothing_wrong_and_little_exposed(root: Path) -> None:
    for unit in SERVICES:
        instance = unit.replace("@.", "@8000.")
        verified = subprocess.run(
            ["systemd-analyze", f"--root={root}", "verify", instance], capture_output=True, text=True
        )
        assert verified.returncode == 0, verified.stderr
        assert [line for line in verified.stderr.splitlines() if "souffleur" in line] == []
        exposed = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MOST}", f"./{unit}"],
            cwd=root / "etc/systemd/system", capture_output=True, text=True,
        )  # fmt: skip
        assert exposed.returncode == 0, exposed.stdout
