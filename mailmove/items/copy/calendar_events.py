"""An event of the old server, which comes as iCalendar (RFC 5545), in the words of Microsoft Graph's `event`.

What cannot be said without loss is not said: `Unmovable` names the reason, and the event is listed for a person.
Nobody is invited: Graph mails whoever stands among the attendees of a new event, so they go into its text.
"""

from __future__ import annotations

import base64
import re
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

_DAYS = {"MO": "monday", "TU": "tuesday", "WE": "wednesday", "TH": "thursday", "FR": "friday", "SA": "saturday",
         "SU": "sunday"}  # fmt: skip
_INDEX = {"1": "first", "2": "second", "3": "third", "4": "fourth", "-1": "last"}
_BUSY = {"FREE": "free", "TENTATIVE": "tentative", "BUSY": "busy", "OOF": "oof"}
_HEX_ID = re.compile(r"^040000008200E00074C5B7101A82E008[0-9A-F]+$", re.IGNORECASE)
_KNOWN_RULE = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "WKST", "BYSETPOS"}

Lines = list[tuple[str, dict[str, str], str]]
"""(name, parameters, value)."""


class Unmovable(ValueError):
    """This event cannot be written in Graph's words; the message says why."""


def event_fields(content: bytes) -> dict[str, Any]:
    """Properties for `POST .../events`, without extended ones. content: iCalendar, alone or in a message."""
    event = _only_event(content)
    start, whole_day = _when(event, "DTSTART")
    end = _end(event, start, whole_day)
    fields: dict[str, Any] = {
        "subject": _text(event, "SUMMARY"),
        "body": {"contentType": "text", "content": _body(event)},
        "start": start,
        "end": end,
        "isAllDay": whole_day,
        "showAs": _BUSY.get(_value(event, "X-MICROSOFT-CDO-BUSYSTATUS"), "busy"),
        "isReminderOn": False,
    }
    if place := _text(event, "LOCATION"):
        fields["location"] = {"displayName": place}
    if rule := _value(event, "RRULE"):
        fields["recurrence"] = _recurrence(rule, start)
    return fields


def event_uid(content: bytes) -> str:
    return _value(_only_event(content), "UID")


def global_object_id(uid: str) -> str:
    """The MAPI property that makes the copy the same meeting as the original, in base64 (MS-OXOCAL 2.2.1.27)."""
    if _HEX_ID.match(uid) and len(uid) % 2 == 0:
        return base64.b64encode(bytes.fromhex(uid)).decode()
    data = b"vCal-Uid\x01\x00\x00\x00" + uid.encode() + b"\x00"
    head = bytes.fromhex("040000008200E00074C5B7101A82E008") + bytes(20)
    return base64.b64encode(head + len(data).to_bytes(4, "little") + data).decode()


def _only_event(content: bytes) -> Lines:
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    unfolded = re.sub(r"\n[ \t]", "", text[max(text.find("BEGIN:VCALENDAR"), 0) :])
    events: list[Lines] = []
    inside: list[str] = []
    for line in unfolded.split("\n"):
        head, colon, value = _split(line)
        name, *parameters = head.split(";")
        name = name.upper()
        if not colon:
            continue
        if name == "BEGIN":
            inside.append(value.upper())
            if inside == ["VCALENDAR", "VEVENT"]:
                events.append([])
        elif name == "END":
            inside = inside[:-1]
        elif inside == ["VCALENDAR", "VEVENT"]:
            pairs = (one.partition("=") for one in parameters)
            events[-1].append((name, {key.upper(): word.strip('"') for key, _, word in pairs}, value.strip()))
    if len(events) != 1:
        why = "a series with changed occurrences" if events else "no event in its iCalendar"
        raise Unmovable(why)
    if any(name in ("EXDATE", "RDATE", "EXRULE") for name, _, _ in events[0]):
        raise Unmovable("a series with occurrences left out or added")
    return events[0]


def _split(line: str) -> tuple[str, str, str]:
    """At the first colon outside quotes."""
    quoted = False
    for place, letter in enumerate(line):
        if letter == '"':
            quoted = not quoted
        elif letter == ":" and not quoted:
            return line[:place], ":", line[place + 1 :]
    return line, "", ""


def _value(event: Lines, name: str) -> str:
    return next((value for one, _, value in event if one == name), "")


def _text(event: Lines, name: str) -> str:
    value = _value(event, name)
    return re.sub(r"\\([nN,;\\])", lambda found: "\n" if found[1] in "nN" else found[1], value)


