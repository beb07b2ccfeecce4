"""What this machine offers to the recogniser."""

import logging
import os
import subprocess
import sys
from functools import cache

import pynvml

COUNTED_WITHIN_S = 60.0
COUNT = "import ctranslate2; print(ctranslate2.get_cuda_device_count())"
TORCH_DEVICE = """
import torch
print("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
"""
logger = logging.getLogger(__name__)


def cores() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


@cache
def cuda_devices() -> int:
    """CUDA devices that CTranslate2 can use here (CUDA_VISIBLE_DEVICES, driver and build as they are).

    Counted in a process of its own: counting initialises CUDA, and CUDA does not survive a fork.
    """
    try:
        return int(_told(COUNT))
    except (OSError, ValueError, subprocess.SubprocessError):
        logger.warning("CUDA devices not counted", exc_info=True)
        return 0


@cache
def torch_device() -> str:
    """The best device that torch can use here: cuda (NVIDIA, AMD), mps (Apple) or cpu. Asked likewise."""
    try:
        return _told(TORCH_DEVICE).strip()
    except (OSError, subprocess.SubprocessError):
        logger.warning("torch's devices not known", exc_info=True)
        return "cpu"


def _told(program: str) -> str:
    """What a program prints in a process of its own."""
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=COUNTED_WITHIN_S)
    return ran.stdout


def gpu_free_bytes() -> int:
    """Free memory of the first GPU that CUDA may use; 0 where the driver does not report it. Touches no CUDA."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return 0
    try:
        device = first_visible(os.environ.get("CUDA_VISIBLE_DEVICES"))
        by_name = (
            pynvml.nvmlDeviceGetHandleByIndex if isinstance(device, int) else pynvml.nvmlDeviceGetHandleByUUID
        )
        return int(pynvml.nvmlDeviceGetMemoryInfo(by_name(device)).free)
    except pynvml.NVMLError:
        return 0
    finally:
        pynvml.nvmlShutdown()


def first_visible(setting: str | None) -> int | str:
    """Number or UUID of the device that is CUDA's first under this CUDA_VISIBLE_DEVICES (None: not set)."""
    first = (setting or "0").split(",")[0].strip()
    return int(first) if first.isdecimal() else first
