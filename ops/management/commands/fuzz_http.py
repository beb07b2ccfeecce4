"""What the OpenAPI documents promise, tried with made-up requests by schemathesis on a stack of its own: `manage.py fuzz_http`."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from ops.faults.stack import BASE_DIR, Stack, free_port, running_stack
from ops.interrupts import StackCommand
from ops.siege.clients import login

DOCUMENTS = ("conference", "captions", "openai")
# 503 is documented: not ready, and /login's for a wrong password. Every other answer from 500 on is a failure.
CONFIG = """
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
"""
WITHIN_S = 1800


class Command(StackCommand):
    """Prints what schemathesis says of each document, and one last line of JSON."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--examples", type=int, default=100, help="requests made up for each operation")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        environment = {
            "LOGIN_FAILURES_PER_MINUTE": "1000000",
            "VOTES_PER_MINUTE": "1000000",
            "LOG_LEVEL": "WARNING",
        }
        found = []
        with running_stack(rooms=["TALK9X"], SPEECH_PORTS=f"{free_port()}", **environment) as stack:
            for name in DOCUMENTS:
                found.append({"document": name, **self._tried(stack, name, options)})
        self.stdout.write(json.dumps({"documents": found}))
        if any(one["server_errors"] for one in found):
            raise CommandError("there were server errors")

    def _tried(self, stack: Stack, name: str, options: dict[str, Any]) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / "schemathesis.toml"
            config.write_text(CONFIG)
            done = subprocess.run(
                [
                    str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "--no-color",
                    "run", str(BASE_DIR / "docs" / "openapi" / f"{name}.json"), "--url", stack.url,
                    "--phases", "examples,coverage,fuzzing", "--checks", "not_a_server_error",
                    "--max-examples", str(options["examples"]), "--seed", str(options["seed"]),
                    "--header", f"Authorization: Bearer {login(stack)}", "--continue-on-failure", "--warnings", "off",
                ],
                cwd=folder, capture_output=True, text=True, timeout=WITHIN_S, check=False,
            )  # fmt: skip
        self.stdout.write(done.stdout[-4000:])
        self.stdout.flush()
        return {"requests": _number(r"(\d+) generated", done.stdout), "server_errors": _number(r"Server error: (\d+)", done.stdout), "passed": done.returncode == 0}  # fmt: skip


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else 0
