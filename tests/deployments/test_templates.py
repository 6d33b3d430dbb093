"""What we hand out for other ways to run it names only what Prefect, Docker, Kubernetes and our own commands know."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import kubernetes_validate
import prefect
import prefect_redis
import pytest
import typer
import yaml
from prefect.settings import Settings
from prefect.settings.legacy import _get_settings_fields
from prefect.workers.base import BaseJobConfiguration
from prefect_redis.client import RedisMessagingSettings

from deployments.cli.main import app
from deployments.server.box import Box

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENTS = ROOT / "deployments"
SHIPPED = Path(prefect.__file__).parent / "server/api/collections_data/views/aggregate-worker-metadata.json"
POOLS = ["process", "docker", "kubernetes"]
ENCRYPTION = "PREFECT_SERVER_ENCRYPTION_KEY"  # read by Prefect's server, but not one of its settings


def known_settings() -> set[str]:
    redis = {f"PREFECT_REDIS_MESSAGING_{name.upper()}" for name in RedisMessagingSettings.model_fields}
    return {*_get_settings_fields(Settings), *redis, ENCRYPTION}


def named_settings(text: str) -> set[str]:
    """Without the end of those that name a file (deployments/with_secrets.py)."""
    return {name.removesuffix("_FILE") for name in re.findall(r"PREFECT_[A-Z_]+[A-Z]", text)}


def pool(kind: str) -> dict[str, Any]:
    return dict(json.loads((DEPLOYMENTS / f"pools/{kind}.json").read_text("utf-8")))


def kubernetes_objects() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOYMENTS / "kubernetes/mailmove.yaml").read_text("utf-8")))


@pytest.mark.parametrize("file", ["scale/compose.yaml", "kubernetes/mailmove.yaml"])
def test_every_setting_is_one_that_is_read(file: str) -> None:
    named = named_settings((DEPLOYMENTS / file).read_text("utf-8"))
    assert named and named <= known_settings()
    assert "PREFECT_SERVER_NONSENSE" not in known_settings()


@pytest.mark.parametrize("file", ["scale/compose.yaml", "kubernetes/mailmove.yaml"])
def test_what_waits_costs_a_larger_server_as_little_as_the_box(file: str, tmp_path: Path) -> None:
    box = Box(tmp_path)
    alike = ("PREFECT_SERVER_SERVICES_", "PREFECT_SERVER_EVENTS_")
    spared = {name: value for name, value in box.env.items() if name.startswith(alike)}
    text = (DEPLOYMENTS / file).read_text("utf-8")
    documents = list(yaml.safe_load_all(text))
    settings = {
        name: value
        for document in documents
        for name, value in (document.get("x-server") or document.get("data") or {}).items()
    }
    assert len(spared) >= 5 and spared == {name: settings.get(name) for name in spared}


def test_nothing_that_prefect_deletes_by_itself_has_a_ledger_in_it(tmp_path: Path) -> None:
    """As Prefect reads these settings: events only, and heartbeats no sooner than silence is judged by them."""
    words = (
        "from prefect.settings import get_current_settings as read; s = read().server;"
        "v = s.services.db_vacuum; print(sorted(v.enabled_vacuum_types), s.events.retention_period.total_seconds(),"
        "v.event_retention_overrides['prefect.flow-run.heartbeat'].total_seconds())"
    )
    env = Box(tmp_path).env | {"PREFECT_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", words], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "['events'] 172800.0 7200.0"


def test_modules_that_settings_name_are_there() -> None:
    text = (DEPLOYMENTS / "scale/compose.yaml").read_text("utf-8")
    named = set(re.findall(r"prefect_redis\.(\w+)", text))
    folder = Path(str(prefect_redis.__file__)).parent
    assert named and all((folder / f"{name}.py").exists() for name in named)


@pytest.mark.parametrize("kind", POOLS)
def test_a_pool_template_is_what_prefect_of_that_kind_takes(kind: str) -> None:
    package = "prefect" if kind == "process" else f"prefect-{kind}"
    shipped = json.loads(SHIPPED.read_text("utf-8"))[package][kind]["default_base_job_configuration"]
    ours = pool(kind)
    jsonschema.Draft202012Validator.check_schema(ours["variables"])
    assert set(ours["job_configuration"]) <= set(shipped["job_configuration"])
    chosen = {name: value for name, value in ours["job_configuration"].items() if name != "job_manifest"}
    jsonschema.validate(chosen, {**shipped["variables"], "required": []})  # our values, by Prefect's own schema


class AnyJob(BaseJobConfiguration):
    """What a worker of any type makes of a template: the fields that matter for what is run, and where."""

    image: str | None = None
    privileged: bool | None = None
    networks: list[str] | None = None
    volumes: list[str] | None = None
    working_dir: str | None = None
    job_manifest: dict[str, Any] | None = None


TAKES_OVER: list[dict[str, Any]] = [
    {"command": "evil"}, {"image": "evil"}, {"working_dir": "/evil"}, {"privileged": True}, {"networks": ["evil"]},
    {"env": {"PYTHONPATH": "/evil"}}, {"env": {"LD_PRELOAD": "/evil"}}, {"env.PATH": "/evil"}, {"volumes": ["/:/evil"]},
    {"job_manifest": {"evil": 1}}, {"job_manifest.spec": {"evil": 1}}, {"namespace": "evil"}, {"labels": {"evil": "1"}},
    {"service_account_name": "evil"}, {"name": "evil"}, {"cluster_config": "evil"},
]  # fmt: skip


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("variables", TAKES_OVER, ids=lambda variables: next(iter(variables)))
async def test_a_run_takes_over_nothing(kind: str, variables: dict[str, Any]) -> None:
    """By Prefect's own worker, which merges `env` into a template that has one, whatever its variables are."""
    nobody: Any = SimpleNamespace(_loop=None)  # no block and no variable of Prefect is named, so none is asked
    job = await AnyJob.from_template_and_values(pool(kind), variables, client=nobody)
    assert "evil" not in str(job.model_dump())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(variables, pool(kind)["variables"])  # so the server refuses it
    shipped = json.loads(SHIPPED.read_text("utf-8"))["prefect" if kind == "process" else f"prefect-{kind}"][kind]
    open_job = await AnyJob.from_template_and_values(
        shipped["default_base_job_configuration"], variables, client=nobody
    )
    if kind == "process" and next(iter(variables)) in ("command", "env", "env.PATH"):
        assert "evil" in str(open_job.model_dump()), "as Prefect ships it, a run takes over"


