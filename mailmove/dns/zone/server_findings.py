"""Name servers that will not show a change as the cutover will ask for it: named before it begins."""

from __future__ import annotations

from collections.abc import Sequence

from mailmove.dns.client.query import Answer
from mailmove.dns.zone.authority import Authority
from mailmove.evidence import Finding


def lame_findings(servers: Sequence[Authority], answers: Sequence[Answer]) -> list[Finding]:
    """One for each server that is delegated to and does not answer for the zone. servers, answers: in one order.

    Where none answers it is one finding: then nobody can be left out, and it may be this machine that is not let out.
    """
    failing = [(server, answer) for server, answer in zip(servers, answers, strict=True) if answer.error]
    if len(failing) > 1 and len(failing) == len(servers):
        return [_none_answers(failing)]
    return [
        Finding(
            subject=f"name server {server.name} {server.address}".rstrip(),
            seen=answer.error or "",
            means="It is delegated to and does not serve the zone (from here): resolvers lose time there. The cutover "
            "goes by the other name servers; should this one begin to answer, it counts again.",
            todo="Mend it, or take it out of the NS set, before the switch.",
        )
        for server, answer in failing
    ]


def differing_findings(servers: Sequence[Authority], answers: Sequence[Answer]) -> list[Finding]:
    """The finding if servers do not serve the same set: every change is waited for at each one that answers.

    servers, answers: in one order, all to the same question; of SOA records only the serials are compared.
    """
    serving = [(server, _compared(answer)) for server, answer in zip(servers, answers, strict=True) if not answer.error]
    if len({values for _, values in serving}) < 2:
        return []
    [name, rtype] = answers[0].name, answers[0].type
    by_serial = rtype == "SOA"
    what = "serial" if by_serial else rtype
    return [
        Finding(
            subject=f"name servers, {what} of {name}",
            seen="; ".join(
                f"{server.name} {server.address} has {', '.join(values) or 'none'}" for server, values in serving
            ),
            means="Their content is not the same: a change is under way, or one of them is not kept up (or the "
            "provider numbers each by itself)."
            if by_serial
            else "Which answer the world gets depends on whom it asks. The cutover waits for each change at every name "
            "server that answers: it would wait for this one.",
            todo="Look again in some minutes. If it stays, mend the transfer, or take the server out of the NS set.",
        )
    ]


def _compared(answer: Answer) -> tuple[str, ...]:
    return tuple(value.split()[2] for value in answer.values) if answer.type == "SOA" else answer.values


def _none_answers(failing: Sequence[tuple[Authority, Answer]]) -> Finding:
    servers = "; ".join(f"{server.name} {server.address}".rstrip() + f": {answer.error}" for server, answer in failing)
    return Finding(
        subject=f"name servers, {failing[0][1].name}",
        seen=f"none of {len(failing)} answers for the zone from here ({servers})",
        means="The cutover asks each of them whether it has a change, and could see none: it would wait until its "
        "patience ends, and then ask a person.",
        todo="Let this machine send DNS (port 53, UDP and TCP) to the name servers, or run the worker where it may. If "
        "they are silent for everybody, mend them first.",
    )
