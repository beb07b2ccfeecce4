"""What a killed stack leaves behind is ended, whatever it does at its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ops.leftovers import MARK, end_stack_processes, stack_processes

ENDS_WITH_ANOTHER = """
import os, signal, subprocess, sys

def end(*_):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    os._exit(0)

signal.signal(signal.SIGTERM, end)
print("there", flush=True)
while True:
    signal.pause()
"""


def test_what_a_process_starts_at_its_end_is_ended_as_well(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDS_WITH_ANOTHER],
        env={**os.environ, MARK: str(tmp_path)}, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        try:
            assert end_stack_processes(tmp_path) == []
            assert stack_processes(tmp_path) == []
        finally:
            for left in stack_processes(tmp_path):
                left.kill()
