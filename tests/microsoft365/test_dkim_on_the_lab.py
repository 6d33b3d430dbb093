"""DKIM through the tenant's block: keys made once, signing only when Microsoft sees the CNAMEs."""

import pytest
from cloud_town import DOMAIN, Town
from test_microsoft365_on_the_lab import patiently, publish

from blocks.microsoft365.microsoft365 import Microsoft365
from lab.dns.zone_data import rrset
from mailmove.dns.mail_auth.dkim import dkim_changes
from mailmove.errors import Blocked, NotYet
from mailmove.records import RRset


def ready(town: Town) -> Microsoft365:
    tenant = town.tenant()
    added = tenant.domains.add(DOMAIN)
    publish(town, added.verification[0].name, added.verification[0].values[0])
    patiently(lambda: tenant.domains.verify(DOMAIN), lambda domain: domain.verified)
    tenant.domains.enable_mail(DOMAIN)
    return tenant


def serve(town: Town, records: tuple[RRset, ...]) -> None:
    zone = town.dns.zone(f"{DOMAIN}.")
    town.dns.edit(f"{DOMAIN}.", *(change.after for change in dkim_changes(zone, records) if change.after))


def test_keys_are_made_once_and_mail_is_signed_when_the_names_are_there(town: Town) -> None:
    tenant = ready(town)
    assert (tenant.dkim.records(DOMAIN), tenant.dkim.signing(DOMAIN)) == ((), False)
    records = tenant.dkim.prepare(DOMAIN)
    assert [one.name for one in records] == [f"selector{n}._domainkey.{DOMAIN}." for n in (1, 2)]
    targets = {value for one in records for value in one.values}
    assert {target.split(".")[0] for target in targets} == {f"selector{n}-northwind-example" for n in (1, 2)}
    assert tenant.dkim.prepare(DOMAIN) == tenant.dkim.records(DOMAIN) == records, "twice is once"

    with pytest.raises(NotYet, match="CNAME"):
        tenant.dkim.set_signing(DOMAIN, True)
    serve(town, records[:1])
    with pytest.raises(NotYet, match="CNAME"):
        tenant.dkim.set_signing(DOMAIN, True)
    serve(town, records)
    tenant.dkim.set_signing(DOMAIN, True)
    assert tenant.dkim.signing(DOMAIN) and town.cloud.picture()["signing"] == [DOMAIN]
    tenant.dkim.set_signing(DOMAIN, True)
    tenant.dkim.set_signing(DOMAIN, False)
    tenant.dkim.set_signing(DOMAIN, False)
    assert not tenant.dkim.signing(DOMAIN) and town.cloud.picture()["signing"] == []


def test_a_name_that_leads_elsewhere_is_not_good_enough(town: Town) -> None:
    tenant = ready(town)
    one, two = tenant.dkim.prepare(DOMAIN)
    serve(town, (one,))
    town.dns.edit(f"{DOMAIN}.", rrset(two.name, "CNAME", 60, "selector2.elsewhere.example."))
    with pytest.raises(NotYet):
        tenant.dkim.set_signing(DOMAIN, True)


def test_a_new_tenant_says_what_it_wants_first(town: Town) -> None:
    tenant = ready(town)
    town.faults.set("dkim.new_tenant", times=1)
    with pytest.raises(Blocked, match="Run Enable-OrganizationCustomization once") as caught:
        tenant.dkim.prepare(DOMAIN)
    assert "isn't currently allowed" in caught.value.seen
    assert tenant.dkim.prepare(DOMAIN)


def test_a_domain_that_the_tenant_does_not_have(town: Town) -> None:
    tenant = town.tenant()
    with pytest.raises(Blocked):
        tenant.dkim.prepare("nosuch.example")
    with pytest.raises(Blocked):
        tenant.dkim.set_signing("nosuch.example", True)
    assert tenant.dkim.records("nosuch.example") == ()
