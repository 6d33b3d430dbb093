"""What stands in the directory of the seed story's company besides mailboxes; the same for the same mailboxes."""

from __future__ import annotations

from datetime import UTC, datetime

from lab.directory import Directory, Forwarding, Group, OtherRecipient, Phone, Relay, Right

SYNCED = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)


def small_directory(domain: str, boxes: list[str]) -> Directory:
    """Two groups, two contacts, three phones, a few rights, one forwarding, a copier. `boxes`: people first."""
    people = boxes[:3]
    if len(people) < 3:
        return Directory()
    first, second, third = people
    shared = [box for box in boxes if box.partition("@")[0] in ("info", "sales")]
    return Directory(
        groups=(
            Group(
                f"everybody@{domain}",
                "Everybody",
                "distribution",
                tuple(boxes),
                (f"all@{domain}",),
                False,
                (first,),
                False,
            ),
            Group(f"management@{domain}", "Management", "security", (first, second)),
        ),
        others=(
            OtherRecipient("steuerberater@contoso.example", "Steuerberater Groß"),
            OtherRecipient(f"courier@{domain}", "Courier", target="pickup@fabrikam.example"),
        ),
        rights=(
            *(Right(box, second, right) for box in shared for right in ("FullAccess", "Send-As")),
            Right(first, third, "FullAccess"),
            Right(first, second, "SendOnBehalf"),
        ),
        forwardings=(Forwarding(third, first, keeps_copy=True),),
        phones=(
            Phone(first, "ApplDN6F1A2B3C", "iPhone", "iPhone12C8", "Apple-iPhone12C8/1906.73", SYNCED),
            Phone(second, "SEC1A2B3C4D5E", "SAMSUNGSMG991B", "SM-G991B", "Android-SAMSUNG-SM-G991B/101.13", SYNCED),
            Phone(second, "ApplDLXF2D3E4F", "iPad", "iPad8C1", "Apple-iPad8C1/1906.73", SYNCED),
        ),
        relays=(Relay("192.168.16.40", f"copier@{domain}", "COPIER2"),),
        x500={first: ("/o=Old Organization/ou=First Administrative Group/cn=Recipients/cn=a.berg",)},
    )
