"""Whatever strangers publish, it is read without a crash, and a record that is called valid is one."""

from __future__ import annotations

import asyncio
import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from mailmove.dns.assessment.assess import assess
from mailmove.dns.client.answer import Answer
from mailmove.dns.mail_auth import dmarc, mta_sts, spf, tls_rpt
from mailmove.dns.mail_auth.mta_sts_fetch import Fetched
from mailmove.dns.mail_auth.spf_cost import measure

BITS = (
    "v=spf1 |v=DMARC1;|v=STSv1;|v=TLSRPTv1;| |;|=|:|/|//|%{i}|%|mx|include:|a|redirect=|ip4:|1.2.3.4|/33|all|-|p=none|"
    "id=1|rua=|mailto:a@b|,|!|\t|\xa0|é"
)
bits = st.sampled_from(BITS.split("|"))
raw = st.text(alphabet=st.characters(max_codepoint=255), max_size=40) | st.lists(bits, max_size=14).map("".join)


@settings(max_examples=300, deadline=None)
@given(raw)
def test_readers_of_records(text: str) -> None:
    values = [spf.value_of(text)]
    assert spf.text_of(values[0]) == text
    for verdict in (dmarc.read(values, "contoso.test"), mta_sts.read_record(values), tls_rpt.read(values)):
        assert (verdict.valid is False) == bool(verdict.faults)
        assert verdict.valid is None or verdict.record == text
    faults = spf.faults(text)
    assert isinstance(faults, list) and spf.lookups(text) <= len(spf.terms(text))
    merged = spf.merge("v=spf1 " + text, "v=spf1 include:new.test -all", ["mail.contoso.test."], "contoso.test")
    assert "include:new.test" in spf.words_of(merged)


@settings(max_examples=200, deadline=None)
@given(
    raw
    | st.lists(st.sampled_from(["version: STSv1\n", "mode: enforce\n", "mx: a.b\r\n", "max_age: 1\n", "x", "\r"])).map(
        "".join
    )
)
def test_readers_of_policy_files(body: str) -> None:
    with contextlib.suppress(ValueError):
        policy = mta_sts.read_policy(body)
        assert mta_sts.read_policy(policy.text()) == policy


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a.test", "b.test", "c.test"]),
        st.lists(
            st.sampled_from(
                ["include:a.test", "include:b.test", "redirect=c.test", "redirect=a.test", "mx", "a:b.test", "all", "x"]
            ),
            max_size=5,
        ),
    )
)
def test_any_web_of_includes_ends(records: dict[str, list[str]]) -> None:
    async def look(name: str, rtype: str) -> Answer:
        found = records.get(name.rstrip("."))
        values = (spf.value_of(" ".join(["v=spf1", *found])),) if found is not None and rtype == "TXT" else ()
        return Answer(server="model", name=name, type=rtype, rcode="NOERROR", values=values)

    cost = asyncio.run(measure("a.test", " ".join(["v=spf1", *records.get("a.test", [])]), look))
    assert cost.lookups < 2_000 and cost.voids <= cost.lookups


@settings(max_examples=20, deadline=None)
@given(
    st.text(max_size=80)
    | st.sampled_from(["a..b", ".", "x" * 64 + ".test", "a." * 130 + "test", "xn--a.test", "\\300.test"])
)
def test_any_name_is_assessed(domain: str) -> None:
    async def fetch(_: str) -> Fetched:
        return Fetched(error="none")

    seen = asyncio.run(assess(domain, [("127.0.0.1", 1)], fetch=fetch, deadline=0.2))
    assert seen.silent and seen.lines()
    assert not any("Error" in part.error for part in seen.silent), seen.silent
