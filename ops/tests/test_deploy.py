"""docker-compose.yml says what the code needs: no container engine is asked."""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.database import connection_settings
from config.env import BASE_DIR, Env, read_env
from config.env.secret_files import SECRETS
from config.servers.limits import BODY_BOUNDS, BODY_LIMIT_BYTES
from gateways.conference.api import MAX_BODY_BYTES
from ops.stack import app_programs
from ops.tests.test_images import last

COMPOSE_FILE = BASE_DIR / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
ONE_SHOT = ["migrate", "backup"]
UNASKED = ["fluent-bit"]  # its image has no program that could ask
PROFILES = {
    "cpu": {"asr-cpu"}, "gpu": {"asr-gpu"}, "speech": {"speech"}, "translate": {"libretranslate"},
    "observe": {"prometheus", "grafana", "loki", "fluent-bit"}, "statistics": {"umami", "umami-postgres"},
    "backup": {"backup"}, "machines": {"beszel", "beszel-agent"}, "tunnel": {"cloudflared"},
}  # fmt: skip
SETTINGS = {name.upper() for name in Env.model_fields} | {f"{name.upper()}_FILE" for name in SECRETS}
NOT_MADE = {"tunnel_token"}  # secrets that somebody else gives
WITH_FILES = ("/v1/audio/transcriptions", "/room/R1/terms", "/api/room/R1/terms/proposals")
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:?[-?])([^}]*)\}")


def words(service: str, *, slots: int = 1, spares: int = 1) -> list[str]:
    """A service's arguments, as the container gets them."""
    command = SERVICES[service]["command"]
    arguments = shlex.split(command) if isinstance(command, str) else command
    return asr_worker(slots, spares) if arguments == ["sh", "deploy/asr-worker"] else list(arguments)


