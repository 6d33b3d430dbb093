"""Whatever strangers publish, it is read without a crash, and a record that is called valid is one."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from judged import Judged

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
    assert spf.lookups(text) <= len(spf.terms(text))
    faults = spf.faults(text)
    unreadable = {f"{term.text} is not a mechanism" for term in spf.terms(text) if not term.name}
    assert unreadable <= set(faults), "a word that no receiver can read is a fault"
    assert all(fault.strip() for fault in faults) and len(faults) <= len(spf.terms(text)) + 2
    merged = spf.merge("v=spf1 " + text, "v=spf1 include:new.test -all", ["mail.contoso.test."], "contoso.test")
    assert "include:new.test" in spf.words_of(merged)


@settings(max_examples=200, deadline=None)
@given(raw)
def test_any_body_is_a_policy_or_has_a_reason_why_not(body: str) -> None:
    try:
        policy = mta_sts.read_policy(body)
    except ValueError as error:
        assert str(error).strip()
    else:
        assert mta_sts.read_policy(policy.text()) == policy


hosts = st.sampled_from(["mail.a.test", "*.a.test", "b.test", "x-1.c.test"])
noise = st.just([]) | st.just([]) | st.just([]) | st.sampled_from([["x"], ["mode: off"], ["mx: a..b"], ["later: 1"]])


@st.composite
def policy_files(draw: st.DrawFn) -> str:
    """A policy file with its lines in any order, repeated, with either line end; sometimes with a line of noise."""
    fields = ["version: STSv1", f"mode: {draw(st.sampled_from(['enforce', 'testing', 'none']))}"]
    fields.append(f"max_age: {draw(st.integers(0, mta_sts.MAX_AGE_LIMIT))}")
    fields += [f"mx:{draw(st.sampled_from(['', ' ', '  ']))}{host}" for host in draw(st.lists(hosts, min_size=1))]
    lines = draw(st.permutations([*fields, *draw(st.lists(st.sampled_from(fields), max_size=2)), *draw(noise)]))
    ends = st.sampled_from(["\n", "\r\n"])
    return "".join(line + draw(ends) for line in lines)


def test_a_policy_that_is_read_is_written_and_read_again_as_the_same() -> None:
    seen = Judged()

    @settings(max_examples=200, deadline=None)
    @given(policy_files())
    def read_again(body: str) -> None:
        try:
            policy = mta_sts.read_policy(body)
        except ValueError:
            seen.count(False)
            return
        seen.count(True)
        assert mta_sts.read_policy(policy.text()) == policy
        assert {f"mx: {pattern}" for pattern in policy.mx} <= {" ".join(line.split()) for line in _spaced(body)}

    read_again()
    assert seen.share >= 0.5, "most of what is drawn is a policy"


def _spaced(body: str) -> list[str]:
    return body.replace(":", ": ").splitlines()


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
