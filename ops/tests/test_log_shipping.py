"""deploy/fluent-bit reads what our processes write, as Docker keeps it; Fluent Bit itself is in no package registry, so none runs here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from config.env import BASE_DIR

FLUENT_BIT: dict[str, Any] = yaml.safe_load((BASE_DIR / "deploy/fluent-bit/fluent-bit.yaml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text())
(INPUT,) = FLUENT_BIT["pipeline"]["inputs"]
(OUTPUT,) = FLUENT_BIT["pipeline"]["outputs"]
PARSERS = {parser["name"]: parser for parser in FLUENT_BIT["parsers"]}
FILTERS = {each["name"]: each for each in FLUENT_BIT["pipeline"]["filters"]}
LABELS = ("com.docker.compose.project", "com.docker.compose.service")
ATTRIBUTE = re.compile(r"\$attrs\['([^']+)'\]")
SAY = """
import logging, logging.config
from config.logging import logging_config
logging_config(level="INFO", as_json=True)
logging.getLogger("asr").info("something happened", extra={"room": "A1"})
"""


@pytest.fixture(scope="module")
def line() -> dict[str, Any]:
    """One that a process of ours wrote."""
    said = subprocess.run(
        [sys.executable, "-c", SAY],
        cwd=BASE_DIR,
        env={**os.environ, "DEBUG": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(said.stderr))


def read_time(parser: str, text: str) -> datetime:
    """As Fluent Bit reads it: strptime, and %L for the fraction of a second."""
    return datetime.strptime(text, PARSERS[parser]["time_format"].replace("%L", "%f"))


def test_the_time_of_a_line_is_the_one_that_it_was_written_at(line: dict[str, Any]) -> None:
    written = read_time("souffleur_line", line[PARSERS["souffleur_line"]["time_key"]]).replace(tzinfo=UTC)
    assert datetime.now(UTC) - timedelta(minutes=10) < written <= datetime.now(UTC)
    assert (
        read_time("docker_line", "2026-11-22T09:05:47.995864").microsecond == 995864
    )  # and a Z, as Fluent Bit's own parser has it


def test_a_line_s_level_and_its_service_are_what_logs_are_found_by(line: dict[str, Any]) -> None:
    labels = dict(each.strip().split("=", 1) for each in OUTPUT["labels"].split(","))
    fields = {
        value.removeprefix("$") for value in labels.values() if value.startswith("$") and "attrs" not in value
    }
    assert fields <= set(line)
    assert ATTRIBUTE.findall(OUTPUT["labels"]) == [LABELS[1]]
    assert not {"event", "room", "timestamp"} & set(labels)  # a label of many values is a stream each


def test_only_this_project_s_containers_are_shipped() -> None:
    attribute, pattern = FILTERS["grep"]["regex"].split()
    assert ATTRIBUTE.findall(attribute) == [LABELS[0]]
    assert re.fullmatch(pattern, COMPOSE["name"])
    for service in COMPOSE["services"].values():
        assert tuple(service["logging"]["options"]["labels"].split(",")) == LABELS


def test_every_parser_that_is_named_is_there_and_every_part_takes_what_comes() -> None:
    assert {INPUT["parser"], FILTERS["parser"]["parser"]} == set(PARSERS)
    assert {each["match"] for each in (*FILTERS.values(), OUTPUT)} == {INPUT["tag"]}
    assert FILTERS["parser"]["key_name"] == "log"


def test_what_it_reads_and_keeps_is_mounted() -> None:
    mounts = {mount.split(":")[1] for mount in COMPOSE["services"]["fluent-bit"]["volumes"]}
    for path in (INPUT["path"], INPUT["db"], FLUENT_BIT["service"]["storage.path"]):
        assert any(path.startswith(f"{mount}/") for mount in mounts), path
    command = COMPOSE["services"]["fluent-bit"]["command"]
    assert "/etc/fluent-bit" in mounts
    assert command[-1] == "/etc/fluent-bit/fluent-bit.yaml"


def test_logs_find_their_way_to_loki_and_are_not_kept_for_ever() -> None:
    environment = COMPOSE["services"]["fluent-bit"]["environment"]
    assert OUTPUT["host"] == "${LOKI_HOST}"
    assert environment["LOKI_HOST"] in COMPOSE["services"]
    loki = yaml.safe_load((BASE_DIR / "deploy/loki/loki.yml").read_text())
    assert loki["server"]["http_listen_port"] == OUTPUT["port"]
    assert loki["compactor"]["retention_enabled"] is True
    assert loki["limits_config"]["retention_period"] == "336h"


def test_grafana_finds_its_sources_and_the_dashboard() -> None:
    provisioning = BASE_DIR / "deploy/grafana/provisioning"
    sources = yaml.safe_load((provisioning / "datasources/souffleur.yml").read_text())["datasources"]
    for source in sources:
        assert re.fullmatch(r"http://(\w+):\d+", source["url"])[1] in COMPOSE["services"]  # type: ignore[index]
    [provider] = yaml.safe_load((provisioning / "dashboards/souffleur.yml").read_text())["providers"]
    mounts = dict(mount.split(":")[1::-1] for mount in COMPOSE["services"]["grafana"]["volumes"])
    assert list((BASE_DIR / mounts[provider["options"]["path"]]).glob("*.json"))


def test_prometheus_asks_every_process_that_counts() -> None:
    scraped = yaml.safe_load((BASE_DIR / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    names = {name for job in scraped for found in job.get("dns_sd_configs", []) for name in found["names"]}
    names |= {
        target.split(":")[0]
        for job in scraped
        for found in job.get("static_configs", [])
        for target in found["targets"]
    }
    ours = {name for name, service in COMPOSE["services"].items() if "build" in service}
    assert names == ours - {"migrate", "backup", "beat"}
    ports = {found["port"] for job in scraped for found in job.get("dns_sd_configs", [])}
    assert ports == {COMPOSE["services"]["translation"]["environment"]["METRICS_PORT"]}
    secrets = {job["authorization"]["credentials_file"] for job in scraped}
    assert secrets == {"/run/secrets/metrics_token"}
    assert COMPOSE["services"]["prometheus"]["secrets"] == ["metrics_token"]
