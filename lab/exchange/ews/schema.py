"""What the schema of each version has: field URIs, and the element of an item class.

Sources: types.xsd as it lies in the EWS directory of Exchange 2007 SP1 and 2010 SP2 (public copies), MS-OXWSCDATA
2.2.5.30 (UnindexedFieldURIType), product behaviour notes of MS-OXWSCORE, MS-OXWSMTGS, MS-OXWSCONT, MS-OXWSDLIST.
"""

from __future__ import annotations

from lab.exchange.ews.xml import EwsError

_2007 = {
    "item": "ItemId ParentFolderId ItemClass MimeContent Attachments Subject DateTimeReceived Size Categories"
            " HasAttachments Importance InReplyTo InternetMessageHeaders IsDraft IsFromMe IsResend IsSubmitted"
            " IsUnmodified DateTimeSent DateTimeCreated Body ResponseObjects Sensitivity ReminderDueBy ReminderIsSet"
            " ReminderMinutesBeforeStart DisplayTo DisplayCc Culture EffectiveRights LastModifiedName LastModifiedTime",
    "message": "ConversationIndex ConversationTopic InternetMessageId IsRead IsResponseRequested IsReadReceiptRequested"
               " IsDeliveryReceiptRequested ReceivedBy ReceivedRepresenting References ReplyTo From Sender ToRecipients"
               " CcRecipients BccRecipients",
    "meeting": "AssociatedCalendarItemId IsDelegated IsOutOfDate HasBeenProcessed ResponseType",
    "meetingRequest": "MeetingRequestType IntendedFreeBusyStatus",
    "calendar": "Start End OriginalStart IsAllDayEvent LegacyFreeBusyStatus Location When IsMeeting IsCancelled"
                " IsRecurring MeetingRequestWasSent IsResponseRequested CalendarItemType MyResponseType Organizer"
                " RequiredAttendees OptionalAttendees Resources ConflictingMeetingCount AdjacentMeetingCount"
                " ConflictingMeetings AdjacentMeetings Duration TimeZone AppointmentReplyTime AppointmentSequenceNumber"
                " AppointmentState Recurrence FirstOccurrence LastOccurrence ModifiedOccurrences DeletedOccurrences"
                " MeetingTimeZone ConferenceType AllowNewTimeProposal IsOnlineMeeting MeetingWorkspaceUrl NetShowUrl"
                " UID RecurrenceId DateTimeStamp",
    "task": "ActualWork AssignedTime BillingInformation ChangeCount Companies CompleteDate Contacts DelegationState"
            " Delegator DueDate IsAssignmentEditable IsComplete IsRecurring IsTeamTask Mileage Owner PercentComplete"
            " Recurrence StartDate Status StatusDescription TotalWork",
    "contacts": "AssistantName Birthday BusinessHomePage Children Companies CompanyName CompleteName ContactSource"
                " Culture Department DisplayName EmailAddresses FileAs FileAsMapping Generation GivenName ImAddresses"
                " Initials JobTitle Manager MiddleName Mileage Nickname OfficeLocation PhoneNumbers PhysicalAddresses"
                " PostalAddressIndex Profession SpouseName Surname WeddingAnniversary",
    "postitem": "PostedTime",
    "folder": "FolderId ParentFolderId DisplayName UnreadCount TotalCount ChildFolderCount FolderClass SearchParameters"
              " ManagedFolderInformation PermissionSet EffectiveRights",
}  # fmt: skip
_2010 = {
    "item": "IsAssociated ConversationId UniqueBody WebClientReadFormQueryString WebClientEditFormQueryString",
    "calendar": "StartTimeZone EndTimeZone",
    "contacts": "HasPicture PhoneticFullName PhoneticFirstName PhoneticLastName Alias Notes Photo UserSMIMECertificate"
                " MSExchangeCertificate DirectoryId ManagerMailbox DirectReports",
    "distributionlist": "Members",
    "folder": "SharingEffectiveRights",
}  # fmt: skip
_2013 = {
    "item": "Flag StoreEntryId InstanceKey NormalizedBody EntityExtractionResult PolicyTag ArchiveTag RetentionDate"
            " Preview RightsManagementLicenseData BlockStatus HasBlockedImages TextBody IconIndex IsClutter"
            " PredictedActionReasons NextPredictedAction GroupingAction SearchKey SortKey MentionedMe Mentions"
            " MentionsPreview ConversationIndexTrackingEx",
    "message": "ReminderMessageData ApprovalRequestData VotingInformation",
    "meeting": "IsOrganizer ProposedStart ProposedEnd",
    "meetingRequest": "ChangeHighlights",
    "calendar": "StartWallClock EndWallClock StartTimeZoneId EndTimeZoneId IsOrganizer IntendedFreeBusyStatus"
                " EnhancedLocation JoinOnlineMeetingUrl OnlineMeetingSettings InboxReminders",
    "contacts": "Attributions AccountName IsAutoUpdateDisabled IsMessagingEnabled Comment ContactShortId ContactType"
                " DisplayNameFirstLast DisplayNameLastFirst",
}  # fmt: skip
_INDEXED = {
    "item:InternetMessageHeader", "contacts:ImAddress", "contacts:PhoneNumber", "contacts:EmailAddress",
    *(f"contacts:PhysicalAddress:{part}" for part in ("Street", "City", "State", "CountryOrRegion", "PostalCode")),
}  # fmt: skip
"""URIs of IndexedFieldURI, since 2007."""


