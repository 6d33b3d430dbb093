"""`mailmove init` against the lab: what it finds out, what it asks, what it writes, and what it never overwrites."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from prefect.blocks.core import Block
from prefect.settings import PREFECT_API_URL, temporary_settings
from typer.testing import CliRunner

from deployments.cli.init.lookup import Ways, discover
from deployments.cli.init.operators import dns_operator
from deployments.cli.main import app
from deployments.cli.output import IN_THE_WAY, WRONG
from lab.town import DOMAIN, Town
from mailmove.dns.assessment.mail_filters import mail_filter
from mailmove.plan.load import load_plan

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with Town(dns="rfc2136", users=2, shared=0, public_folders=0, messages=10, mail_per_second=0) as town:
        yield town


def ways(town: Town) -> dict[str, Any]:
    """Where the world is in this lab."""
    return {
        "dns_port": town.places.dns_port,
        "https_port": town.places.https_port,
        "login_url": town.cloud.base_url,
        "extra_ca": town.authority.pem,
    }


def secrets(town: Town) -> dict[str, str]:
    made = town.settings
    return {
        "APP_SECRET": made["microsoft365"]["client_secret"],
        "EX_PASSWORD": made["exchange"]["password"],
        "TSIG_SECRET": made["rfc2136"]["key_secret"],
        "AWS_KEY": made["aws"]["secret_access_key"],
    }


def answers(town: Town, customer: str) -> dict[str, Any]:
    """What a script answers; secrets by the environment."""
    made, trust = town.settings, town.settings["trust"]
    cloud, old, update, aws = made["microsoft365"], made["exchange"], made["rfc2136"], made["aws"]
    plain = town.plan()
    return {
        "questions": {"customer": customer, "dns": "rfc2136", "firewall": "aws-security-group",
                      "time_zone": "Europe/London"},
        "plan": {"source": {"https_port": plain["source"]["https_port"]}, "propagation": plain["propagation"],
                 "sweep": plain["sweep"]},
        "blocks": {
            f"aws-security-group/{customer}": {
                "credentials": f"aws-credentials/{customer}", "group_id": aws["group_id"],
            },
            f"aws-credentials/{customer}": {
                "aws_access_key_id": aws["access_key_id"], "aws_secret_access_key": "env:AWS_KEY",
                "region_name": aws["region"], "aws_client_parameters": {"endpoint_url": aws["endpoint_url"]},
            },
            f"exchange-server/{customer}": {
                "ews_url": old["ews_url"], "username": old["username"], "password": "env:EX_PASSWORD",
                "shell_url": old["shell_url"], "shell_kind": old["shell_kind"], **trust,
            },
            f"rfc2136/{customer}": {
                "server": update["server"], "port": update["port"], "key_name": update["key_name"],
                "key_secret": "env:TSIG_SECRET", "algorithm": update["key_algorithm"], "zones": [DOMAIN],
            },
            f"microsoft365/{customer}": {
                "tenant_id": cloud["tenant_id"], "client_id": cloud["client_id"], "client_secret": "env:APP_SECRET",
                "exchange_public_key": cloud["exchange_public_key"],
                **dict.fromkeys(("login_url", "graph_url", "exchange_url"), cloud["base_url"]), **trust,
            },
        },
        "lookup": ways(town),
    }  # fmt: skip


def init(town: Town, folder: Path, given: dict[str, Any], *words: str, typed: str = "", **more: str) -> Result:
    path = folder.parent / "answers.yaml"
    path.write_text(yaml.safe_dump(given), "utf-8")
    line = ["init", DOMAIN, "--answers", str(path), "--folder", str(folder), "--resolver", town.resolvers[0], *words]
    return CliRunner().invoke(app, line, input=typed, env={**secrets(town), **more})


def test_everything_that_anybody_may_know_is_looked_up(town: Town) -> None:
    server = town.dns.resolver_addresses[0].split(":")
    seen = discover(DOMAIN, [(server[0], int(server[1]))], Ways.model_validate(ways(town)))
    assert (seen.zone, seen.mx, seen.filter) == (DOMAIN, [f"mail.{DOMAIN}"], "")
    assert (seen.host, seen.host_addresses) == (f"mail.{DOMAIN}", [town.places.old_server])
    assert seen.certificate.startswith("fits") and f"autodiscover.{DOMAIN}" in seen.certificate
    assert seen.version == "8.3.83.6" and any("Exchange 2007" in line for line in seen.lines())
    assert (seen.tenant, seen.tenant_id) == ("none", ""), "the domain is nobody's so far"
    initial = discover(town.cloud.initial_domain, [(server[0], int(server[1]))], Ways.model_validate(ways(town)))
    assert (initial.tenant, initial.tenant_id) == ("managed", town.cloud.tenant_id)


def test_what_does_not_answer_is_named_and_nothing_is_raised() -> None:
    nobody = ("127.0.0.1", 9)
    seen = discover("contoso.example", [nobody], Ways(https_port=9, login_url="https://127.0.0.1:9"))
    assert (seen.host, seen.tenant, seen.tenant_id) == ("", "", "")
    assert any("Microsoft's sign-in does not answer" in words for words in seen.silent)
    assert any("MX" in words for words in seen.silent)


def test_a_script_gets_a_plan_blocks_and_the_next_command(town: Town, tmp_path: Path) -> None:
    folder, given = tmp_path / "scripted", answers(town, "scripted")
    done = init(town, folder, given, "--json")
    assert done.stdout, (done.output, done.exception)
    outcome = json.loads(done.stdout)
    assert (outcome["version"], outcome["plan_state"]) == (1, "written"), done.output
    assert set(outcome["blocks"].values()) == {"made"} and len(outcome["blocks"]) == 5, done.output
    text = (folder / "plan.yaml").read_text("utf-8")
    plan = load_plan(folder / "plan.yaml")
    assert (plan.customer, plan.domains, plan.target.usage_location) == ("scripted", [DOMAIN], "GB")
    assert (plan.source.outlook_anywhere_host, plan.firewall.mode) == (f"mail.{DOMAIN}", "drop")
    assert [(str(window.opens), window.timezone) for window in plan.windows] == [("22:00:00", "Europe/London")]
    assert text.startswith("# yaml-language-server: $schema=plan.schema.json\n") and "8.3.83.6" in text
    assert json.loads((folder / "plan.schema.json").read_text("utf-8"))["title"] == "Mailmove plan"
    assert Block.load("microsoft365/scripted").client_secret.get_secret_value() == secrets(town)["APP_SECRET"]
    assert Block.load("aws-security-group/scripted").credentials.aws_access_key_id
    # No worker is alive in this test: preflight is left, and said.
    assert (done.exit_code, outcome["preflight"]["state"]) == (IN_THE_WAY, "left out")
    written = "".join(path.read_text("utf-8") for path in folder.iterdir())
    assert not [word for word in secrets(town).values() if word in written + done.output]

    again = init(town, folder, given, "--json")
    assert json.loads(again.stdout)["plan_state"] == "unchanged"
    assert set(json.loads(again.stdout)["blocks"].values()) == {"there already"}

    edited = text.replace("closes: 05:00", "closes: 04:00").replace("closes: '05:00'", "closes: '04:00'")
    assert edited != text
    (folder / "plan.yaml").write_text(edited, "utf-8")
    kept = init(town, folder, {**given, "questions": {**given["questions"], "country": "DE"}}, "--json")
    assert json.loads(kept.stdout)["plan_state"] == "kept"
    assert (folder / "plan.yaml").read_text("utf-8") == edited


def test_all_faults_of_answers_are_named_at_once_and_nothing_is_written(town: Town, tmp_path: Path) -> None:
    folder, given = tmp_path / "faulty", answers(town, "faulty")
    given["questions"] |= {"country": "UK", "closes": "29:00"}
    given["plan"]["sweep"]["quiet_minutes"] = -1
    blocks = given["blocks"]
    blocks["exchange-server/faulty"]["password"] = "S3cret-in-the-open"
    blocks["microsoft365/faulty"]["client_secret"] = "env:NOT_SET"
    del blocks["rfc2136/faulty"]["key_name"]
    done = init(town, folder, given)
    assert (done.exit_code, "Traceback" in done.output, "S3cret" in done.output) == (WRONG, False, False)
    for fault in ("plan.target.usage_location: 'UK'", "plan.windows.0.closes", "plan.sweep.quiet_minutes",
                  "blocks.exchange-server/faulty.password: is a secret", "env:NOT_SET is not set",
                  "blocks.rfc2136/faulty.key_name: is missing"):  # fmt: skip
        assert fault in done.stderr, done.stderr
    assert not folder.exists()
    assert "faulty" not in CliRunner().invoke(app, ["block", "list"]).stdout
    misspelt = init(town, folder, {"question": {}, "questions": {"contry": "GB"}, "lookup": {"dnsport": 1}})
    assert all(word in misspelt.stderr for word in ("question:", "lookup.dnsport"))
    assert misspelt.exit_code == WRONG and not folder.exists()


def test_blocks_that_nobody_gives_are_named(town: Town, tmp_path: Path) -> None:
    given = answers(town, "lacking")
    del given["blocks"]["rfc2136/lacking"]
    done = init(town, tmp_path / "lacking", given)
    assert (done.exit_code, "blocks.rfc2136/lacking: the plan names it" in done.stderr) == (WRONG, True)


def test_without_a_server_the_plan_is_written_and_the_rest_is_said(town: Town, tmp_path: Path) -> None:
    folder, given = tmp_path / "serverless", answers(town, "serverless")
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        done = init(town, folder, given)
    assert done.exit_code == IN_THE_WAY, done.output
    assert "no Prefect server is named" in done.stdout and "mailmove up" in done.stdout
    assert load_plan(folder / "plan.yaml").customer == "serverless"
    assert json.loads(init(town, folder, given, "--json").stdout)["blocks"]["rfc2136/serverless"] == "made"


def test_a_person_is_asked_leaves_and_comes_back(town: Town, tmp_path: Path) -> None:
    folder, given = tmp_path / "typed", {"lookup": ways(town)}
    # Short name, host, SMTP host, and DNS; then the person hangs up.
    first = init(town, folder, given, "--ask", typed="typed\n\n\nrfc2136\n")
    assert first.exit_code == IN_THE_WAY and "what comes after the last answer" in first.stdout
    assert not (folder / "plan.yaml").exists()
    # What was answered is shown, and not asked again; UK is refused at once, and asked again; no block is made.
    second = init(town, folder, given, "--ask",
                  typed="\nmanual-firewall\n\nEurope/London\nUK\nGB\n\n\n" + "n\n" * 4)  # fmt: skip
    assert "  customer: typed\n" in second.stdout and "  dns: rfc2136\n" in second.stdout
    assert "GB is meant" in second.stdout, second.output
    plan = load_plan(folder / "plan.yaml")
    assert (plan.customer, plan.dns.provider, plan.target.usage_location) == ("typed", "rfc2136/typed", "GB")
    assert second.exit_code == IN_THE_WAY and second.stdout.count("left: ") >= 4
    assert "Why: " in second.stdout and "Where: " in second.stdout


def test_a_secret_that_a_person_types_is_not_echoed(town: Town, tmp_path: Path) -> None:
    folder, given = tmp_path / "secretly", answers(town, "secretly")
    key = given["blocks"]["rfc2136/secretly"].pop("key_secret")
    assert key == "env:TSIG_SECRET"
    words = secrets(town)["TSIG_SECRET"]
    asked = {**given, "blocks": {"rfc2136/secretly": given["blocks"]["rfc2136/secretly"]}}
    done = init(town, folder, asked, "--ask", typed="\n" * 6 + "n\nn\ny\n" + words + "\n" + "n\nn\n")
    assert Block.load("rfc2136/secretly").key_secret.get_secret_value() == words, done.output
    assert words not in done.output


@pytest.mark.parametrize(
    "domain", ["", "contoso", "anna@contoso.com", "https://contoso.com", "a..b.com", "x" * 70 + ".com"]
)
def test_what_is_no_domain_is_refused(domain: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["init", domain, "--folder", str(tmp_path / "none"), "--resolver", "127.0.0.1:9"])
    assert (done.exit_code, "Traceback" in done.output, (tmp_path / "none").exists()) == (WRONG, False, False)


def test_operators_are_known_by_their_names_and_nobody_is_guessed() -> None:
    route53 = dns_operator(["ns-1.awsdns-02.co.uk.", "ns-3.awsdns-04.com."], "contoso.com")
    assert route53 is not None and route53.block == "route53"
    own = dns_operator(["ns1.contoso.com", "ns2.contoso.com"], "contoso.com")
    assert own is not None and own.block == "rfc2136"
    assert dns_operator([], "contoso.com") is None
    assert dns_operator(["ns1.awsdns-02.com", "ns1.elsewhere.example"], "contoso.com") is None, "two operators"
    assert dns_operator(["awsdns-02.evil.example"], "contoso.com") is None
    assert mail_filter(["mx1.contoso.eu-central.pphosted.com."]) == "Proofpoint"
    assert mail_filter(["contoso-com.mail.protection.outlook.com"]) == "Microsoft 365"
    assert mail_filter(["mail.contoso.com", "mx1.pphosted.com"]) == "", "the old server takes mail, too"
