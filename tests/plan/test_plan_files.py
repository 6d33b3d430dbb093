"""Plan files as other people's shells and editors write them, and the schema that editors hold them against."""

from __future__ import annotations

import codecs
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
import yaml

from mailmove.errors import BadPlan
from mailmove.plan.countries import country, country_of_zone
from mailmove.plan.load import faults_of, load_plan
from mailmove.plan.local_time import in_words, local_zone, start_time
from mailmove.plan.schema import plan_schema

EXAMPLE = Path("docs/plan.example.yaml").read_text("utf-8")
LONDON = "Europe/London"


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF16_LE + EXAMPLE.encode("utf-16-le"),  # PowerShell 5: `>`
        codecs.BOM_UTF16_BE + EXAMPLE.encode("utf-16-be"),
        EXAMPLE.encode("utf-16-le"),
        EXAMPLE.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + EXAMPLE.encode("utf-32-le"),
        codecs.BOM_UTF8 + EXAMPLE.replace("\n", "\r\n").encode(),
    ],
)
def test_a_plan_is_read_in_every_unicode(tmp_path: Path, content: bytes) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_bytes(content)
    assert load_plan(plan).customer == "contoso"


@pytest.mark.parametrize("codec", ["latin-1", "cp1252"])
def test_a_plan_in_latin_1_is_named_with_its_line_and_letter(tmp_path: Path, codec: str) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_bytes(EXAMPLE.replace("domains: [contoso.com]", "domains: [müller.example]").encode(codec))
    with pytest.raises(BadPlan) as refused:
        load_plan(plan)
    assert "line 3" in refused.value.seen and "'ü'" in refused.value.seen
    assert "UTF-8" in refused.value.todo


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"\xff\xfe", b"\x00", b"\xff\xfea", b"a\x00\x00", b"\xff\xfe\x00\x00\x01"]
)
def test_a_torn_file_is_refused_in_our_words(tmp_path: Path, content: bytes) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_bytes(content)
    with pytest.raises(BadPlan):
        load_plan(plan)


@pytest.mark.parametrize(
    "lines",
    [
        "customer: contoso\ncustomer: fabrikam\n",
        'customer: contoso\n"customer": fabrikam\n',
        "dns: {provider: route53/a, provider: route53/b}\n",
        "windows:\n  - {opens: 22:00, opens: 21:00}\n",
    ],
)
def test_a_field_that_is_twice_is_refused(tmp_path: Path, lines: str) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(lines, "utf-8")
    with pytest.raises(BadPlan, match="twice"):
        load_plan(plan)


