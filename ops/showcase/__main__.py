"""python -m ops.showcase: writes it, prints "ready", and tells the unfinished words again and again until its input ends."""

from __future__ import annotations

import os
import sys
import threading

import django

TOLD_AGAIN_S = 0.5


def main() -> None:
    """Until standard input ends."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from ops.showcase.operation import tick
    from ops.showcase.rows import prepare, unfinished

    prepare()
    print("ready", flush=True)
    over = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    while not over.wait(TOLD_AGAIN_S):
        unfinished()
        tick()


if __name__ == "__main__":
    main()
