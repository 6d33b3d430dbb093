"""Fields of calendar items and meeting messages (MS-OXWSMTGS 2.2.4), read from the properties of MS-OXOCAL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from lab.cloud.item_stream.checks import END, START, ZONE_RECUR
from lab.cloud.item_stream.named_properties import APPOINTMENT, MEETING, Name
from lab.cloud.item_stream.time_zone import Definition, Switch, read_time_zone_definition
from lab.cloud.item_stream.to_item import uid_of
from lab.exchange.ews import people
from lab.exchange.ews.item_fields import Writer, boolean, moment, number, person, text
from lab.exchange.ews.recurrence_xml import recurrence_xml
from lab.exchange.ews.series import Instance, Series, is_series, rule_of
from lab.exchange.ews.view import View, item_id, series_of
from lab.exchange.ews.xml import attribute, stamp, text_of

_BUSY = {0: "Free", 1: "Tentative", 2: "Busy", 3: "OOF", 4: "NoData"}
_RESPONSES = {
    0: "Unknown", 1: "Organizer", 2: "Tentative", 3: "Accept", 4: "Decline", 5: "NoResponseReceived",
}  # fmt: skip
_BY_CLASS = {"pos": "Accept", "tent": "Tentative", "neg": "Decline"}
_MEETING_TYPES = {
    0: "None", 1: "NewMeetingRequest", 0x10000: "FullUpdate", 0x20000: "InformationalUpdate", 0x40000: "SilentUpdate",
    0x80000: "Outdated", 0x100000: "PrincipalWantsCopy",
}  # fmt: skip
_MEETING, _RECEIVED, _CANCELED = 0x1, 0x2, 0x4
_DEFINITIONS = {"Start": Name(APPOINTMENT, 0x825E), "End": Name(APPOINTMENT, 0x825F)}
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_OCCURRENCE = (
    '<t:ItemId Id={} ChangeKey="AQ=="/><t:Start>{}</t:Start><t:End>{}</t:End><t:OriginalStart>{}</t:OriginalStart>'
)


def _state(bit: int) -> Writer:
    return lambda view: str(bool((view.message.properties.lid(APPOINTMENT, 0x8217) or 0) & bit)).lower()


def _kind(view: View) -> str:
    if view.instance:
        return "Exception" if view.instance.change else "Occurrence"
    return "RecurringMaster" if is_series(view.message) else "Single"


def _attendees(kind: int) -> Writer:
    return lambda view: people.attendees(view.message, kind, view.resolve) or None


def _occurrence(view: View, instance: Instance | None) -> str | None:
    if instance is None:
        return None
    identifier = item_id(*view.owner[:2], f"{instance.day:%Y-%m-%d}")
    return _OCCURRENCE.format(
        attribute(identifier), stamp(instance.start), stamp(instance.end), stamp(instance.original)
    )


def of_series(show: Callable[[View, Series], str | None]) -> Writer:
    """A field that only a series has."""
    return lambda view: show(view, series_of(view)) if is_series(view.message) and not view.instance else None


def _modified(view: View, series: Series) -> str | None:
    shown = (f"<t:Occurrence>{_occurrence(view, instance)}</t:Occurrence>" for instance in series.modified())
    return "".join(shown) or None


def _deleted(view: View, series: Series) -> str | None:
    shown = (
        f"<t:DeletedOccurrence><t:Start>{stamp(start)}</t:Start></t:DeletedOccurrence>" for start in series.deleted()
    )
    return "".join(shown) or None


def _recurrence(view: View, series: Series) -> str:
    return recurrence_xml(series.recurrence, rule_of(view.message.properties), major=view.major)


def _my_response(view: View) -> str | None:
    flags = view.message.properties.lid(APPOINTMENT, 0x8217) or 0
    if not flags & _MEETING:
        return "Unknown" if view.message.properties.lid(APPOINTMENT, 0x8218) is None else _response(view)
    return _response(view) if flags & _RECEIVED else "Organizer"


def _response(view: View) -> str:
    return _RESPONSES.get(view.message.properties.lid(APPOINTMENT, 0x8218) or 0, "Unknown")


def _duration(view: View) -> str | None:
    start, end = view.message.properties.moment(START), view.message.properties.moment(END)
    if start is None or end is None:
        return None
    days, seconds = divmod(int((end - start).total_seconds()), 86400)
    rest = f"T{seconds // 3600}H{seconds % 3600 // 60}M" if seconds or not days else ""
    return f"P{f'{days}D' if days else ''}{rest}"


def _recurrence_id(view: View) -> str | None:
    return stamp(view.instance.original) if view.instance else None


def _zone_definition(view: View, key: Name) -> Definition | None:
    blob = view.message.properties.value(key)
    return read_time_zone_definition(blob) if isinstance(blob, bytes) and blob else None


def _meeting_zone(view: View) -> str | None:
    """MeetingTimeZone: the rule of a series, in 2007's spelling; its name is an attribute of the element."""
    rule = rule_of(view.message.properties)
    if rule is None or not is_series(view.message):
        return None
    base = f"<t:BaseOffset>{_span(rule.bias)}</t:BaseOffset>"
    if not rule.standard.month:
        return base
    return base + _change("Standard", rule.standard, rule.standard_bias) + _change(
        "Daylight", rule.daylight, rule.daylight_bias
    )  # fmt: skip