@pytest.mark.parametrize(
    ("written", "words"),
    [("UK", "GB is meant"), ("gb", "written GB"), ("EU", "no country"), ("XX", "no country")],
)
def test_what_is_no_country_is_refused_with_what_is_meant(written: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        country(written)
    data = yaml.safe_load(EXAMPLE)
    data["target"]["usage_location"] = written
    assert [(fault.path, words in fault.problem) for fault in faults_of(data)] == [("target.usage_location", True)]


def test_the_country_of_a_time_zone() -> None:
    assert [country_of_zone(zone) for zone in (LONDON, "Europe/Berlin", "UTC")] == ["GB", "DE", None]


# --- a start ---------------------------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 30, 16, 16, tzinfo=UTC)
SPRING, AUTUMN = datetime(2027, 3, 27, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "now", "words"),
    [
        ("", NOW, "empty"),
        ("   ", NOW, "empty"),
        ("yesterday", NOW, "no time"),
        ("2026-11-29T22:00", NOW, "past, by 18 h 16 min"),
        ("2026-11-30T16:00Z", NOW, "past, by 16 min"),
        ("2026-11-30", NOW, "no time"),
        ("2027-11-30", NOW, "no time"),
        ("20261231", NOW, "no time"),
        ("2062-11-30T22:00", NOW, "more than a year"),
        ("9999-12-31T23:59-23:59", NOW, "no time"),
        ("0001-01-01T00:00+23:59", NOW, "no time"),
        ("25:00", NOW, "no time"),
        ("01:30", SPRING, "does not exist on 2027-03-28"),
        ("2027-03-28T01:30", NOW, "does not exist"),
        ("2027-03-28T01:59:59", NOW, "does not exist"),
        ("01:30", AUTUMN, "comes twice .* 2026-10-25T01:30\\+01:00 or 2026-10-25T01:30\\+00:00"),
    ],
)
def test_a_start_that_is_none_is_refused_in_words(written: str, now: datetime, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        start_time(written, now, LONDON)


@pytest.mark.parametrize(
    ("written", "now", "wanted"),
    [
        ("22:00", NOW, "2026-11-30T22:00+00:00"),
        ("16:16", NOW, "2026-12-01T16:16+00:00"),
        ("2026-11-30T16:16", NOW, "2026-11-30T16:16+00:00"),  # this very minute
        ("2026-10-25T01:30+00:00", AUTUMN, "2026-10-25T01:30+00:00"),
        ("02:00", SPRING, "2027-03-28T02:00+01:00"),
        ("00:59", SPRING, "2027-03-28T00:59+00:00"),
    ],
)
def test_a_start_that_is_one_is_taken(written: str, now: datetime, wanted: str) -> None:
    assert start_time(written, now, LONDON).isoformat(timespec="minutes") == wanted


def test_a_start_in_words() -> None:
    assert in_words(start_time("22:00", NOW, LONDON), NOW, LONDON) == "tonight 22:00 (in 5 h 44 min), Europe/London"
    assert in_words(start_time("09:00", NOW, LONDON), NOW, LONDON) == "tomorrow 09:00 (in 16 h 44 min), Europe/London"
    late = start_time("2026-12-24T23:00", NOW, "Europe/Berlin")
    assert in_words(late, NOW, "Europe/Berlin") == "Thu 24 Dec 2026 23:00 (in 24 d 5 h), Europe/Berlin"


def test_the_zone_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    (tmp_path / "zoneinfo" / "America").mkdir(parents=True)
    (tmp_path / "zoneinfo" / "America" / "New_York").touch()
    link = tmp_path / "localtime"
    link.symlink_to(tmp_path / "zoneinfo" / "America" / "New_York")
    assert local_zone(link) == "America/New_York"
    assert local_zone(tmp_path / "absent") is None
    monkeypatch.setenv("TZ", ":Europe/Berlin")
    assert local_zone(link) == "Europe/Berlin"


# --- the schema ------------------------------------------------------------------------------------------------------


def schema_faults(plan: object) -> list[str]:
    checker = jsonschema.Draft202012Validator(plan_schema(), format_checker=jsonschema.FormatChecker())
    return [".".join(map(str, error.path)) for error in checker.iter_errors(plan)]


def test_the_schema_is_one_and_takes_the_example() -> None:
    jsonschema.Draft202012Validator.check_schema(plan_schema())
    example = yaml.safe_load(EXAMPLE)
    example["windows"][0]["holidays"] = [str(day) for day in example["windows"][0]["holidays"]]
    assert schema_faults(example) == []
    assert "block_type_slug" not in str(plan_schema())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("customer", "Not Valid"),
        ("dns.provider", "contoso"),
        ("dns.provider", {"$ref": "x"}),
        ("target.usage_location", "gb"),
        ("target.partner", 7),
        ("firewall.mode", "burn"),
        ("windows.0.opens", "25:00"),
        ("sweep.quiet_minutes", 0),
    ],
)
def test_the_schema_refuses_what_the_plan_refuses(path: str, value: object) -> None:
    plan = yaml.safe_load(EXAMPLE)
    plan["windows"][0]["holidays"] = []
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    part = plan
    for step in steps:
        part = part[step]
    part[last] = value
    assert path in schema_faults(plan)
    assert path in [fault.path for fault in faults_of(plan)]


def test_the_schema_refuses_a_field_that_nobody_knows() -> None:
    plan = yaml.safe_load(EXAMPLE)
    plan["windows"][0]["holidays"] = []
    assert len(schema_faults(plan | {"sourse": {}})) == 1
