"""Properties of appointments, series, and of messages about meetings. Source: MS-OXOCAL 2.2."""

from __future__ import annotations

from mailmove.items.stream.properties import APPOINTMENT, CALENDAR_ASSISTANT, COMMON, MEETING, lids

EVENT = lids(APPOINTMENT, """
    8200 BOOLEAN SendMeetingAsIcal
    8201 INTEGER32 AppointmentSequence
    8202 TIME AppointmentSequenceTime
    8203 INTEGER32 AppointmentLastSequence
    8204 INTEGER32 ChangeHighlight
    8205 INTEGER32 BusyStatus
    8206 BOOLEAN FExceptionalBody
    8207 INTEGER32 AppointmentAuxiliaryFlags
    8208 STRING Location
    8209 STRING MeetingWorkspaceUrl
    820A BOOLEAN ForwardInstance
    820C MULTIPLE_BINARY LinkedTaskItems
    820D TIME AppointmentStartWhole
    820E TIME AppointmentEndWhole
    820F TIME AppointmentStartTime
    8210 TIME AppointmentEndTime
    8211 TIME AppointmentEndDate
    8212 TIME AppointmentStartDate
    8213 INTEGER32 AppointmentDuration
    8214 INTEGER32 AppointmentColor
    8215 BOOLEAN AppointmentSubType
    8216 BINARY AppointmentRecur
    8217 INTEGER32 AppointmentStateFlags
    8218 INTEGER32 ResponseStatus
    8220 TIME AppointmentReplyTime
    8223 BOOLEAN Recurring
    8224 INTEGER32 IntendedBusyStatus
    8226 TIME AppointmentUpdateTime
    8228 TIME ExceptionReplaceTime
    8229 BOOLEAN FInvited
    822B BOOLEAN FExceptionalAttendees
    822E STRING OwnerName
    822F BOOLEAN FOthersAppointment
    8230 STRING AppointmentReplyName
    8231 INTEGER32 RecurrenceType
    8232 STRING RecurrencePattern
    8233 BINARY TimeZoneStruct
    8234 STRING TimeZoneDescription
    8235 TIME ClipStart
    8236 TIME ClipEnd
    8237 BINARY OriginalStoreEntryId
    8238 STRING AllAttendeesString
    823A BOOLEAN AutoFillLocation
    823B STRING ToAttendeesString
    823C STRING CcAttendeesString
    8240 BOOLEAN ConferencingCheck
    8241 INTEGER32 ConferencingType
    8242 STRING Directory
    8243 STRING OrganizerAlias
    8244 BOOLEAN AutoStartCheck
    8245 INTEGER32 AutoStartWhen
    8246 BOOLEAN AllowExternalCheck
    8247 STRING CollaborateDoc
    8248 STRING NetShowUrl
    8249 STRING OnlinePassword
    8250 TIME AppointmentProposedStartWhole
    8251 TIME AppointmentProposedEndWhole
    8256 INTEGER32 AppointmentProposedDuration
    8257 BOOLEAN AppointmentCounterProposal
    8259 INTEGER32 AppointmentProposalNumber
    825A BOOLEAN AppointmentNotAllowPropose
    825D BINARY AppointmentUnsendableRecipients
    825E BINARY AppointmentTimeZoneDefinitionStartDisplay
    825F BINARY AppointmentTimeZoneDefinitionEndDisplay
    8260 BINARY AppointmentTimeZoneDefinitionRecur
    8261 BINARY ForwardNotificationRecipients
    827A BINARY InboundICalStream
    827B BOOLEAN SingleBodyICal
""")  # fmt: skip

INVITATION = lids(MEETING, """
    0001 TIME AttendeeCriticalChange
    0002 STRING Where
    0003 BINARY GlobalObjectId
    0004 BOOLEAN IsSilent
    0005 BOOLEAN IsRecurring
    0006 STRING RequiredAttendees
    0007 STRING OptionalAttendees
    0008 STRING ResourceAttendees
    0009 BOOLEAN DelegateMail
    000A BOOLEAN IsException
    000C INTEGER32 TimeZone
    000D INTEGER32 StartRecurrenceDate
    000E INTEGER32 StartRecurrenceTime
    000F INTEGER32 EndRecurrenceDate
    0010 INTEGER32 EndRecurrenceTime
    0011 INTEGER16 DayInterval
    0012 INTEGER16 WeekInterval
    0013 INTEGER16 MonthInterval
    0014 INTEGER16 YearInterval
    0017 INTEGER32 MonthOfYearMask
    0018 INTEGER16 OldRecurrenceType
    001A TIME OwnerCriticalChange
    001C INTEGER32 CalendarType
    0023 BINARY CleanGlobalObjectId
    0024 STRING AppointmentMessageClass
    0026 INTEGER32 MeetingType
    0028 STRING OldLocation
    0029 TIME OldWhenStartWhole
    002A TIME OldWhenEndWhole
""")  # fmt: skip

ASSISTANT = lids(CALENDAR_ASSISTANT, """
    0015 INTEGER32 ClientIntent
    85CC BOOLEAN ServerProcessed
    85CD INTEGER32 ServerProcessingActions
""")  # fmt: skip

NOT_REACHED = lids(COMMON, """
    8536 STRING NonSendableTo
    8537 STRING NonSendableCc
    8538 STRING NonSendableBcc
    8543 MULTIPLE_INTEGER32 NonSendToTrackStatus
    8544 MULTIPLE_INTEGER32 NonSendCcTrackStatus
    8545 MULTIPLE_INTEGER32 NonSendBccTrackStatus
    8045 BOOLEAN PromptSendUpdate
""")  # fmt: skip
"""Attendees to whom nothing was sent."""

CALENDAR = (*EVENT, *INVITATION, *ASSISTANT, *NOT_REACHED)