def meeting_zone_name(view: View) -> str:
    definition = _zone_definition(view, ZONE_RECUR)
    return definition.name if definition else view.message.properties.text(Name(APPOINTMENT, 0x8234))


def _change(name: str, switch: Switch, bias: int) -> str:
    when = (
        f"<t:RelativeYearlyRecurrence><t:DaysOfWeek>{_WEEKDAYS[switch.day_of_week]}</t:DaysOfWeek><t:DayOfWeekIndex>"
        f"{('First', 'Second', 'Third', 'Fourth', 'Last')[min(switch.day, 5) - 1]}</t:DayOfWeekIndex><t:Month>"
        f"{datetime(2000, switch.month, 1):%B}</t:Month></t:RelativeYearlyRecurrence>"
    )
    time = f"<t:Time>{switch.hour:02}:{switch.minute:02}:00</t:Time>"
    return f"<t:{name}><t:Offset>{_span(bias)}</t:Offset>{when}{time}</t:{name}>"


def _span(minutes: int) -> str:
    """xs:duration."""
    rest = timedelta(minutes=abs(minutes))
    hours = int(rest.total_seconds() // 3600)
    return f"{'-' if minutes < 0 else ''}PT{hours}H{abs(minutes) % 60}M"


def _associated(view: View) -> str | None:
    return None  # the lab's meeting messages have no calendar item that was made of them


def _response_type(view: View) -> str | None:
    last = view.message.message_class.lower().rpartition(".")[2]
    return _BY_CLASS.get(last, "Unknown")


CALENDAR: dict[str, Writer] = {
    "calendar:UID": lambda view: text_of(uid_of(view.message.properties)) or None,
    "calendar:RecurrenceId": _recurrence_id,
    "calendar:DateTimeStamp": moment(Name(MEETING, 0x001A)),
    "calendar:Start": moment(START),
    "calendar:End": moment(END),
    "calendar:OriginalStart": _recurrence_id,
    "calendar:IsAllDayEvent": boolean(Name(APPOINTMENT, 0x8215)),
    "calendar:LegacyFreeBusyStatus": lambda view: _BUSY.get(
        view.message.properties.lid(APPOINTMENT, 0x8205) or 0, "NoData"
    ),
    "calendar:Location": text(Name(APPOINTMENT, 0x8208)),
    "calendar:When": text(Name(MEETING, 0x0002)),
    "calendar:IsMeeting": _state(_MEETING),
    "calendar:IsCancelled": _state(_CANCELED),
    "calendar:IsRecurring": lambda view: str(view.instance is not None).lower(),
    "calendar:MeetingRequestWasSent": boolean(Name(APPOINTMENT, 0x8229)),
    "calendar:IsResponseRequested": boolean(0x0063),
    "calendar:CalendarItemType": _kind,
    "calendar:MyResponseType": _my_response,
    "calendar:Organizer": person(people.FROM),
    "calendar:RequiredAttendees": _attendees(people.TO),
    "calendar:OptionalAttendees": _attendees(people.CC),
    "calendar:Resources": _attendees(people.BCC),
    "calendar:Duration": _duration,
    "calendar:TimeZone": lambda view: text_of(meeting_zone_name(view)) or None,
    "calendar:AppointmentReplyTime": moment(Name(APPOINTMENT, 0x8220)),
    "calendar:AppointmentSequenceNumber": number(Name(APPOINTMENT, 0x8201)),
    "calendar:AppointmentState": number(Name(APPOINTMENT, 0x8217)),
    "calendar:Recurrence": of_series(_recurrence),
    "calendar:FirstOccurrence": of_series(lambda view, series: _occurrence(view, series.first())),
    "calendar:LastOccurrence": of_series(lambda view, series: _occurrence(view, series.last())),
    "calendar:ModifiedOccurrences": of_series(_modified),
    "calendar:DeletedOccurrences": of_series(_deleted),
    "calendar:MeetingTimeZone": _meeting_zone,
    "calendar:ConferenceType": number(Name(APPOINTMENT, 0x8241)),
    "calendar:AllowNewTimeProposal": lambda view: str(not view.message.properties.lid(APPOINTMENT, 0x825A)).lower(),
    "calendar:IsOnlineMeeting": boolean(Name(APPOINTMENT, 0x8240)),
    "calendar:MeetingWorkspaceUrl": text(Name(APPOINTMENT, 0x8209)),
    "calendar:NetShowUrl": text(Name(APPOINTMENT, 0x8248)),
}
MEETING_MESSAGE: dict[str, Writer] = {
    "meeting:AssociatedCalendarItemId": _associated,
    "meeting:IsDelegated": lambda view: "false",
    "meeting:IsOutOfDate": lambda view: "false",
    "meeting:HasBeenProcessed": boolean(Name(APPOINTMENT, 0x8200), absent="false"),
    "meeting:ResponseType": _response_type,
    "calendar:UID": CALENDAR["calendar:UID"],
    "calendar:RecurrenceId": _recurrence_id,
    "calendar:DateTimeStamp": moment(Name(MEETING, 0x001A)),
}
MEETING_REQUEST: dict[str, Writer] = {
    "meetingRequest:MeetingRequestType": lambda view: _MEETING_TYPES.get(
        view.message.properties.lid(MEETING, 0x0026) or 0, "None"
    ),
    "meetingRequest:IntendedFreeBusyStatus": lambda view: _BUSY.get(
        view.message.properties.lid(APPOINTMENT, 0x8224) or 0, "NoData"
    ),
    **{uri: write for uri, write in CALENDAR.items() if uri not in MEETING_MESSAGE},
}


def zone_element(view: View, uri: str) -> str:
    """StartTimeZone and EndTimeZone (2010), MeetingTimeZone: elements with their name as an attribute."""
    name = uri.partition(":")[2]
    if name == "MeetingTimeZone":
        inner = _meeting_zone(view)
        return (
            "" if inner is None else f"<t:{name} TimeZoneName={attribute(meeting_zone_name(view))}>{inner}</t:{name}>"
        )
    definition = _zone_definition(view, _DEFINITIONS[name.removesuffix("TimeZone")])
    if definition is None:
        definition = _zone_definition(view, ZONE_RECUR)
    return (
        "" if definition is None else f"<t:{name} Id={attribute(definition.name)} Name={attribute(definition.name)}/>"
    )
