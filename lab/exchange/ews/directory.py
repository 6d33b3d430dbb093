"""EWS operations about the server and its directory: ResolveNames, GetServerTimeZones, ConvertId."""

from __future__ import annotations

from lab.exchange.ews.session import Session
from lab.exchange.ews.xml import Element, EwsError, attribute, failure, success, text_of

_ZONES = {
    "UTC": "(UTC) Coordinated Universal Time",
    "GMT Standard Time": "(UTC+00:00) Dublin, Edinburgh, Lisbon, London",
    "W. Europe Standard Time": "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna",
    "Eastern Standard Time": "(UTC-05:00) Eastern Time (US & Canada)",
}


def resolve_names(session: Session, request: Element) -> str:
    """Mailboxes whose name or address begins with the text; a warning when there are several, as Exchange warns."""
    answers = []
    for entry in request.findall("{*}UnresolvedEntry"):
        wanted = (entry.text or "").casefold().removeprefix("smtp:")
        with session.state.store.lock:
            boxes = [
                box
                for box in session.state.store.mailboxes.values()
                if not box.hidden
                and any(name.casefold().startswith(wanted) for name in (box.display_name, box.address, *box.aliases))
            ]
        if not boxes:
            error = EwsError("ErrorNameResolutionNoResults", "No results were found.")
            answers.append(failure("ResolveNames", error))
            continue
        resolutions = "".join(
            f"<t:Resolution><t:Mailbox><t:Name>{text_of(box.display_name)}</t:Name><t:EmailAddress>"
            f"{text_of(box.address)}</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType>"
            "<t:MailboxType>Mailbox</t:MailboxType></t:Mailbox></t:Resolution>"
            for box in boxes[:100]
        )
        resolution_set = (
            f'<m:ResolutionSet TotalItemsInView="{len(boxes)}" IncludesLastItemInRange="true">{resolutions}'
            "</m:ResolutionSet>"
        )
        if len(boxes) == 1:
            answers.append(success("ResolveNames", resolution_set))
        else:
            answers.append(
                '<m:ResolveNamesResponseMessage ResponseClass="Warning"><m:MessageText>Multiple results were found.'
                "</m:MessageText><m:ResponseCode>ErrorNameResolutionMultipleResults</m:ResponseCode>"
                f"<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>{resolution_set}</m:ResolveNamesResponseMessage>"
            )
    return "".join(answers)


def get_server_time_zones(session: Session, request: Element) -> str:
    wanted = {identifier.text for identifier in request.findall("{*}Ids/{*}Id")}
    zones = "".join(
        f"<t:TimeZoneDefinition Id={attribute(name)} Name={attribute(title)}/>"
        for name, title in _ZONES.items()
        if not wanted or name in wanted
    )
    return success("GetServerTimeZones", f"<m:TimeZoneDefinitions>{zones}</m:TimeZoneDefinitions>")


def convert_id(session: Session, request: Element) -> str:
    """Clients ask it with a made-up id to learn the version; that is answered as Exchange answers it."""
    count = len(request.findall("{*}SourceIds/*"))
    error = EwsError("ErrorInvalidIdMalformed", "Id is malformed.")
    return "".join(failure("ConvertId", error) for _ in range(count))
