"""Alert rules and the dashboard ask for what is told, and an operator finds every alert on the page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from config.env import BASE_DIR
from ops.management.commands.metrics_table import labels_by_name

PROMETHEUS = BASE_DIR / "deploy" / "prometheus"
DASHBOARD = BASE_DIR / "deploy" / "grafana" / "souffleur.json"
PROMETHEUS_OWN = {"up": {"job", "instance"}, "ALERTS": {"alertname", "alertstate", "hall", "engine"}}
OF_EVERY_TARGET = {"job", "instance", "le"}
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
FUNCTIONS = {"max", "min", "sum", "by", "rate", "increase", "histogram_quantile", "label_values"}


def rules() -> list[dict[str, Any]]:
    found = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())
    return [rule for group in found["groups"] for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule["alert"], rule["expr"]
    board = json.loads(DASHBOARD.read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for note in board["annotations"]["list"]:
        yield note["name"], note["expr"]


def asked_for(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Metrics, with the labels that are asked of them; those of `by` are asked of all."""
    by = {
        label for group in re.findall(r"\bby\s*\(([^)]*)\)", expression) for label in re.findall(NAME, group)
    }
    bare = re.sub(
        r'"[^"]*"|\bby\s*\([^)]*\)|\[[^\]]*\]', lambda match: '""' if match[0][0] == '"' else "", expression
    )
    for name, _, matchers in re.findall(rf"({NAME})(\{{([^}}]*)\}})?", re.sub(r"\$\w+", "", bare)):
        if name not in FUNCTIONS and not re.search(rf"\b{name}\s*(=|!=)", bare):
            yield name, by | set(re.findall(rf"({NAME})\s*(?:=|!)", matchers))


@pytest.mark.parametrize(("title", "expression"), list(expressions()))
def test_what_is_asked_for_is_told_with_these_labels(title: str, expression: str) -> None:
    known = {**labels_by_name(), **PROMETHEUS_OWN}
    asked = list(asked_for(expression))
    assert asked, expression
    for name, labels in asked:
        assert name in known, title
        assert labels <= known[name] | OF_EVERY_TARGET, title
    assert expression.count("(") == expression.count(")")


def test_a_name_or_a_label_that_is_not_told_is_noticed() -> None:
    asked = dict(
        asked_for('max by (room) (souffleur_rooms{state="live", colour!="red"}) > rate(nothing_total[5m])')
    )
    assert asked == {"souffleur_rooms": {"room", "state", "colour"}, "nothing_total": {"room"}}
    assert "nothing_total" not in labels_by_name()


def test_every_alert_has_a_row_for_the_operator_a_test_and_words() -> None:
    alerts = [rule["alert"] for rule in rules()]
    page = (BASE_DIR / "docs" / "operating.md").read_text()
    assert re.findall(r"^\| (Souffleur\w+) \|", page, re.MULTILINE) == alerts
    tests = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text())["tests"]
    fired = [
        check["alertname"] for test in tests for check in test["alert_rule_test"] if check.get("exp_alerts")
    ]
    quiet = [check["alertname"] for check in tests[0]["alert_rule_test"]]
    assert fired == quiet == alerts
    assert all(
        rule["annotations"]["summary"] and rule["labels"]["severity"] in ("critical", "warning")
        for rule in rules()
    )


@pytest.mark.parametrize(
    "arguments",
    [["check", "rules", "rules.yml"], ["check", "config", "--syntax-only", "prometheus.yml"], ["test", "rules", "rules_test.yml"]],
)  # fmt: skip
def test_promtool_finds_nothing(arguments: list[str]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip(
            "promtool is not installed (Debian: prometheus): rules are compared with our metrics alone"
        )
    done = subprocess.run([promtool, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
