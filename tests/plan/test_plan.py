"""Plans: what is written is what is read, every fault is told at once, and every advice can be pasted."""

from __future__ import annotations

import copy
import ipaddress
import re
from collections.abc import Iterator
from datetime import time
from pathlib import Path
from typing import Any, get_origin

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from prefect.utilities.callables import parameter_schema
from pydantic import BaseModel

from flows.cutover import cutover
from mailmove.errors import BadPlan
from mailmove.plan.cutover import Cutover
from mailmove.plan.load import Fault, _Loader, faults_of, load_plan, plan_from
from mailmove.plan.values import split_address

ROOT = Path(__file__).resolve().parents[2]
SOUND: dict[str, Any] = {
    "customer": "contoso",
    "domains": ["contoso.com", "contoso.co.uk"],
    "source": {
        "server": "exchange-server/contoso",
        "outlook_anywhere_host": "mail.contoso.com",
        "https_port": 443,
        "smtp_host": "mail.contoso.com",
    },
    "dns": {"provider": "route53/contoso", "low_ttl": 60, "final_ttl": 3600},
    "target": {
        "tenant": "microsoft365/contoso",
        "partner": "partner-center/our-msp",
        "new_customer": {
            "domain": "contoso.onmicrosoft.com",
            "company": "Contoso Ltd",
            "first_name": "Anna",
            "last_name": "Smith",
            "email": "anna@contoso.com",
            "address": "1 High Street",
            "city": "London",
            "postal_code": "EC1A 1AA",
            "country": "GB",
        },
        "purchase": {
            "market": "GB",
            "products": [
                {"catalog_item": "CFQ7TTC0LH18:0001:CFQ7TTC0K971", "quantity": 14, "term": "P1M", "billing": "monthly"}
            ],
        },
        "usage_location": "GB",
    },
    "firewall": {"gateway": "aws-security-group/contoso"},
    "gates": {"switch_mail": {"required": True, "approvers": ["anna@msp.example"]}},
    "windows": [{"opens": "22:00", "closes": "06:00", "timezone": "Europe/London"}],
    "propagation": {"resolvers": ["1.1.1.1", "[2001:db8::1]:53"], "share": 0.95},
    "sweep": {"quiet_minutes": 15},
    "probes": {"mailbox": "anna@contoso.com"},
}
FAULTS: dict[str, Any] = {
    "customer": "Contoso Ltd",
    "domains": ["contoso.com", "contoso.com"],
    "source.server": "the old box",
    "source.outlook_anywhere_host": "mail_contoso",
    "source.https_port": 0,
    "source.smtp_port": 25,
    "dns.low_ttl": 3000,
    "dns.final_ttl": 2000,
    "target.usage_location": "uk",
    "firewall.mode": "bounce",
    "probes.mailbox": "anna",
    "gates.switch_mail.required": "perhaps",
    "windows.0.timezone": "Mars/Olympus",
    "propagation.resolvers.1": "one.one.one.one",
    "sweep.quiet_minutes": -1,
}
"""Path -> what is wrong there; `dns.low_ttl` alone is no fault, `dns.final_ttl` is one only beside it."""


def steps(path: str) -> list[str | int]:
    return [int(step) if step.isdigit() else step for step in path.split(".")]


def put(data: Any, path: str, value: Any) -> None:
    *way, last = steps(path)
    for step in way:
        data = data.setdefault(step, {}) if isinstance(data, dict) else data[step]
    data[last] = value


def broken(**more: Any) -> dict[str, Any]:
    data = copy.deepcopy(SOUND)
    for path, value in {**FAULTS, **more}.items():
        put(data, path, value)
    del data["source"]["smtp_host"]
    return data


def followed(data: dict[str, Any], fault: Fault) -> dict[str, Any]:
    """The plan with the advice pasted where the fault is."""
    data = copy.deepcopy(data)
    advised = re.fullmatch(r"for example `(?P<line>.*?)`( \(.*\))?", fault.write, re.DOTALL)
    assert advised, f"{fault} gives no example"
    ((name, value),) = yaml.load(advised["line"], Loader=_Loader).items()  # as a plan is read
    path = re.sub(r"(\.\d+)+$", "", fault.path)  # one of a list: the advice is the whole list
    assert path.split(".")[-1] == name
    put(data, path, value)
    return data


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    plan, file = plan_from(SOUND), tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(plan.model_dump(mode="json"), allow_unicode=True), encoding="utf-8")
    assert load_plan(file) == plan
    assert Cutover.model_validate_json(plan.model_dump_json()) == plan, "as Prefect carries it"


def test_the_example_in_the_docs_is_sound() -> None:
    assert load_plan(ROOT / "docs" / "plan.example.yaml").customer == "contoso"


def test_yaml_as_people_write_it(tmp_path: Path) -> None:
    """In YAML 1.1 an unquoted 22:00 is the number 1320 and an unquoted NO is false."""
    file, data = tmp_path / "plan.yaml", copy.deepcopy(SOUND)
    del data["windows"]
    data["target"]["usage_location"] = "LOCATION"
    text = yaml.safe_dump(data).replace("LOCATION", "NO")
    file.write_text(text + "windows: [{opens: 22:00, closes: 06:00, timezone: Europe/Oslo}]\n", encoding="utf-8")
    plan = load_plan(file)
    assert plan.target.usage_location == "NO"
    assert (plan.windows[0].opens, plan.windows[0].closes) == (time(22), time(6))
    assert plan.gates.switch_mail.required is True


