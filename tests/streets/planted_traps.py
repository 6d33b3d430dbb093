"""The traps: what stands in the way of a move that looks at one MX and one port, each planted as its source has it.

Sources: RFC 5321 5.1, RFC 2181 10.3, RFC 7505, RFC 4592, RFC 8314, RFC 3463; New-AcceptedDomain, New-SendConnector,
New-ReceiveConnector, New-TransportRule (MicrosoftDocs/office-docs-powershell); the SBS team on the POP3 connector of
SBS 2008, which hands in by SMTP what it has fetched.
"""

from __future__ import annotations

from street_world import Trap, fetched

from lab.directory import (
    Directory,
    Forwarding,
    OtherRecipient,
    ReceiveConnector,
    Relay,
    SendConnector,
    TransportRule,
)

MX, A, CNAME = "MX", "A", "CNAME"
MAIL = "mail.{d}"

TRAPS = [
    Trap("AcceptedDomain", "t01.example", "daughter-t01.example", True, "primary addresses: carl@daughter-t01.example",
         domains={"daughter-{d}": "Authoritative"}, boxes={"carl@daughter-{d}": ()}),
    Trap("AcceptedDomain", "t02.example", blocks=True, shows="other addresses: carl@old-t02.example",
         domains={"old-{d}": "Authoritative"}, boxes={"carl@{d}": ("carl@old-{d}",)}),
    Trap("MailComesByFilter", "t03.example", blocks=True, shows="Proofpoint",
         records=[("{d}", MX, ["10 mx1-t03.pphosted.com."]), ("mx1-t03.pphosted.com", A, ["{60}"])]),
    Trap("MailComesByFilter", "t04.example", blocks=True, shows="12 of 12 messages from outside came from 198.51.100.0",
         records=[("{d}", MX, ["10 mx.t04.elsewhere.example."]), ("mx.t04.elsewhere.example", A, ["{60}"])],
         directory=Directory(relays=fetched("198.51.100.25", host="mx.elsewhere.example"))),
    Trap("BackupMx", "t05.example", shows="20 backup.t05.elsewhere.example",
         records=[("{d}", MX, ["10 mail.{d}.", "20 backup.t05.elsewhere.example."]),
                  ("backup.t05.elsewhere.example", A, ["{61}"])]),
    Trap("MailComesByPop", "t06.example", blocks=True, shows="12 of 12 messages",
         records=[("{d}", MX, ["10 mx00-t06.kundenserver.de."]), ("mx00-t06.kundenserver.de", A, ["{62}"])],
         directory=Directory(relays=fetched("127.0.0.1"))),
    Trap("SmartHost", "t07.example", shows="smarthost.isp.example",
         directory=Directory(send_connectors=(SendConnector("Internet", smart_hosts=("smarthost.isp.example",)),))),
    Trap("ServerByIpv6", "t08.example", shows="IPv6", records=[(MAIL, "AAAA", ["::1"])]),
    Trap("MxWildcard", "t09.example", "MX *.t09.example", records=[("*.{d}", MX, ["10 mail.{d}."])]),
    Trap("WebHostTakesMail", "t10.example", shows="mail for t10.example",
         records=[("{d}", A, ["{63}"]), ("www.{d}", A, ["{63}"])],
         at=[(63, "web7.hoster.example", {"takes": ["{d}"], "people": ()})]),
    Trap("OtherNames", "t11.example", shows="scan2mail.t11.example", records=[("scan2mail.{d}", CNAME, ["mail.{d}."])]),
    Trap("MxLiteral", "t12.example", shows="{22}", records=[("{d}", MX, ["10 {s}."])]),
    Trap("MxAlias", "t13.example", shows="alias (CNAME) of mail.t13.example",
         records=[("{d}", MX, ["10 mx.{d}."]), ("mx.{d}", CNAME, ["mail.{d}."])]),
    Trap("SecondAddress", "t14.example", shows="line2.t14.example", records=[("line2.{d}", A, ["{64}"])],
         at=[(64, "sbs2008.{d}", {"takes": ["{d}"]})]),
    Trap("SharedDomain", "t15.example", shows="InternalRelay", kind="InternalRelay",
         directory=Directory(send_connectors=(SendConnector("To the branch", ("{d}",), ("[10.9.0.25]",)),))),
    Trap("InnerDomain", "t16.example", "t16.local", True, "primary addresses: carl@t16.local",
         domains={"t16.local": "Authoritative"}, boxes={"carl@t16.local": ()}),
    Trap("AcceptedDomain", "t17.example", "partner-t17.example", True, "ExternalRelay",
         domains={"partner-t17.example": "ExternalRelay"}),
    Trap("AnyAddress", "t18.example", shows="takes mail for an address that nobody has",
         records=[("{d}", MX, ["10 mail.{d}."]), (MAIL, A, ["{65}"])],
         at=[(65, "mail.{d}", {"takes": ["{d}"], "people": None})]),
    Trap("OtherPortOpen", "t19.example", shows="open from outside", at=[(22, "sbs2008.{d}", {"port": 1})]),
    Trap("OtherPortOpen", "t20.example", shows="open from outside", at=[(22, "sbs2008.{d}", {"port": 0})]),
    Trap("NullMx", "t21.example", blocks=True, records=[("{d}", MX, ["0 ."])]),
    Trap("MxAtMicrosoft", "t22.example", shows="Microsoft",
         records=[("{d}", MX, ["0 t22-example.mail.protection.outlook.com."]),
                  ("t22-example.mail.protection.outlook.com", A, ["{66}"])]),
    Trap("MxElsewhere", "t23.example", "way of mail to alias-t23.example", True, "no mail for it from outside",
         names=("alias-{d}",), domains={"alias-{d}": "Authoritative"},
         records=[("alias-{d}", MX, ["10 mx.t23.elsewhere.example."]), ("mx.t23.elsewhere.example", A, ["{67}"])],
         boxes={"carl@{d}": ("carl@alias-{d}",)}),
    Trap("DynamicAddress", "t24.example", shows="t24.dyndns.org",
         records=[(MAIL, A, []), (MAIL, CNAME, ["t24.dyndns.org."]), ("t24.dyndns.org", A, ["{s}"])]),
    Trap("SplitMx", "t25.example", shows="10 mail2.t25.example",
         records=[("{d}", MX, ["10 mail.{d}.", "10 mail2.{d}."]), ("mail2.{d}", A, ["{68}"])]),
    Trap("MxUnresolved", "t26.example", blocks=True, shows="gone.t26.example", records=[("{d}", MX, ["10 gone.{d}."])]),
    Trap("ForwardsOutside", "t27.example", "anna@t27.example", shows="anna@home.example",
         directory=Directory(others=(OtherRecipient("home@{d}", "Home", target="anna@home.example"),),
                             forwardings=(Forwarding("anna@{d}", "home@{d}"),))),
    Trap("ScopedConnector", "t28.example", shows="192.168.16.40-192.168.16.60",
         directory=Directory(receive_connectors=(
             ReceiveConnector("Scanners", remote_ranges=("192.168.16.40-192.168.16.60", "192.168.17.0/24")),))),
]  # fmt: skip
"""The 25 of the issue, and three that belong to them (a `.local` alias, external relay apart, 465 and 587 apart)."""

