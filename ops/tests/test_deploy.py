"""docker-compose.yml says what the code needs: no container engine is asked."""

from __future__ import annotations

import fnmatch
import platform
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.env import BASE_DIR, Env
from config.servers.limits import BODY_BOUNDS, BODY_LIMIT_BYTES
from gateways.conference.api import MAX_BODY_BYTES
from ops.stack import app_programs

COMPOSE_FILE = BASE_DIR / "docker-compose.yml"
DOCKERFILE = (BASE_DIR / "deploy" / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
ONE_SHOT = ["migrate"]
SETTINGS = {name.upper() for name in Env.model_fields}
WITH_FILES = ("/v1/audio/transcriptions", "/room/R1/terms", "/api/room/R1/terms/proposals")
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:?[-?])([^}]*)\}")


def words(service: str, *, slots: int = 1, spares: int = 1) -> list[str]:
    """A service's arguments, as the container gets them."""
    command = SERVICES[service]["command"]
    arguments = shlex.split(command) if isinstance(command, str) else command
    if arguments[:2] == ["sh", "-ec"]:
        _, _, script = arguments[2].partition("exec ")
        arguments = shlex.split(script.replace("$$((ASR_SLOTS + ASR_SPARES))", str(slots + spares)))
    return list(arguments)


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


def test_the_image_of_the_web_runs_the_same_command() -> None:
    command = re.search(r"^CMD (\[.*?\])$", DOCKERFILE.replace("\\\n", ""), re.MULTILINE | re.DOTALL)
    assert command is not None
    assert yaml.safe_load(command[1]) == words("web")


@pytest.mark.parametrize("service", [name for name in SERVICES if name not in ONE_SHOT])
def test_every_service_that_stays_has_a_health_check(service: str) -> None:
    check = SERVICES[service]["healthcheck"]
    assert check["test"]
    assert {"interval", "timeout", "retries"} <= set(check)


@pytest.mark.parametrize("service", ["asr-cpu", "asr-gpu", "translation", "sweeps"])
def test_a_worker_is_asked_by_its_own_name(service: str) -> None:
    arguments = words(service)
    node, _, place = arguments[arguments.index("-n") + 1].partition("@")
    assert place == "%h"
    assert SERVICES[service]["healthcheck"]["test"][-1].endswith(f"inspect ping -d {node}@$$HOSTNAME")


@pytest.mark.parametrize("service", OURS)
def test_what_compose_sets_is_a_setting_of_the_code(service: str) -> None:
    environment = SERVICES[service]["environment"]
    assert set(environment) <= SETTINGS
    assert {"SECRET_KEY", "HOST_PASSWORD", "ADMIN_PASSWORD", "DATABASE_URL", "REDIS_URL"} <= set(environment)


def test_the_settings_of_the_services_are_accepted_by_the_code() -> None:
    for service in OURS:
        environment = SERVICES[service]["environment"]
        filled = {name: VARIABLE.sub(_filled, str(value)) for name, value in environment.items()}
        env = Env(_env_file=None, debug=False, **{name.lower(): value for name, value in filled.items()})
        assert env.allowed_hosts == ["localhost", "ALLOWED_HOSTS"]


def _filled(variable: re.Match[str]) -> str:
    """A default where there is one, else the variable's own name, often enough to be no weak secret."""
    name = variable[1]
    return variable[3] if variable[2].endswith("-") else name * 6 if name == "SECRET_KEY" else name


def test_no_secret_has_a_default() -> None:
    for name, kind, _ in VARIABLE.findall(COMPOSE_FILE.read_text()):
        assert (
            name not in ("SECRET_KEY", "ADMIN_PASSWORD", "HOST_PASSWORD", "POSTGRES_PASSWORD") or kind == ":?"
        )


def test_the_example_names_every_variable_and_nothing_unknown() -> None:
    example = (BASE_DIR / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    needed = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    variables = {name: kind for name, kind, _ in VARIABLE.findall(COMPOSE_FILE.read_text())}
    assert {name for name, kind in variables.items() if kind == ":?"} <= needed
    assert set(variables) - named <= {"SOUFFLEUR_TAG"}
    assert named <= SETTINGS | set(variables) | {"COMPOSE_PROFILES"}


def test_images_are_pinned() -> None:
    images = [service["image"] for name, service in SERVICES.items() if name not in OURS]
    images += re.findall(r"^FROM (\S+:\S+)", DOCKERFILE, re.MULTILINE)
    assert images
    for image in images:
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-|$)", image), image


def test_data_lives_in_named_volumes() -> None:
    mounted = [mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])]
    assert set(mounted) == set(COMPOSE["volumes"])
    folders = re.search(r"install --directory .*?\n {8}(.*)", DOCKERFILE)
    assert folders is not None
    for service in OURS:  # a volume takes its owner from the image's folder
        for mount in SERVICES[service].get("volumes", []):
            assert mount.split(":")[1] in folders[1].split()


@pytest.mark.parametrize("service", OURS)
def test_the_dockerfile_has_the_target_and_nothing_runs_as_root(service: str) -> None:
    build = SERVICES[service]["build"]
    assert (BASE_DIR / build["dockerfile"]).is_file()
    assert f"AS {build['target']}\n" in DOCKERFILE
    users = re.findall(r"^USER (\d+)", DOCKERFILE, re.MULTILINE)
    assert users[0] == users[-1] == "10001"


def test_the_image_holds_every_package_and_no_secret() -> None:
    ignored = (BASE_DIR / ".dockerignore").read_text().splitlines()
    packages = {path.parent.name for path in BASE_DIR.glob("*/__init__.py")}
    assert {f"!{name}" for name in packages} <= set(ignored)
    assert "*" in ignored
    assert "!.env" not in ignored
    for source in re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE):
        assert (BASE_DIR / source).exists()
        assert source == "." or f"!{source}" in ignored


def test_only_the_web_and_speech_are_reachable_and_the_data_has_no_way_out() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["web", "speech"]
    assert COMPOSE["networks"]["data"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["data"]
    assert "networks" not in SERVICES["libretranslate"]


def test_the_gpu_profile_asks_for_a_gpu() -> None:
    devices = SERVICES["asr-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
    assert (SERVICES["asr-gpu"]["profiles"], SERVICES["asr-cpu"]["profiles"]) == (["gpu"], ["cpu"])


@pytest.mark.skipif(platform.machine() != "x86_64", reason="CTranslate2 has no CUDA there")
def test_the_gpu_image_finds_the_library_that_ctranslate2_loads() -> None:
    import ctranslate2

    library = next(
        path for path in Path(ctranslate2.__file__).parent.parent.glob("ctranslate2.libs/libctranslate2*")
    )
    needed = set(re.findall(rb"libcu(?:blas|dnn)\.so\.\d+", library.read_bytes()))
    assert needed == {b"libcublas.so.12"}
    assert "nvidia-cublas-cu12==12." in (BASE_DIR / "deploy" / "requirements-gpu.txt").read_text()


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