def test_all_faults_are_told_at_once_each_with_its_path() -> None:
    told = {fault.path for fault in faults_of(broken())}
    assert told == (FAULTS.keys() - {"dns.low_ttl"}) | {"source.smtp_host"}
    assert len(told) == 15
    with pytest.raises(BadPlan) as caught:
        plan_from(broken(), "contoso.yaml")
    assert str(caught.value).startswith("contoso.yaml: wanted a plan without faults; saw 15 faults:")
    assert all(f"\n  {path}: " in str(caught.value) for path in told)


def test_every_advice_mends_its_fault_when_pasted() -> None:
    data = broken()
    for fault in faults_of(data):
        if fault.problem == "is not a field of the plan":
            assert "smtp_host" in fault.write.removeprefix("one of: ").split(", ")
            del data["source"]["smtp_port"]
        else:
            data = followed(data, fault)
            assert fault.path not in {left.path for left in faults_of(data)}
    assert faults_of(data) == []


def leaves(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, bool]]:
    """(path, is it a part with fields of its own?) of every field of a plan; the first of each list."""
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        inner = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        yield f"{path}{name}", inner is not None
        if inner is not None:
            yield from leaves(inner, f"{path}{name}.0." if get_origin(field.annotation) is list else f"{path}{name}.")


def there(data: Any, path: str) -> Any:
    """What a plan says at a path; None: nothing."""
    for step in steps(path):
        data = data.get(step) if isinstance(data, dict) else data[step]  # type: ignore[index]
    return data


@pytest.mark.parametrize(("path", "part"), [*leaves(Cutover)])
def test_a_field_that_is_something_else_altogether_is_told_by_its_path(path: str, part: bool) -> None:
    data = copy.deepcopy(SOUND)
    put(data, path, 12.5 if part else {"wrong": 1})
    (fault,) = faults_of(data)
    assert fault.path == path
    if part:
        named = re.search(r"with ([a-z_, ]+)", fault.write)
        assert named, fault.write
        fields = {inner.split(".")[-1] for inner, _ in leaves(Cutover) if re.fullmatch(rf"{path}(\.0)?\.\w+", inner)}
        assert set(named[1].strip().split(", ")) == fields
        assert ("a list of" in fault.write) == isinstance(there(SOUND, path), list)
    else:
        assert faults_of(followed(data, fault)) == []


def test_every_required_field_that_is_missing_is_told() -> None:
    assert {fault.path for fault in faults_of({})} == {"customer", "domains", "source", "dns", "target", "firewall"}
    data = copy.deepcopy(SOUND)
    data["target"] = {"tennant": "microsoft365/contoso"}
    told = {fault.path: fault for fault in faults_of(data)}
    assert told.keys() == {"target.tennant", "target.tenant", "target.usage_location"}
    assert told["target.tennant"].write.startswith("one of: tenant, partner, ")


@pytest.mark.parametrize("text", ["customer: [unclosed", "- a list", "", "\t\tx: y"])
def test_a_file_that_is_no_plan(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadPlan, match=r"plan\.yaml"):
        load_plan(file)
    with pytest.raises(BadPlan, match=r"Check the path\."):
        load_plan(tmp_path / "nowhere.yaml")


def names_in(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for inner in schema.values():
            yield from names_in(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from names_in(inner)


def test_the_form_in_the_prefect_ui_builds_and_asks_for_no_credential() -> None:
    schema = parameter_schema(cutover).model_dump()
    names = set(names_in(schema))
    assert {"plan", "customer", "usage_location", "quiet_minutes"} <= names
    secret = re.compile(r"password|passwd|secret|token|credential|(^|_)key($|_)|certificate", re.IGNORECASE)
    names.remove("obtain_certificate")  # the name of a block, which holds the secrets
    assert [name for name in sorted(names) if secret.search(name)] == []
    assert "writeOnly" not in str(schema), "pydantic marks a SecretStr so"


ADDRESSES = st.ip_addresses()
PORTS = st.integers(1, 65535)


@given(ADDRESSES, st.none() | PORTS, PORTS)
def test_an_address_with_or_without_port_is_split(address: Any, port: int | None, default: int) -> None:
    bare = str(address)
    bracketed = f"[{bare}]" if ":" in bare else bare
    written = bare if port is None else f"{bracketed}:{port}"
    assert split_address(written, default) == (bare, port or default)
    assert split_address(bracketed, default) == (bare, default)


@given(st.text(alphabet="0123456789abcdef.:[]% -٣", max_size=24) | st.text(max_size=12))
@example("[::1")
@example("[::1]53")
@example("[::1]:")
@example("1.1.1.1:")
@example("1.1.1.1:٣")
@example("1.1.1.1:65536")
def test_anything_else_is_a_value_error(written: str) -> None:
    try:
        host, port = split_address(written, 53)
    except ValueError:
        return
    ipaddress.ip_address(host)
    assert 0 < port < 65536
    assert written in (host, f"[{host}]") or re.fullmatch(
        rf"(\[{re.escape(host)}\]|{re.escape(host)}):0*{port}", written
    )
