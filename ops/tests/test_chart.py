"""The chart renders what Kubernetes takes and the code needs: Helm's own engine, Kubernetes' own schemas, no cluster."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import jsonschema
import pytest
import yaml
from django.conf import settings
from django.urls import resolve

from config.env import BASE_DIR, Env
from config.env.secret_files import SECRETS
from config.version import VERSION
from ops.tests.test_deploy import asr_worker, planned

helm = pytest.importorskip("helm_python", reason="THE CHART IS NOT TESTED: helm-python-sdk has no wheel here")
kubernetes_validate = pytest.importorskip("kubernetes_validate")

CHART = BASE_DIR / "deploy" / "helm"
PLAIN: dict[str, Any] = {"hosts": ["captions.example"]}
EVERYTHING: dict[str, Any] = {
    "hosts": ["captions.example", "live.example"], "settings": {"EVENT_TIME_ZONE": "Europe/Vienna", "RETENTION_DAYS": 30},
    "speech": {"enabled": True}, "web": {"autoscaling": {"enabled": True}}, "backup": {"enabled": True, "claim": "backups"},
    "asr": {"gpu": {"enabled": True, "settings": {"ASR_MODEL": "large-v3-turbo"}}, "keda": {"enabled": True}, "modelsClaim": "models"},
    "ingress": {"enabled": True, "tlsSecret": "tls", "annotations": {"a.example/b": "c"}}, "serviceMonitor": {"enabled": True},
    "networkPolicies": {
        "metricsFrom": [{"namespaceSelector": {}}], "webFrom": [{"namespaceSelector": {}}], "data": [{"ipBlock": {"cidr": "10.1.0.0/16"}}],
    },
    "image": {"registry": "registry.example/", "pullSecrets": ["pull"]},
}  # fmt: skip
OLDEST, NEWEST = "1.29", "1.37"  # Chart.yaml says from which version on
DEPLOYED = ["web", "speech", "asr-cpu", "asr-gpu", "translation", "sweeps", "beat"]
TEXT, NAMED = {"type": "string"}, {"type": "object", "required": ["name"], "additionalProperties": False}
# Of custom resources what we use, by their documentation: KEDA 2.17, Prometheus operator 0.80.
TRIGGER = {
    "type": "object", "required": ["type", "metadata"], "additionalProperties": False,
    "properties": {
        "type": {"enum": ["postgresql", "prometheus"]}, "metadata": {"type": "object", "additionalProperties": TEXT},
        "authenticationRef": {**NAMED, "properties": {"name": TEXT}},
    },
}  # fmt: skip
CUSTOM: dict[str, dict[str, Any]] = {
    "keda.sh/v1alpha1 ScaledObject": {
        "type": "object", "required": ["scaleTargetRef", "triggers"], "additionalProperties": False,
        "properties": {
            "scaleTargetRef": {**NAMED, "properties": {"name": TEXT}}, "minReplicaCount": {"type": "integer"},
            "maxReplicaCount": {"type": "integer"}, "pollingInterval": {"type": "integer", "minimum": 1},
            "advanced": {"type": "object", "required": ["horizontalPodAutoscalerConfig"]},
            "triggers": {"type": "array", "minItems": 1, "items": TRIGGER},
        },
    },
    "keda.sh/v1alpha1 TriggerAuthentication": {
        "type": "object", "required": ["secretTargetRef"], "additionalProperties": False,
        "properties": {"secretTargetRef": {"type": "array", "items": {
            "type": "object", "required": ["parameter", "name", "key"], "additionalProperties": False,
            "properties": {"parameter": TEXT, "name": TEXT, "key": TEXT},
        }}},
    },
    "monitoring.coreos.com/v1 ServiceMonitor": {
        "type": "object", "required": ["selector", "endpoints"], "additionalProperties": False,
        "properties": {
            "selector": {"type": "object", "required": ["matchLabels"]},
            "endpoints": {"type": "array", "items": {
                "type": "object", "required": ["port"], "additionalProperties": False,
                "properties": {
                    "port": TEXT, "path": TEXT, "interval": TEXT,
                    "authorization": {"type": "object", "required": ["credentials"], "properties": {
                        "type": TEXT, "credentials": {"type": "object", "required": ["key"]},
                    }},
                },
            }},
        },
    },
}  # fmt: skip


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Every manifest."""
    return [json.loads(text) for text in _rendered(json.dumps(values))]


@cache
def _rendered(values: str) -> list[str]:
    with helm.Chart.load(CHART) as chart:
        files = chart.render(json.loads(values), name="talks", namespace="captions")
    texts = (text for path, text in sorted(files.items()) if path.endswith(".yaml"))
    return [json.dumps(each) for text in texts for each in yaml.safe_load_all(text) if each]