def _since() -> dict[str, int]:
    return {
        f"{place}:{name}": major
        for major, table in ((8, _2007), (14, _2010), (15, _2013))
        for place, names in table.items()
        for name in names.split()
    }


SINCE = _since()
"""Field URI -> major version of the first server whose schema has it."""

_ELEMENTS = {
    "ipm.appointment": "CalendarItem", "ipm.contact": "Contact", "ipm.distlist": "DistributionList", "ipm.task": "Task",
    "ipm.post": "PostItem", "ipm.schedule.meeting.request": "MeetingRequest",
    "ipm.schedule.meeting.resp": "MeetingResponse", "ipm.schedule.meeting.canceled": "MeetingCancellation",
    "ipm.schedule.meeting": "MeetingMessage",
    "ipm.ole.class.{00061055-0000-0000-c000-000000000046}": "CalendarItem",
}  # fmt: skip
MEETING_MESSAGES = ("MeetingMessage", "MeetingRequest", "MeetingResponse", "MeetingCancellation")


def element_of(item_class: str) -> str:
    """The element of an item of that class; since 2007 SP1 what is nothing else is a Message (MS-OXWSATT, note 3)."""
    name = item_class.lower()
    while name:
        if name in _ELEMENTS:
            return _ELEMENTS[name]
        name = name.rpartition(".")[0]
    return "Message"


def whole_of(uri: str) -> str:
    """The field that holds the entry which an IndexedFieldURI names."""
    if uri.startswith("contacts:PhysicalAddress:"):
        return "contacts:PhysicalAddresses"
    plural = {"distributionlist:Members:Member": "distributionlist:Members"}
    return plural.get(uri) or f"{uri}{'es' if uri.endswith('Address') else 's'}"


def check_uri(uri: str, major: int, *, indexed: bool = False) -> None:
    """EwsError: a field that the schema of this server does not have."""
    if indexed and (uri in _INDEXED or (uri == "distributionlist:Members:Member" and major >= 14)):
        return
    if indexed or SINCE.get(uri, 99) > major:
        text = (
            "The request failed schema validation: The 'FieldURI' attribute is invalid - The value "
            f"'{uri}' is invalid according to its datatype 'http://schemas.microsoft.com/exchange/services/2006/"
            f"types:{'DictionaryURIType' if indexed else 'UnindexedFieldURIType'}' - The Enumeration constraint failed."
        )
        raise EwsError("ErrorSchemaValidation", text, fault=True)
