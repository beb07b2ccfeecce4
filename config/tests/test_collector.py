"""What the web process does with its garbage collector."""

from __future__ import annotations

import subprocess
import sys

from config.servers.collector import FULL_AFTER
from ops.faults.stack import BASE_DIR

PROGRAM = """
import gc, weakref
from config.servers.collector import calm_collector
calm_collector()
class Socket: pass
socket = Socket()
socket.itself, gone = socket, weakref.ref(socket)
del socket
print(gc.get_freeze_count() > 1000, gc.get_threshold()[2], gc.collect() > 0 and gone() is None)
"""


def test_what_is_loaded_at_the_start_is_looked_at_no_more_and_what_comes_later_still_is():
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=BASE_DIR, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["True", str(FULL_AFTER), "True"]
