"""A real Prometheus beside a stack: it asks /metrics every two seconds and evaluates the deployment's own rules, hurried."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from config.env import BASE_DIR
from ops.faults.stack import free_port

RULES = BASE_DIR / "deploy" / "prometheus" / "rules.yml"
ASKS_EVERY_S = 2
LEAST_RANGE_S = 12  # of a range: several answers must be in it
UP_WITHIN_S = 30.0
SECONDS = {"s": 1, "m": 60, "h": 3600}
MISSING = "prometheus is not on PATH: install it (Debian: apt install prometheus) or unpack a release of it and put its folder on PATH"


class PrometheusMissing(Exception):
    """It is not installed; the message says what to do."""


class Prometheus:
    """One that runs."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def firing(self) -> set[str]:
        """Names of the alerts that fire now."""
        alerts = self._ask("alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def rules(self) -> dict[str, str]:
        """Alert → "" or the error of its last evaluation."""
        groups = self._ask("rules")["groups"]
        return {rule["name"]: rule.get("lastError", "") for group in groups for rule in group["rules"]}

    def _ask(self, what: str) -> dict[str, Any]:
        answer = requests.get(f"{self._url}/{what}", timeout=10)
        answer.raise_for_status()
        return dict(answer.json()["data"])


def find_prometheus() -> str:
    """Its path. Raises PrometheusMissing."""
    if (binary := shutil.which("prometheus")) is None:
        raise PrometheusMissing(MISSING)
    return binary


def hurried(rules: str, speed: float) -> str:
    """The rules with their times (`for`, and ranges in brackets) so many times shorter; what they compare with stays."""

    def shorter(duration: str, least_s: int) -> str:
        return f"{max(least_s, round(int(duration[:-1]) * SECONDS[duration[-1]] / speed))}s"

    rules = re.sub(r"(?m)^(\s+for: )(\d+[smh])$", lambda match: match[1] + shorter(match[2], 1), rules)
    return re.sub(r"\[(\d+[smh])\]", lambda match: f"[{shorter(match[1], LEAST_RANGE_S)}]", rules)


@contextlib.contextmanager
def watched(folder: Path, target: str, *, speed: float) -> Iterator[Prometheus]:
    """Prometheus, asking `target` (host:port), with the rules `speed` times as quick. Raises PrometheusMissing."""
    binary = find_prometheus()
    folder.mkdir()
    (folder / "rules.yml").write_text(hurried(RULES.read_text(), speed))
    every = f"{ASKS_EVERY_S}s"
    job = {"job_name": "souffleur", "static_configs": [{"targets": [target]}]}
    times = {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every}
    (folder / "prometheus.yml").write_text(  # JSON is YAML
        json.dumps({"global": times, "rule_files": ["rules.yml"], "scrape_configs": [job]})
    )
    port = free_port()
    child = subprocess.Popen(
        [
            binary, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
        ],
        cwd=folder,
    )  # fmt: skip
    try:
        found = Prometheus(port)
        _until_ready(child, port)
        yield found
    finally:
        child.terminate()
        child.wait(30)


def _until_ready(child: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"http://127.0.0.1:{port}/-/ready", timeout=2).ok:
                return
        time.sleep(0.1)
    raise RuntimeError("Prometheus did not start")