def of_kind(kind: str, values: dict[str, Any] = EVERYTHING) -> dict[str, dict[str, Any]]:
    """Name without the release's → manifest."""
    return {
        each["metadata"]["name"].removeprefix("talks-"): each
        for each in rendered(values)
        if each["kind"] == kind
    }


def pods(values: dict[str, Any] = EVERYTHING) -> dict[str, dict[str, Any]]:
    """Name → specification of every pod."""
    found = {name: each["spec"]["template"]["spec"] for kind in ("Deployment", "Job") for name, each in of_kind(kind, values).items()}  # fmt: skip
    for name, each in of_kind("CronJob", values).items():
        found[name] = each["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("values", [PLAIN, EVERYTHING], ids=["plain", "everything"])
def test_helm_has_nothing_against_it(values: dict[str, Any]) -> None:
    report = helm.lint(CHART, values, strict=True)
    assert report["errors"] == []
    assert [each for each in report["messages"] if each["severity"] > 1] == []  # 1: it would like an icon


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_manifest_follows_the_schemas_of_kubernetes(version: str) -> None:
    for manifest in [*rendered(EVERYTHING), *(rendered(PLAIN) if version == NEWEST else [])]:
        kind = f"{manifest['apiVersion']} {manifest['kind']}"
        if kind in CUSTOM:
            jsonschema.validate(manifest["spec"], CUSTOM[kind])
        else:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_pods_run_what_manage_py_up_runs() -> None:
    deployments = of_kind("Deployment")
    assert sorted(deployments) == sorted(DEPLOYED)
    for name, deployment in deployments.items():
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        given = container["args"]
        arguments = asr_worker(2, 1) if given == ["sh", "deploy/asr-worker"] else given
        assert arguments == planned(name.partition("-")[0], slots=2, spares=1), name


def test_probes_ask_for_addresses_that_are_served() -> None:
    [web] = pods()["web"]["containers"]
    for probe in ("startupProbe", "readinessProbe"):
        asked = web[probe]["httpGet"]
        assert resolve(asked["path"])
        assert "localhost" in next(
            each["value"] for each in web["env"] if each["name"] == "ALLOWED_HOSTS"
        ).split(",")
        assert any(re.match(exempt, asked["path"].lstrip("/")) for exempt in settings.SECURE_REDIRECT_EXEMPT)


def test_what_pods_set_is_a_setting_of_the_code() -> None:
    known = (
        {name.upper() for name in Env.model_fields} | {f"{name.upper()}_FILE" for name in SECRETS} | {"HOME"}
    )
    for name, pod in pods().items():
        for container in pod["containers"]:
            variables = {each["name"]: each for each in container["env"]}
            assert set(variables) <= known, name
            assert variables["RETENTION_DAYS"]["value"] == "30"
            files = [each["value"] for each in variables.values() if each["name"].endswith("_FILE")]
            [secrets] = [each["secret"]["items"] for each in pod["volumes"] if each["name"] == "secrets"]
            assert {f"/run/secrets/souffleur/{item['path']}" for item in secrets} == set(files)


def test_nothing_runs_as_root_or_writes_beside_its_folders() -> None:
    for pod in pods().values():
        context = pod["securityContext"]
        assert (context["runAsNonRoot"], context["runAsUser"], context["fsGroup"]) == (True, 10001, 10001)
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
            }  # fmt: skip
            assert container["resources"]["requests"]
            assert "memory" in container["resources"]["limits"]
            mounted = {each["mountPath"] for each in container["volumeMounts"]}
            assert {"/tmp", "/var/lib/souffleur"} <= mounted  # noqa: S108
            assert {each["name"] for each in container["volumeMounts"]} == {
                each["name"] for each in pod["volumes"]
            }


def test_each_process_has_longer_than_its_drain_before_it_is_killed() -> None:
    defaults = {name: Env.model_fields[f"{name}_drain_s"].default for name in ("web", "asr", "translation")}
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert values["drain"] == defaults
    defaults = values["drain"]
    for drain in (defaults, {"web": 60, "asr": 300, "translation": 40}):
        found = pods({**EVERYTHING, "drain": drain})
        for name, pod in found.items():
            process = name.partition("-")[0]
            if process in drain:
                assert pod["terminationGracePeriodSeconds"] >= drain[process] + 10, name
                [container] = pod["containers"]
                env = {each["name"]: each.get("value") for each in container["env"]}
                assert env[f"{process.upper()}_DRAIN_S"] == str(drain[process])


