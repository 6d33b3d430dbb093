"""What a signing server puts into a zone is nobody's record: nothing displaces it, moves it or compares it."""

from __future__ import annotations

import pytest

from lab.dns.zone_data import rrset
from mailmove.dns.canonical import displaced_by
from mailmove.dns.mail_auth.dkim import dkim_changes
from mailmove.dns.zone.apply_changes import outstanding
from mailmove.dns.zone.desired import switch_changes
from mailmove.dns.zone.findings import findings
from mailmove.errors import Blocked
from mailmove.records import RRset, RRsetChange, Zone, zone_of

ZONE = "contoso.test."
_SIGNATURE = "MX 13 2 3600 20261214000000 20261130000000 4711 contoso.test. AAAA"
_MADE = {
    "RRSIG": _SIGNATURE,
    "NSEC": "mail.contoso.test. A RRSIG NSEC",
    "NSEC3": "1 0 0 - 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR A RRSIG",
    "NSEC3PARAM": "1 0 0 -",
    "DNSKEY": "257 3 13 AAAA",
    "CDS": "4711 13 2 43b65823b06a0b550b29161169d5b8f26d872454770e807dd64b6ac21f383f0c",
    "CDNSKEY": "257 3 13 AAAA",
    "ZONEMD": "1 1 1 " + "ab" * 48,
    "TYPE65280": r"\# 1 00",
    "TYPE65534": r"\# 5 0d4c610001",
}
"""By RFC 4034, 5155, 7344, 8976 and 6895 section 3.1."""
_CNAME = rrset(f"autodiscover.{ZONE}", "CNAME", 300, "autodiscover.outlook.com.")
_DKIM = rrset(f"selector1._domainkey.{ZONE}", "CNAME", 300, "selector1-contoso-test._domainkey.x.onmicrosoft.com.")


def _signed(*written: RRset) -> Zone:
    names = {one.name for one in written}
    return zone_of([*written, *(rrset(name, rtype, 60, value) for name in names for rtype, value in _MADE.items())])


def test_a_signature_is_not_displaced_and_microsofts_own_names_are_no_other_service() -> None:
    zone = _signed(rrset(ZONE, "MX", 60, f"10 mail.{ZONE}"), _CNAME, _DKIM)
    service = [rrset(ZONE, "MX", 60, "0 x.mx.microsoft."), _CNAME]
    assert [change.key for change in switch_changes(zone, ZONE, service)] == [(ZONE, "MX")]
    assert dkim_changes(zone, [_DKIM]) == []
    assert not [one for one in findings(zone, ZONE.rstrip(".")) if "replaces them" in one.means]


def test_what_people_have_written_beside_it_is_displaced_all_the_same() -> None:
    address = rrset(_CNAME.name, "A", 60, "192.0.2.1")
    assert displaced_by(_signed(address), [_CNAME]) == [address]
    with pytest.raises(Blocked):
        dkim_changes(_signed(rrset(_DKIM.name, "TXT", 60, '"v=DKIM1; p=AAAA"')), [_DKIM])
    alias = rrset(_CNAME.name, "TYPE65401", 60, r"\# 1 00")  # PowerDNS's ALIAS: a person wrote it
    assert displaced_by(_signed(alias), [_CNAME]) == [alias]


@pytest.mark.parametrize("rtype", _MADE)
def test_a_change_of_it_is_never_outstanding(rtype: str) -> None:
    held = rrset(ZONE, rtype, 60, _MADE[rtype])
    assert outstanding("server", {}, [RRsetChange(before=None, after=held)]) == []