MORE = [
    Trap("MailComesByFilter", "m01.example", blocks=True, shows="Hornetsecurity",
         pointers={69: "mx02.antispameurope.com."},
         records=[("{d}", MX, ["10 mx.{d}."]), ("mx.{d}", A, ["{69}"])]),
    Trap("MailComesByPop", "m02.example", blocks=True, shows="the folder Pickup",
         records=[("{d}", MX, ["10 mx.m02.elsewhere.example."]), ("mx.m02.elsewhere.example", A, ["{60}"])],
         directory=Directory(relays=fetched("", source="PICKUP"))),
    Trap("BringsMailIn", "m03.example", "192.168.16.9", shows="12 senders' domains",
         directory=Directory(relays=fetched("192.168.16.9", host="mailgw"))),
    Trap("GatewayInside", "m04.example", shows="192.168.16.9", directory=Directory(relays=fetched("192.168.16.9"))),
    Trap("MxBelow", "m05.example", shows="shop.m05.example: mail.m05.example",
         records=[("shop.{d}", MX, ["10 mail.{d}."])]),
    Trap("NoMx", "m06.example", blocks=True, records=[("{d}", MX, [])]),
    Trap("AddressLeft", "m07.example", "gone-m07.example", True, "carl@gone-m07.example",
         boxes={"carl@{d}": ("carl@gone-{d}",)}),
    Trap("AcceptedDomain", "m08.example", blocks=True, shows="home@old-m08.example",
         domains={"old-{d}": "Authoritative"},
         directory=Directory(
             others=(OtherRecipient("home@{d}", "H", target="x@y.example", aliases=("home@old-{d}",)),))),
    Trap("SmartHost", "m09.example", shows="mail to bank.example leaves by 10.1.1.1",
         directory=Directory(send_connectors=(SendConnector("Bank", ("bank.example",), ("[10.1.1.1]",)),))),
    Trap("OtherPortBound", "m10.example", shows="587",
         directory=Directory(receive_connectors=(ReceiveConnector("Client", ("0.0.0.0:587", "[::]:587")),))),
    Trap("TransportRule", "m11.example", "transport rule 'Catch-all'",
         directory=Directory(transport_rules=(TransportRule("Catch-all", ("anna@{d}",)),))),
    Trap("AcceptedDomainMx", "m12.example", "branch-m12.example", shows="the old server",
         domains={"branch-{d}": "InternalRelay"}, records=[("branch-{d}", MX, ["10 mail.{d}."])]),
    Trap("MachineSends", "m13.example", "192.168.16.40", shows="COPIER2",
         directory=Directory(relays=(Relay("192.168.16.40", "copier@{d}", "COPIER2"),))),
    Trap("DynamicAddress", "m14.example", shows="p4fc12a3b.dip0.t-ipconnect.de", records=[(MAIL, A, ["{70}"])],
         pointers={70: "p4fc12a3b.dip0.t-ipconnect.de."}),
    Trap("WebHostTakesMail", "m15.example", shows="250",
         records=[("www.{d}", A, ["{63}"])], at=[(63, "web8.hoster.example", {"everything": True})]),
]  # fmt: skip
"""Others of the same kinds."""