def test_selectors_find_their_own_pods_and_no_others() -> None:
    deployments = of_kind("Deployment")
    labels = {name: each["spec"]["template"]["metadata"]["labels"] for name, each in deployments.items()}

    def matched(selector: dict[str, str]) -> list[str]:
        return [name for name, found in labels.items() if selector.items() <= found.items()]

    for name, each in deployments.items():
        assert matched(each["spec"]["selector"]["matchLabels"]) == [name]
    services = of_kind("Service")
    assert matched(services["web"]["spec"]["selector"]) == ["web"]
    assert matched(services["speech"]["spec"]["selector"]) == ["speech"]
    assert matched(services["metrics"]["spec"]["selector"]) == list(labels)
    budgets = of_kind("PodDisruptionBudget")
    assert sorted(budgets) == sorted(set(DEPLOYED) - {"beat"})
    for name, each in budgets.items():
        assert matched(each["spec"]["selector"]["matchLabels"]) == [name]
    policies = of_kind("NetworkPolicy")
    assert matched(policies["talks"]["spec"]["podSelector"]["matchLabels"]) == list(labels)
    assert matched(policies["web"]["spec"]["podSelector"]["matchLabels"]) == ["web"]


def test_one_beat_and_a_successor_of_everything_else_before_it_ends() -> None:
    deployments = of_kind("Deployment", PLAIN)
    assert (deployments["beat"]["spec"]["replicas"], deployments["beat"]["spec"]["strategy"]) == (1, {"type": "Recreate"})  # fmt: skip
    for name in ("web", "asr-cpu", "translation", "sweeps"):
        assert deployments[name]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    gpu = of_kind("Deployment")["asr-gpu"]["spec"]["template"]["spec"]["containers"][0]
    assert gpu["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_who_scales_it_has_no_number_of_pods_in_its_way() -> None:
    scaled = of_kind("Deployment")
    assert all("replicas" not in scaled[name]["spec"] for name in ("web", "asr-cpu", "asr-gpu"))
    assert of_kind("HorizontalPodAutoscaler")["web"]["spec"]["scaleTargetRef"]["name"] == "talks-web"
    for name, each in of_kind("ScaledObject").items():
        assert each["spec"]["scaleTargetRef"]["name"] == f"talks-{name}"


@pytest.mark.django_db
def test_keda_asks_what_the_database_answers() -> None:
    from django.db import connection

    from asr.models import Session

    [trigger] = of_kind("ScaledObject")["asr-gpu"]["spec"]["triggers"]
    assert (trigger["type"], trigger["metadata"]["targetQueryValue"]) == ("postgresql", "4")
    for kind, state in (("room", "live"), ("room", "starting"), ("meeting", "live"), ("room", "closed"), ("typed", "live")):  # fmt: skip
        Session.objects.create(kind=kind, state=state, source_lang="en")
    with connection.cursor() as cursor:
        cursor.execute(trigger["metadata"]["query"])
        assert cursor.fetchall() == [(4,)]  # three take a slot, and one is to be free


def test_keda_asks_prometheus_for_what_there_is() -> None:
    keda = {"enabled": True, "trigger": "prometheus", "prometheusAddress": "http://prometheus:9090"}
    scaled = of_kind("ScaledObject", {**PLAIN, "asr": {"keda": keda}})
    [trigger] = scaled["asr-cpu"]["spec"]["triggers"]
    asked = set(re.findall(r"souffleur_\w+", trigger["metadata"]["query"]))
    assert asked
    page = (BASE_DIR / "docs" / "metrics.md").read_text()  # made by the code
    assert asked <= set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"settings": {"ADMIN_PASSWORD": "in plain sight"}}, "ADMIN_PASSWORD"),
        ({"settings": {"DATABASE_URL": "postgres://u:p@h/d"}}, "DATABASE_URL"),
        ({"replicas": 3}, "replicas"),
        ({"asr": {"cpu": {"slots": 0}}}, "slots"),
        ({"asr": {"keda": {"trigger": "cron"}}}, "trigger"),
        ({"existingSecret": ""}, "existingSecret"),
        ({"backup": {"enabled": True}}, "backup.claim"),
    ],
    ids=str,
)
def test_values_that_are_none_are_refused(values: dict[str, Any], why: str) -> None:
    with helm.Chart.load(CHART) as chart:
        refuses = chart.validate_schema if why != "backup.claim" else chart.render
        with pytest.raises(helm.HelmError, match=why):
            refuses(chart.merge_values(values))


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = re.search(r'^version = "(.*)"$', (BASE_DIR / "pyproject.toml").read_text(), re.MULTILINE)
    assert project is not None
    assert {chart["version"], chart["appVersion"], project[1]} == {VERSION}
    assert chart["kubeVersion"].startswith(f">={OLDEST}.")


def test_the_images_of_the_chart_are_targets_of_the_dockerfile() -> None:
    targets = set(
        re.findall(r"^FROM \S+ AS (\S+)$", (BASE_DIR / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    )
    for pod in pods().values():
        for container in pod["containers"]:
            name, _, tag = container["image"].removeprefix("registry.example/souffleur-").partition(":")
            assert name in targets
            assert tag == VERSION
