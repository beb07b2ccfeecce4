"""What a parent asks of its machine leaves nothing behind that a forked child could not live with."""

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
CHOOSE = """
import os
import django
django.setup()
from asr import runtime
for _ in range(3):
    chosen = runtime.choice()
maps = open("/proc/self/maps").read() if os.path.exists("/proc/self/maps") else ""
print(os.getpid(), chosen.device, chosen.model, "libcuda.so" in maps)
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
    (pid, device, model, cuda_loaded), asked = choose(tmp_path)
    assert (device, model, cuda_loaded) == ("cuda", "large-v3-turbo", "False")
    assert len(asked) == 1
    assert asked != [pid]


def test_hidden_devices_are_not_counted(tmp_path):
    (_, device, model, _), asked = choose(tmp_path, CUDA_VISIBLE_DEVICES="")
    assert (device, model, len(asked)) == ("cpu", "base", 1)


def test_nobody_is_asked_where_the_device_is_set(tmp_path):
    (_, device, *_), asked = choose(tmp_path, ASR_DEVICE="cuda")
    assert (device, asked) == ("cuda", [])


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
