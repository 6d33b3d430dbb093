"""What we hand out for other ways to run it names only what Prefect, Docker, Kubernetes and our own commands know."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
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
    return set(re.findall(r"PREFECT_[A-Z_]+[A-Z]", text))


def pool(kind: str) -> dict[str, Any]:
    return dict(json.loads((DEPLOYMENTS / f"pools/{kind}.json").read_text("utf-8")))


def kubernetes_objects() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOYMENTS / "kubernetes/mailmove.yaml").read_text("utf-8")))


@pytest.mark.parametrize("file", ["scale/compose.yaml", "kubernetes/mailmove.yaml", "pools/docker.json"])
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
    properties = ours["variables"]["properties"]
    jsonschema.Draft202012Validator.check_schema(ours["variables"])
    defaults = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
    jsonschema.validate(defaults, {"$ref": "#/variables", **shipped})  # our defaults, by Prefect's own schema
    assert set(properties) <= set(shipped["variables"]["properties"])
    assert set(ours["job_configuration"]) <= set(shipped["job_configuration"])
    asked = set(re.findall(r"{{ (\w+) }}", json.dumps(ours["job_configuration"])))
    assert asked == set(properties), "every variable is used, and every one used is declared"
    if kind != "process":  # that one has a folder of its own machine
        assert "/results" in defaults["env"]["PREFECT_RESULTS_LOCAL_STORAGE_PATH"]


def filled(value: Any, variables: dict[str, Any]) -> Any:
    """A job manifest with its variables filled in, as the worker does; those without a value are left out."""
    if isinstance(value, dict):
        pairs = ((key, filled(field, variables)) for key, field in value.items())
        return {key: field for key, field in pairs if field is not None}
    if isinstance(value, list):
        return [filled(element, variables) for element in value]
    if isinstance(value, str) and (whole := re.fullmatch(r"{{ (\w+) }}", value)):
        return variables.get(whole[1])
    return re.sub(r"{{ (\w+) }}", lambda match: str(variables[match[1]]), value) if isinstance(value, str) else value


def test_the_kubernetes_job_is_a_valid_job() -> None:
    template = pool("kubernetes")
    variables = {name: schema.get("default") for name, schema in template["variables"]["properties"].items()}
    variables |= {"name": "night", "command": ["prefect", "flow-run", "execute"], "labels": {"app": "mailmove"}}
    variables["env"] = [{"name": name, "value": value} for name, value in variables["env"].items()]
    job = filled(template["job_configuration"]["job_manifest"], variables)
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


def prefect_commands() -> Iterator[list[str]]:
    compose = yaml.safe_load((DEPLOYMENTS / "scale/compose.yaml").read_text("utf-8"))
    for service in compose["services"].values():
        if service["image"] == "mailmove" and service["command"][0] == "prefect":
            yield service["command"]
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
    server = services["api"]["environment"]
    assert server[ENCRYPTION].startswith("${MAILMOVE_KEY:?")
    assert "${MAILMOVE_DB:?" in server["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
    assert not [words for words in prefect_commands() if words[0] != "prefect"]


def test_the_unit_starts_a_command_that_we_have() -> None:
    unit = (DEPLOYMENTS / "mailmove.service").read_text("utf-8")
    start = re.search(r"^ExecStart=(\S+) (\S+) --home (\S+)$", unit, re.MULTILINE)
    assert start is not None
    assert start[2] in typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert f"ReadWritePaths={start[3]}" in unit