def test_the_kubernetes_job_is_a_valid_job() -> None:
    job = pool("kubernetes")["job_configuration"]["job_manifest"]
    kubernetes_validate.validate(job, "1.31", strict=True)
    claims = {
        manifest["metadata"]["name"] for manifest in kubernetes_objects() if manifest["kind"] == "PersistentVolumeClaim"
    }
    accounts = {
        manifest["metadata"]["name"] for manifest in kubernetes_objects() if manifest["kind"] == "ServiceAccount"
    }
    spec = job["spec"]["template"]["spec"]
    assert {volume["persistentVolumeClaim"]["claimName"] for volume in spec["volumes"]} <= claims
    assert spec["serviceAccountName"] in accounts


def test_kubernetes_objects_are_valid_and_belong_together() -> None:
    objects = kubernetes_objects()
    for manifest in objects:
        kubernetes_validate.validate(manifest, "1.31", strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**objects[0], "spec": {"nonsense": 1}}, "1.31", strict=True)
    api = next(
        manifest for manifest in objects if (manifest["kind"], manifest["metadata"]["name"]) == ("Deployment", "api")
    )
    assert api["spec"]["replicas"] >= 2
    maps = {manifest["metadata"]["name"] for manifest in objects if manifest["kind"] == "ConfigMap"}
    asked = set(re.findall(r"configMapRef': {'name': '([\w-]+)'", str(objects)))
    assert asked == maps


