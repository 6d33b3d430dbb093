"""May a TSIG key make the changes of the night? Tried with the act itself, made so that it changes nothing.

Servers say no in their own ways: REFUSED (BIND), BADKEY for a key that they know well (Knot, whose ACL did not match),
NOTAUTH without a signature (PowerDNS, a wrong key), or not at all (PowerDNS with an update policy in Lua leaves out
what it does not allow and answers NOERROR). So the last one's yes is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import dns.exception
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from blocks.dns.read_by_query import Standing
from blocks.dns.rfc2136_errors import TSIG_CODES
from blocks.dns.update_message import trial_message
from mailmove.evidence import Finding
from mailmove.records import Key

Send = Callable[[dns.message.Message], dns.message.Message]
_SILENT = ("PowerDNS",)
"""First words of the versions (CHAOS TXT version.bind) of servers that may leave out a change in silence."""


class Right(StrEnum):
    """What a server's answer to a trial says of the right."""

    GRANTED = "granted"
    REFUSED = "refused"
    KEY_NOT_TAKEN = "key not taken"
    OTHER_ZONE = "not this server's zone"
    UNKNOWN = "cannot be known"


@dataclass(frozen=True)
class Verdict:
    """code: the response code or TSIG error behind it, as text. keys: the sets that it is about."""

    right: Right
    code: str
    keys: tuple[Key, ...] = ()


_BY_RCODE = {
    dns.rcode.NOERROR: Right.GRANTED,
    dns.rcode.REFUSED: Right.REFUSED,
    dns.rcode.NOTAUTH: Right.OTHER_ZONE,
    dns.rcode.NOTZONE: Right.OTHER_ZONE,
}
"""RFC 2136 section 2.2; every other one says nothing about the right."""


def rights(zone: str, keys: Sequence[Key], standing: Standing, send: Send) -> list[Verdict]:
    """A verdict for each set, those with the same one together; one GRANTED verdict if all are.

    standing: the sets as they were read. send: signs, and raises dnspython's errors; timeouts and lost connections go
    through.
    """
    whole = _tried(zone, keys, standing, send)
    if whole.right is Right.GRANTED:
        return [Verdict(Right.UNKNOWN, product, tuple(keys))] if (product := _silent(send)) else [whole]
    if (nothing := _tried(zone, [], standing, send)).right is not Right.GRANTED:
        return [nothing]
    each = [_tried(zone, [key], standing, send) for key in keys]
    if all(verdict.right is Right.GRANTED for verdict in each):
        return [Verdict(Right.UNKNOWN, whole.code, tuple(keys))]
    # Of a key that may send an empty update, BADKEY for this set is Knot's way to say that no rule allows it.
    told = [(Right.REFUSED if one.right is Right.KEY_NOT_TAKEN else one.right, one) for one in each]
    same = dict.fromkeys((right, one.code) for right, one in told)
    return [
        Verdict(
            right, code, tuple(key for found, one in told if (found, one.code) == (right, code) for key in one.keys)
        )
        for right, code in same
        if right is not Right.GRANTED
    ]


def knows_key(zone: str, send: Send) -> Verdict:
    """Does the server take the key for any update of the zone? Tried with an update that has nothing in it."""
    return _tried(zone, [], {}, send)


def finding(who: str, key_name: str, verdict: Verdict) -> Finding | None:
    """The verdict for people; None: the right is there."""
    if verdict.right is Right.GRANTED:
        return None
    sets = ", ".join(f"{rtype} {name}" for name, rtype in verdict.keys)
    seen = f"{verdict.code} to {sets}" if sets else verdict.code
    if verdict.right is Right.UNKNOWN:
        silent = verdict.code in _SILENT
        return Finding(
            subject=who,
            seen=f"{verdict.code} answers yes to {sets}" if silent else seen,
            means="It leaves out, and still says yes, what a policy script does not allow: the right cannot be known."
            if silent
            else f"Whether key {key_name} may change what the cutover changes cannot be known from that.",
            todo="If it has a `lua-dnsupdate-policy-script`, check that it lets the key change these; a switch that is "
            "made in part only is put back."
            if silent
            else "Look again; then look at what the server's log and configuration say of the key.",
        )
    means, todo = {
        Right.REFUSED: (
            f"Key {key_name} may not change what the cutover changes; it would stop there.",
            f"Let key {key_name} update these names and types, all of them.",
        ),
        Right.KEY_NOT_TAKEN: (
            f"The server does not take key {key_name}; the cutover would stop here.",
            f"Check key {key_name}, its secret, its algorithm, both clocks, and that it may update the zone.",
        ),
        Right.OTHER_ZONE: (
            "It does not take updates of this zone; the cutover would stop here.",
            "Check that this server is the primary of the zone and that the zone's name is right.",
        ),
    }[verdict.right]
    return Finding(subject=who, seen=seen, means=means, todo=todo, blocks=True)


def _tried(zone: str, keys: Sequence[Key], standing: Standing, send: Send) -> Verdict:
    try:
        rcode = send(trial_message(zone, keys, standing)).rcode()
    except tuple(TSIG_CODES) as error:
        return Verdict(Right.KEY_NOT_TAKEN, TSIG_CODES[type(error)], tuple(keys))
    except dns.exception.FormError:
        return Verdict(Right.KEY_NOT_TAKEN, "an answer without a signature", tuple(keys))
    return Verdict(_BY_RCODE.get(rcode, Right.UNKNOWN), dns.rcode.to_text(rcode), tuple(keys))


def _silent(send: Send) -> str | None:
    """The product, if it is one whose yes is none; None: another one, or it does not say."""
    query = dns.message.make_query("version.bind.", "TXT", rdclass=dns.rdataclass.CH)
    try:
        answer = send(query)
    except (dns.exception.DNSException, OSError, EOFError):
        return None
    texts = [rdata.to_text().strip('"') for rrset in answer.answer for rdata in rrset]
    return next((product for product in _SILENT for text in texts if text.startswith(product)), None)