def asr_worker(slots: int, spares: int) -> list[str]:
    """What deploy/asr-worker becomes once there is a model: the script itself, with an echo in the place of Python."""
    script = (BASE_DIR / "deploy" / "asr-worker").read_text()
    ran = subprocess.run(
        ["sh", "-c", 'python() { echo python "$@"; }; ' + script.replace("exec python", "python")],
        env={"PATH": "/usr/bin:/bin", "ASR_SLOTS": str(slots), "ASR_SPARES": str(spares)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    fetched, worker = ran.stdout.splitlines()
    assert fetched == "python manage.py fetch_model"
    return shlex.split(worker)


def planned(program: str, *, slots: int = 1, spares: int = 1) -> list[str]:
    """The same process as `manage.py up` starts it."""
    programs = app_programs(host="0.0.0.0", port=8000, slots=slots, spares=spares, speech_ports=["50051"])  # noqa: S104
    found = next(item for item in programs if item.name == program)
    assert found.command[0] == sys.executable
    return ["python", *(word.replace("%%", "%") for word in found.command[1:])]


def test_the_compose_file_follows_the_compose_specification() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE_FILE],
        capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("service", ["web", "speech", "asr-cpu", "asr-gpu", "translation", "sweeps", "beat"])
def test_containers_run_what_manage_py_up_runs(service: str) -> None:
    assert words(service, slots=3, spares=2) == planned(service.partition("-")[0], slots=3, spares=2)


def test_every_process_of_manage_py_up_has_a_service() -> None:
    programs = {
        program.name for program in app_programs(host="", port=0, slots=1, spares=1, speech_ports=["1"])
    }
    assert programs == {name.partition("-")[0] for name in OURS if name not in ONE_SHOT}


def test_each_profile_starts_what_it_is_for_and_the_rest_runs_always() -> None:
    profiles: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for profile in service.get("profiles", ["always"]):
            profiles.setdefault(profile, set()).add(name)
    always = profiles.pop("always")
    assert profiles == PROFILES
    assert always == {"postgres", "redis", "migrate", "web", "translation", "sweeps", "beat"}


@pytest.mark.parametrize("service", [name for name in SERVICES if name not in (*ONE_SHOT, *UNASKED)])
def test_every_service_that_stays_has_a_health_check(service: str) -> None:
    check = SERVICES[service]["healthcheck"]
    assert check["test"]
    assert {"interval", "timeout", "retries"} <= set(check)


@pytest.mark.parametrize("service", list(SERVICES))
def test_no_service_takes_the_memory_or_the_disk_of_the_others(service: str) -> None:
    limits = SERVICES[service]["deploy"]["resources"]["limits"]
    assert re.search(r"\d+[mg]\b", limits["memory"])
    assert limits["pids"] > 0
    logging = SERVICES[service]["logging"]
    assert logging["driver"] == "json-file"
    assert (logging["options"]["max-size"], logging["options"]["max-file"]) == ("10m", "5")


@pytest.mark.parametrize("service", OURS)
def test_a_container_writes_only_where_it_says(service: str) -> None:
    ours = SERVICES[service]
    assert ours["read_only"] is True
    assert ours["cap_drop"] == ["ALL"]
    assert ours["security_opt"] == ["no-new-privileges:true"]
    written = [
        *(each.partition(":")[0] for each in ours["tmpfs"]),
        *(each.split(":")[1] for each in ours["volumes"]),
    ]
    assert {"/tmp", "/var/lib/souffleur"} <= set(written)  # noqa: S108


@pytest.mark.parametrize("service", [name for name in OURS if name not in ONE_SHOT])
def test_a_service_has_the_time_to_drain_that_the_page_asks_for(service: str) -> None:
    rows = re.findall(
        r"^\| (\w+) \| .* \| (\d+) s \|$", (BASE_DIR / "docs/deployment.md").read_text(), re.MULTILINE
    )
    assert SERVICES[service]["stop_grace_period"] == f"{dict(rows)[service.partition('-')[0]]}s"
    assert "stop_signal" not in SERVICES[service]  # SIGTERM


@pytest.mark.parametrize("service", ["asr-cpu", "asr-gpu", "translation", "sweeps"])
def test_a_worker_is_asked_by_its_own_name(service: str) -> None:
    arguments = words(service)
    node, _, place = arguments[arguments.index("-n") + 1].partition("@")
    assert place == "%h"
    assert SERVICES[service]["healthcheck"]["test"][-1].endswith(f"inspect ping -t 10 -d {node}@$$(hostname)")


@pytest.mark.parametrize("service", ["web", "asr-cpu", "asr-gpu", "backup"])
def test_an_image_started_by_itself_does_what_its_service_does(service: str) -> None:
    command = SERVICES[service]["command"]
    assert yaml.safe_load(last(service, "CMD")) == (
        shlex.split(command) if isinstance(command, str) else command
    )


@pytest.mark.parametrize("service", ["web", "asr-cpu", "asr-gpu"])
def test_an_image_started_by_itself_is_asked_as_its_service_is(service: str) -> None:
    asked = yaml.safe_load(last(service, "HEALTHCHECK").partition("CMD ")[2])
    composed = SERVICES[service]["healthcheck"]["test"]
    assert asked[-1] == composed[-1].replace("$$", "$")


@pytest.mark.parametrize("service", OURS)
def test_a_service_is_built_from_a_target_of_the_dockerfile(service: str) -> None:
    build = SERVICES[service]["build"]
    assert (BASE_DIR / build["dockerfile"]).is_file()
    assert last(build["target"], "USER") == "10001:10001"


@pytest.mark.parametrize("service", OURS)
def test_what_compose_sets_is_a_setting_of_the_code(service: str) -> None:
    environment = SERVICES[service]["environment"]
    assert set(environment) <= SETTINGS
    assert {
        "SECRET_KEY_FILE",
        "HOST_PASSWORD_FILE",
        "ADMIN_PASSWORD_FILE",
        "DATABASE_URL",
        "REDIS_URL",
    } <= set(environment)


@pytest.mark.parametrize("service", list(SERVICES))
def test_secrets_are_files_that_the_service_is_given(service: str) -> None:
    environment = SERVICES[service].get("environment", {})
    named = {Path(value).name for value in environment.values() if str(value).startswith("/run/secrets/")}
    given = set(SERVICES[service].get("secrets", []))
    assert named <= given <= set(COMPOSE["secrets"])
    assert not [name for name in environment if re.search(r"PASSWORD$|SECRET_KEY$|TOKEN$", name)]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder in which deploy/make-secrets has run."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(BASE_DIR / "deploy" / "make-secrets", tmp_path / "deploy")
    subprocess.run([tmp_path / "deploy" / "make-secrets"], check=True, capture_output=True)
    return tmp_path / "secrets"


def test_every_secret_is_made_once_and_nobody_else_enters_their_folder(made: Path) -> None:
    files = {Path(each["file"]).name for each in COMPOSE["secrets"].values()} - NOT_MADE
    texts = {path.name: path.read_text() for path in made.iterdir()}
    assert set(texts) == {*files, "umami.env"}
    assert all(len(text) >= 16 for text in texts.values())
    assert len(set(texts.values())) == len(texts)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    subprocess.run([made.parent / "deploy" / "make-secrets"], check=True, capture_output=True)
    assert texts == {path.name: path.read_text() for path in made.iterdir()}


def test_umami_s_database_has_the_password_that_umami_has(made: Path) -> None:
    settings = dict(line.split("=", 1) for line in (made / "umami.env").read_text().splitlines())
    assert set(settings) == {"DATABASE_URL", "APP_SECRET"}
    assert f":{(made / 'umami_password').read_text()}@umami-postgres:" in settings["DATABASE_URL"]
    assert SERVICES["umami-postgres"]["environment"]["POSTGRES_PASSWORD_FILE"].endswith("/umami_password")


@pytest.mark.parametrize("service", OURS)
def test_the_settings_of_the_services_are_accepted_by_the_code(
    service: str, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SETTINGS & set(os.environ):
        monkeypatch.delenv(name)
    for name, value in SERVICES[service]["environment"].items():
        monkeypatch.setenv(name, VARIABLE.sub(_filled, str(value)).replace("/run/secrets", str(made)))
    env = read_env(env_file=made / "no.env")
    assert env.allowed_hosts == ["localhost", "web", "ALLOWED_HOSTS"]
    assert env.secret_key == (made / "secret_key").read_text()
    assert connection_settings(env, env.database_url)["PASSWORD"] == (made / "postgres_password").read_text()


def _filled(variable: re.Match[str]) -> str:
    """A default where there is one, else the variable's own name."""
    return variable[3] if variable[2].endswith("-") else variable[1]


def test_the_example_names_every_variable_and_nothing_unknown() -> None:
    example = (BASE_DIR / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    needed = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    variables = {name: kind for name, kind, _ in VARIABLE.findall(COMPOSE_FILE.read_text())}
    assert {name for name, kind in variables.items() if kind == ":?"} <= needed
    assert set(variables) - named <= {"SOUFFLEUR_TAG"}
    assert named <= SETTINGS | set(variables) | {"COMPOSE_PROFILES"}
    assert not named & {name.upper() for name in SECRETS}


def test_images_are_pinned() -> None:
    images = [service["image"] for name, service in SERVICES.items() if name not in OURS]
    images += re.findall(r"^FROM (\S+:\S+)", (BASE_DIR / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    assert images
    for image in images:
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-|$)", image), image


def test_data_lives_in_named_volumes_and_files_of_ours_are_only_read() -> None:
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service.get("volumes", [])]
    assert {source for source, *_ in mounts if source[0] not in "./"} == set(COMPOSE["volumes"])
    for source, _, *options in mounts:
        if source[0] in "./":
            assert options == ["ro"]
        if source[0] == ".":
            assert (BASE_DIR / source).is_dir()
    made = next(rest for rest in last("web", "RUN").split("install --directory")[1:]).split()
    for service in OURS:  # a volume takes its owner from the image's folder
        assert {mount.split(":")[1] for mount in SERVICES[service]["volumes"]} <= set(made)


def test_only_the_web_and_speech_are_reachable_and_what_watches_from_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"web", "speech", "prometheus", "grafana", "umami", "beszel"}
    assert all(
        re.match(r"\$\{\w+_ADDRESS:-127\.0\.0\.1\}:", port) for ports in published.values() for port in ports
    )


def test_the_data_has_no_way_out() -> None:
    for network in ("data", "statistics"):
        assert COMPOSE["networks"][network]["internal"] is True
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["data"]
    assert SERVICES["umami-postgres"]["networks"] == ["statistics"]
    theirs = [name for name in SERVICES if name not in (*OURS, "postgres", "redis")]
    assert not [name for name in theirs if "data" in SERVICES[name].get("networks", [])]


def test_the_gpu_profile_asks_for_a_gpu() -> None:
    devices = SERVICES["asr-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]


def test_the_samples_of_proxies_bound_bodies_as_the_server_does() -> None:
    page = (BASE_DIR / "docs/deployment.md").read_text()
    [nginx_kib] = re.findall(r"client_max_body_size (\d+)k;", page)
    [caddy_kb] = re.findall(r"max_size (\d+)KB", page)
    for bound in (1024 * int(nginx_kib), 1000 * int(caddy_kb)):
        assert MAX_BODY_BYTES < bound <= BODY_LIMIT_BYTES
    [(paths, nginx_mib)] = re.findall(r"location ~ (\S+) {.*?client_max_body_size (\d+)m;", page, re.DOTALL)
    [globs] = re.findall(r"@others not path (.*)\n", page)
    for path in WITH_FILES:
        assert any(fnmatch.fnmatchcase(path, glob) for glob in globs.split())
        assert re.match(paths, path)
    for longer in BODY_BOUNDS:
        assert any(longer.path.match(path) for path in WITH_FILES)
        assert longer.size_bytes <= int(nginx_mib) << 20