def test_kubernetes_lets_in_workers_flow_runs_and_the_proxy_only() -> None:
    objects = kubernetes_objects()
    policies = {each["metadata"]["name"]: each["spec"] for each in objects if each["kind"] == "NetworkPolicy"}
    assert policies["closed"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    ((rule,),) = [policies["api"]["ingress"]]
    ((asks,), named) = [each.get("podSelector", {}).get("matchExpressions") for each in rule["from"]]
    job = pool("kubernetes")["job_configuration"]["job_manifest"]
    labels = {each["spec"]["template"]["metadata"]["labels"]["app"] for each in objects if each["kind"] == "Deployment"}
    assert named is None and set(asks["values"]) == {"worker", job["spec"]["template"]["metadata"]["labels"]["app"]}
    assert "worker" in labels
    (ingress,) = [each["spec"] for each in objects if each["kind"] == "Ingress"]
    hosts = {rule["host"] for rule in ingress["rules"]}
    allowed = next(each["data"]["MAILMOVE_ALLOWED_HOSTS"] for each in objects if "MAILMOVE_ALLOWED_HOSTS" in str(each))
    assert hosts == set(ingress["tls"][0]["hosts"]) and hosts < set(allowed.split(","))


def test_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "string").write_text("mailmove:a-long-secret\n")
    words = ["-m", "deployments.with_secrets", sys.executable, "-c", "import os; print(os.environ['PREFECT_X'])"]
    for file, status, seen in (("string", 0, "mailmove:a-long-secret"), ("absent", 1, "PREFECT_X_FILE=")):
        environment = {**os.environ, "PREFECT_X_FILE": str(tmp_path / file)}
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == status and seen in done.stdout + done.stderr and "Traceback" not in done.stderr


def test_the_api_does_not_start_without_a_string(tmp_path: Path) -> None:
    for string in (None, "", "admin:short"):
        given = {"PREFECT_SERVER_API_AUTH_STRING": string} if string is not None else {}
        done = subprocess.run(
            [sys.executable, "-m", "deployments.server.api_server", "--port", "1"], cwd=ROOT, timeout=60,
            env={"PATH": os.environ["PATH"], **given}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2 and "24 characters" in done.stderr and "short" not in done.stderr


def prefect_commands() -> Iterator[list[str]]:
    compose = yaml.safe_load((DEPLOYMENTS / "scale/compose.yaml").read_text("utf-8"))
    for service in compose["services"].values():
        if service["image"] == "mailmove":
            yield service["command"][3:] if "deployments.with_secrets" in service["command"] else []
    for manifest in kubernetes_objects():
        if manifest["kind"] == "Deployment":
            spec = manifest["spec"]["template"]["spec"]
            yield from (each["command"] for each in (*spec.get("initContainers", []), *spec["containers"]))


def test_compose_holds_no_secret_and_two_of_what_must_not_fail() -> None:
    compose = yaml.safe_load((DEPLOYMENTS / "scale/compose.yaml").read_text("utf-8"))
    services = compose["services"]
    assert {name for name, service in services.items() if service.get("deploy", {}).get("replicas") == 2} == {
        "api",
        "worker",
    }
    for service in services.values():
        assert set(service.get("depends_on", [])) <= set(services)
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in compose["volumes"]
        loopback = all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
        assert loopback, "reached from this machine, or through the TLS proxy"
        for name, value in service.get("environment", {}).items():
            assert name.endswith("_FILE") or not re.search("PASSWORD|_STRING|ENCRYPTION_KEY|CONNECTION_URL", name), (
                value
            )
            assert not value.startswith("/run/secrets/") or value.removeprefix("/run/secrets/") in service["secrets"]
    assert "block-key" not in {*services["worker"]["secrets"], *services["register"]["secrets"]}
    assert set(services["worker"].get("networks", ["default"])) == {"default"}, "no way to the database"
    assert [] not in list(prefect_commands()), "each gets its secrets from files"
    assert not [words for words in prefect_commands() if words[:3] == ["prefect", "server", "start"]], "the guard's way"


def test_the_unit_starts_a_command_that_we_have() -> None:
    unit = (DEPLOYMENTS / "mailmove.service").read_text("utf-8")
    start = re.search(r"^ExecStart=(\S+) (\S+) --home (\S+)$", unit, re.MULTILINE)
    assert start is not None
    assert start[2] in typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert f"ReadWritePaths={start[3]}" in unit
