"""Did the night lose anything? By the independent accountant, and by what the town looks like afterwards."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from lab.mail.accountant import BAD
from lab.nights.cruelty import left_by_decision
from lab.nights.night import Outcome
from lab.town import DOMAIN, Town

Picture = dict[str, Any]


def judge(town: Town, first: Picture, outcome: Outcome) -> None:
    """Adds to `outcome.wrong` whatever is not as it must be."""
    town.senders.pause()
    if not town.senders.drain(30):
        outcome.wrong.append("mail is still queued although every server is there")
    if outcome.ended == "finished":
        outcome.wrong += _finished(town, first, outcome)
    else:
        outcome.wrong += _kept(town)
    if outcome.ended == "rolled back":
        outcome.wrong += _back(town, first)


def _finished(town: Town, first: Picture, outcome: Outcome) -> list[str]:
    """Each message is in the new mailbox once, or bounced to its sender; the world is what the plan wanted."""
    accepted = _accepted(town)
    wrong = []
    for entry in town.account().entries:
        if entry.category not in BAD or left_by_decision(entry, outcome.sick, outcome.decisions):
            continue
        if entry.category == "duplicated" and "copies" in entry.reason:
            copies = int(entry.reason.split()[0])
            if copies <= accepted[entry.identity]:
                continue  # the sender sent it so often (RFC 1047); nobody may throw one of them away
        if entry.category == "duplicated" and accepted[entry.identity]:
            continue  # the sender gave up on a message of which the server had the last word
        wrong.append(str(entry))
    now = town.picture()
    zone = now["zones"][f"{DOMAIN}."]
    if "cloud.example" not in str(zone[f"{DOMAIN}. MX"]):
        wrong.append(f"the MX does not point at the cloud: {zone[f'{DOMAIN}. MX']}")
    if town.security_group.is_open(town.places.smtp_port):
        wrong.append("the old door is open")
    if now["cloud"]["batches"] or now["cloud"]["endpoints"]:
        wrong.append(f"left at Microsoft: {now['cloud']['batches']} {now['cloud']['endpoints']}")
    if len(now["cloud"]["relationships"]) != len(first["cloud"]["relationships"]) + 1:
        wrong.append(f"more than one invitation: {now['cloud']['relationships']}")
    if now["cloud"]["signing"] != [DOMAIN]:
        wrong.append("mail is not signed")
    return wrong


def _kept(town: Town) -> list[str]:
    """Parked or rolled back: whatever a server took is in a mailbox, and in none more often than it was taken."""
    accepted, wrong = _accepted(town), []
    for entry in town.senders.records():
        counts = [
            sum(item.message_id == entry.message_id for item in store.snapshot(entry.recipient))
            for store in (town.old.store, town.cloud.store)
        ]
        if entry.outcome == "delivered" and not any(counts):
            wrong.append(f"lost: {entry.message_id} for {entry.recipient}, {entry.server} said {entry.reply!r}")
        if max(counts) > max(1, accepted[entry.message_id]):
            wrong.append(f"duplicated: {entry.message_id} for {entry.recipient}: {counts}")
    for address, items in town.seeded.items():
        arrived = {item.id for item in town.old.store.snapshot(address)}
        wrong += [f"gone from the old server: {address} {item.subject!r}" for item in items if item.id not in arrived]
    return wrong


def _back(town: Town, first: Picture) -> list[str]:
    """Zones, firewall and old server stand as they stood, but for what somebody else edited."""
    now = town.picture()
    wrong = [
        f"not put back: {part} {_differences(first[part], now[part])}"
        for part in ("firewall", "exchange")
        if first[part] != now[part]
    ]
    before, after = first["zones"][f"{DOMAIN}."], now["zones"][f"{DOMAIN}."]
    others = re.compile(r"^www\.")
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    return wrong + [
        f"not put back: {name} {before.get(name)} -> {after.get(name)}" for name in changed if not others.match(name)
    ]


def _differences(before: Any, after: Any) -> str:
    if isinstance(before, dict) and isinstance(after, dict):
        names = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
        return "; ".join(f"{name}: {_differences(before.get(name), after.get(name))}" for name in names)
    return f"{before} -> {after}"


def _accepted(town: Town) -> Counter[str]:
    """Message-ID -> how often the two servers have taken it from a sender."""
    senders = {town.places.sender(index) for index in range(16)} | {""}
    taken = Counter(entry.message_id for entry in town.old.state.arrivals)
    taken.update(str(entry["messageId"]) for entry in town.cloud.tenant.traces if entry.get("fromIP") in senders)
    return taken
