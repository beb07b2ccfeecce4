"""`manage.py drill alerts`: each rule has its trouble, and its times alone are shortened. The drill itself takes minutes, and a Prometheus."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
import yaml
from django.core.management import CommandError, call_command

from ops.faults.prometheus import RULES, hurried
from ops.faults.troubles import TROUBLES, WORDLESS, Engine


def rules(text: str) -> list[dict[str, str]]:
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def test_every_alert_has_one_trouble_that_makes_it_fire() -> None:
    provoked = [alert for _, _, alerts in (*TROUBLES, WORDLESS) for alert in alerts]
    assert sorted(provoked) == sorted(rule["alert"] for rule in rules(RULES.read_text()))


def test_hurried_rules_wait_less_and_compare_with_the_same() -> None:
    slow, quick = rules(RULES.read_text()), rules(hurried(RULES.read_text(), 10))
    assert [rule["alert"] for rule in quick] == [rule["alert"] for rule in slow]
    pairs = {(old.get("for"), new.get("for")) for old, new in zip(slow, quick, strict=True)}
    assert {("30s", "3s"), ("1m", "6s"), (None, None)} <= pairs
    for old, new in zip(slow, quick, strict=True):
        assert new["expr"].partition("[")[0] == old["expr"].partition("[")[0]
        assert new["expr"].rpartition("]")[2] == old["expr"].rpartition("]")[2]
    assert any("[30s]" in rule["expr"] for rule in quick)


def test_without_a_prometheus_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="apt install prometheus"):
        call_command("drill", "alerts")


def test_the_engine_of_the_drill_translates_until_it_is_away() -> None:
    engine = Engine()
    engine.start()
    asked = {"q": ["Good morning"], "source": "en", "target": "de"}
    answer = requests.post(f"{engine.url}/translate", json=asked, timeout=60)
    assert answer.json() == {"translatedText": ["[de] Good morning"]}
    assert "de" in requests.get(f"{engine.url}/languages", timeout=60).json()[0]["targets"]
    engine.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{engine.url}/languages", timeout=60)