def _when(event: Lines, name: str) -> tuple[dict[str, str], bool]:
    """(dateTimeTimeZone, is it a whole day)."""
    found = next(((parameters, value) for one, parameters, value in event if one == name), None)
    if found is None:
        raise Unmovable(f"no {name}")
    parameters, value = found
    if parameters.get("VALUE") == "DATE" or re.fullmatch(r"\d{8}", value):
        return {"dateTime": f"{_date(value)}T00:00:00", "timeZone": "UTC"}, True
    match = re.fullmatch(r"(\d{8})T(\d\d)(\d\d)(\d\d)(Z?)", value)
    if not match:
        raise Unmovable(f"{name} is {value!r}")
    moment = f"{_date(match[1])}T{match[2]}:{match[3]}:{match[4]}"
    if match[5]:
        return {"dateTime": moment, "timeZone": "UTC"}, False
    zone = parameters.get("TZID", "")
    if zone not in available_timezones() and not re.fullmatch(r"UTC|[\w. ]+ Standard Time", zone):
        raise Unmovable(f"the time zone {zone!r} has no name that Microsoft knows")
    return {"dateTime": moment, "timeZone": zone}, False


def _end(event: Lines, start: dict[str, str], whole_day: bool) -> dict[str, str]:
    if _value(event, "DTEND"):
        return _when(event, "DTEND")[0]
    if _value(event, "DURATION"):
        raise Unmovable("a duration in place of an end")
    begins = datetime.fromisoformat(start["dateTime"])
    return {**start, "dateTime": (begins + timedelta(days=int(whole_day))).isoformat()}


def _date(value: str) -> str:
    return date(int(value[:4]), int(value[4:6]), int(value[6:8])).isoformat()


def _body(event: Lines) -> str:
    people = [
        f"{parameters.get('CN', '')} <{value.removeprefix('mailto:').removeprefix('MAILTO:')}>".strip()
        for name, parameters, value in event
        if name in ("ORGANIZER", "ATTENDEE")
    ]
    listed = "\n\nPeople: " + "; ".join(people) if people else ""
    return _text(event, "DESCRIPTION") + listed


def _recurrence(rule: str, start: dict[str, str]) -> dict[str, Any]:
    parts = dict(one.split("=", 1) for one in rule.split(";") if "=" in one)
    begins = date.fromisoformat(start["dateTime"][:10])
    if unknown := set(parts) - _KNOWN_RULE:
        raise Unmovable(f"a recurrence with {', '.join(sorted(unknown))}")
    scope: dict[str, Any] = {"startDate": begins.isoformat(), "recurrenceTimeZone": start["timeZone"]}
    if "COUNT" in parts:
        scope |= {"type": "numbered", "numberOfOccurrences": int(parts["COUNT"])}
    elif "UNTIL" in parts:
        scope |= {"type": "endDate", "endDate": _date(parts["UNTIL"][:8])}
    else:
        scope |= {"type": "noEnd"}
    return {"pattern": _pattern(parts, begins), "range": scope}


def _pattern(parts: dict[str, str], begins: date) -> dict[str, Any]:
    pattern: dict[str, Any] = {"interval": int(parts.get("INTERVAL", "1"))}
    days = re.findall(r"(-?\d*)(MO|TU|WE|TH|FR|SA|SU)", parts.get("BYDAY", ""))
    frequency = parts.get("FREQ", "")
    if frequency == "DAILY" and not days:
        return {**pattern, "type": "daily"}
    if frequency == "WEEKLY" and not any(number for number, _ in days):
        names = [_DAYS[day] for _, day in days] or [list(_DAYS.values())[begins.weekday()]]
        return {**pattern, "type": "weekly", "daysOfWeek": names, "firstDayOfWeek": _DAYS[parts.get("WKST", "MO")]}
    if frequency not in ("MONTHLY", "YEARLY"):
        raise Unmovable(f"a recurrence by {frequency or 'nothing'}")
    kind = frequency.capitalize()
    if frequency == "YEARLY":
        pattern["month"] = int(parts.get("BYMONTH", begins.month))
    if not days:
        return {**pattern, "type": f"absolute{kind}", "dayOfMonth": int(parts.get("BYMONTHDAY", begins.day))}
    numbers = {number or parts.get("BYSETPOS", "") for number, _ in days}
    if len(numbers) != 1 or not numbers <= set(_INDEX):
        raise Unmovable("a recurrence on several days of a month")
    names = [_DAYS[day] for _, day in days]
    return {**pattern, "type": f"relative{kind}", "daysOfWeek": names, "index": _INDEX[numbers.pop()]}
