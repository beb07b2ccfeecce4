"""What a parent asks of its machine leaves nothing behind that a forked child could not live with."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from asr.machine import first_visible, gpu_free_bytes
from config.env import BASE_DIR

# Python reads this file at its start: CTranslate2 as on a machine with a GPU, telling who asked it.
SCRIPTED_GPU = """
import os
import ctranslate2

def get_cuda_device_count():
    with open(os.environ["ASKED"], "a") as asked:
        print(os.getpid(), file=asked)
    return 0 if os.environ.get("CUDA_VISIBLE_DEVICES") == "" else 1

ctranslate2.get_cuda_device_count = get_cuda_device_count
"""
SCRIPTED_TORCH = """
import os

class Device:
    def __init__(self, name):
        self.name = name

    def is_available(self):
        with open(os.environ["ASKED"], "a") as asked:
            print(os.getpid(), file=asked)
        return self.name in os.environ["TORCH_HAS"].split()

class backends:
    mps = Device("mps")

cuda = Device("cuda")
"""
CHOOSE = """
import os
import django
django.setup()
from asr import runtime
for _ in range(3):
    chosen = runtime.choice()
maps = open("/proc/self/maps").read() if os.path.exists("/proc/self/maps") else ""
print(os.getpid(), chosen.device, chosen.model, "libcuda.so" in maps, chosen.compute_type)
"""


def choose(folder: Path, **environment: str) -> tuple[list[str], list[str]]:
    """What a process chooses, and which processes asked CTranslate2 for devices."""
    (folder / "sitecustomize.py").write_text(SCRIPTED_GPU)
    asked = folder / "asked"
    asked.touch()
    env = {
        **os.environ, "PYTHONPATH": f"{folder}:{BASE_DIR}", "DJANGO_SETTINGS_MODULE": "config.settings",
        "ASKED": str(asked), "ASR_DEVICE": "auto", "ASR_MODEL": "", **environment,
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-c", CHOOSE], cwd=BASE_DIR, env=env, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split(), asked.read_text().split()


def test_cuda_is_asked_once_and_never_in_the_process_that_forks(tmp_path):
    (pid, device, model, cuda_loaded, _), asked = choose(tmp_path)
    assert (device, model, cuda_loaded) == ("cuda", "large-v3-turbo", "False")
    assert len(asked) == 1
    assert asked != [pid]


def test_hidden_devices_are_not_counted(tmp_path):
    (_, device, model, *_), asked = choose(tmp_path, CUDA_VISIBLE_DEVICES="")
    assert (device, model, len(asked)) == ("cpu", "base", 1)


def test_nobody_is_asked_where_the_device_is_set(tmp_path):
    (_, device, *_), asked = choose(tmp_path, ASR_DEVICE="cuda")
    assert (device, asked) == ("cuda", [])


@pytest.mark.parametrize(
    ("has", "chosen"),
    [
        ("cuda", ["cuda", "large-v3-turbo", "float16"]),
        ("mps", ["mps", "large-v3-turbo", "float32"]),
        ("", ["cpu", "base", "float32"]),
    ],
)
def test_torch_says_which_device_it_has_in_a_process_of_its_own(tmp_path, has, chosen):
    (tmp_path / "torch.py").write_text(SCRIPTED_TORCH)
    (pid, device, model, _, compute_type), asked = choose(tmp_path, ASR_BACKEND="torch", TORCH_HAS=has)
    assert [device, model, compute_type] == chosen
    assert len(set(asked)) == 1
    assert pid not in asked


@pytest.mark.skipif(
    all(map(importlib.util.find_spec, ("torch", "transformers"))), reason="NEEDS a place without torch"
)
def test_torch_that_is_missing_is_named_with_the_command_that_installs_it(tmp_path):
    environment = {**os.environ, "ASR_RECOGNISER": "whisper", "ASR_BACKEND": "torch"}
    command = [sys.executable, "manage.py", "fetch_model"]
    ran = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 1
    assert (
        ran.stderr.strip()
        == "CommandError: ASR_BACKEND=torch needs what requirements-torch.txt pins: docs/deployment.md, Torch"
    )


@pytest.mark.parametrize(
    ("setting", "device"),
    [
        (None, 0),
        ("", 0),
        ("2", 2),
        ("3,1", 3),
        (" 1 , 0", 1),
        ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,0", "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"),
        ("-1", "-1"),
    ],
)
def test_memory_is_that_of_the_device_which_cuda_calls_its_first(setting, device):
    assert first_visible(setting) == device


def test_memory_that_no_driver_tells_of_is_none(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-of-nobody")
    assert gpu_free_bytes() == 0
