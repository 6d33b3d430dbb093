"""Named properties: their sets, and the types of those that matter.

Sources: MS-OXPROPS 1.3.2 (sets) and 2.x (types), MS-OXOCAL, MS-OXOCNTC, MS-OXOTASK, MS-OXONOTE, MS-OXOJRNL, MS-OXCMSG.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from lab.cloud.item_stream import property_types as t


@dataclass(frozen=True)
class Name:
    """id: a LID, or a string."""

    set: UUID
    id: int | str

    def __str__(self) -> str:
        known = KNOWN.get(self)
        place = SETS.get(self.set, f"{{{self.set}}}")
        return (
            f"{place} {self.id if isinstance(self.id, str) else f'0x{self.id:04X}'}{f' ({known[0]})' if known else ''}"
        )


def _set(text: str) -> UUID:
    return UUID(f"{text}-0000-0000-C000-000000000046")


PS_MAPI, PUBLIC_STRINGS, INTERNET_HEADERS = _set("00020328"), _set("00020329"), _set("00020386")
COMMON, APPOINTMENT, ADDRESS, TASK = _set("00062008"), _set("00062002"), _set("00062004"), _set("00062003")
NOTE, LOG = _set("0006200E"), _set("0006200A")
MEETING = UUID("6ED8DA90-450B-101B-98DA-00AA003F1305")
SETS = {
    PS_MAPI: "PS_MAPI", PUBLIC_STRINGS: "PS_PUBLIC_STRINGS", INTERNET_HEADERS: "PS_INTERNET_HEADERS",
    COMMON: "PSETID_Common", APPOINTMENT: "PSETID_Appointment", ADDRESS: "PSETID_Address", TASK: "PSETID_Task",
    NOTE: "PSETID_Note", LOG: "PSETID_Log", MEETING: "PSETID_Meeting",
}  # fmt: skip

_I, _S, _B, _D, _T, _F = t.INT32, t.STRING, t.BOOLEAN, t.BINARY, t.TIME, t.FLOAT64
_MS, _MD, _MI = t.MULTIPLE | t.STRING, t.MULTIPLE | t.BINARY, t.MULTIPLE | t.INT32
_LIDS: list[tuple[UUID, int, str]] = [
    (COMMON, _T, "8502 ReminderTime 8516 CommonStart 8517 CommonEnd 8560 ReminderSignalTime 85BF ValidFlagStringProof"),
    (COMMON, _I, "8501 ReminderDelta 8510 SideEffects 8518 TaskMode 85C0 FlagString 8552 CurrentVersion"),
    (COMMON, _B, "8503 ReminderSet 8506 Private 8514 SmartNoAttach 851C ReminderOverride 851E ReminderPlaySound"),
    (COMMON, _S, "851F ReminderFileParameter 8530 FlagRequest 8554 CurrentVersionName"),
    (COMMON, _MS, "853A Contacts 8539 Companies"),
    (COMMON, _D, "8585 ContactLinkEntry 8584 ContactLinkSearchKey 8520 VerbStream"),
    (APPOINTMENT, _T, "820D AppointmentStartWhole 820E AppointmentEndWhole 8235 ClipStart 8236 ClipEnd"
                      " 8220 AppointmentReplyTime 8228 ExceptionReplaceTime"),
    (APPOINTMENT, _I, "8201 AppointmentSequence 8205 BusyStatus 8207 AppointmentAuxiliaryFlags 8213 AppointmentDuration"
                      " 8214 AppointmentColor 8217 AppointmentStateFlags 8218 ResponseStatus 8231 RecurrenceType"
                      " 8224 IntendedBusyStatus"),
    (APPOINTMENT, _B, "8215 AppointmentSubType 8223 Recurring 8229 FInvited 8206 FExceptionalBody"
                      " 822B FExceptionalAttendees 8240 ConferencingCheck 825A AppointmentNotAllowPropose"
                      " 8257 AppointmentCounterProposal"),
    (APPOINTMENT, _S, "8208 Location 8230 AppointmentReplyName 8232 RecurrencePattern 8234 TimeZoneDescription"
                      " 8238 AllAttendeesString 823B ToAttendeesString 823C CcAttendeesString"),
    (APPOINTMENT, _D, "8216 AppointmentRecur 8233 TimeZoneStruct 825E AppointmentTimeZoneDefinitionStartDisplay"
                      " 825F AppointmentTimeZoneDefinitionEndDisplay 8260 AppointmentTimeZoneDefinitionRecur"),
    (MEETING, _D, "0003 GlobalObjectId 0023 CleanGlobalObjectId"),
    (MEETING, _B, "0005 IsRecurring 000A IsException"),
    (MEETING, _T, "0001 AttendeeCriticalChange 001A OwnerCriticalChange"),
    (MEETING, _I, "0026 MeetingType"),
    (MEETING, _S, "0002 Where"),
    (ADDRESS, _S, "8005 FileUnder 801A HomeAddress 801B WorkAddress 801C OtherAddress 802B Html"
                  " 8045 WorkAddressStreet 8046 WorkAddressCity 8047 WorkAddressState"
                  " 8048 WorkAddressPostalCode 8049 WorkAddressCountry 8062 InstantMessagingAddress"
                  " 8080 Email1DisplayName 8082 Email1AddressType 8083 Email1EmailAddress"
                  " 8084 Email1OriginalDisplayName 8090 Email2DisplayName 8092 Email2AddressType"
                  " 8093 Email2EmailAddress 8094 Email2OriginalDisplayName 80A0 Email3DisplayName"
                  " 80A2 Email3AddressType 80A3 Email3EmailAddress 80A4 Email3OriginalDisplayName"
                  " 8053 DistributionListName 804F ContactUserField1 8050 ContactUserField2"
                  " 8051 ContactUserField3 8052 ContactUserField4"),
    (ADDRESS, _D, "8085 Email1OriginalEntryId 8095 Email2OriginalEntryId 80A5 Email3OriginalEntryId"
                  " 8064 DistributionListStream"),
    (ADDRESS, _MD, "8054 DistributionListOneOffMembers 8055 DistributionListMembers"),
    (ADDRESS, _I, "8006 FileUnderId 8022 PostalAddressId 8029 AddressBookProviderArrayType"
                  " 804C DistributionListChecksum"),
    (ADDRESS, _MI, "8028 AddressBookProviderEmailList"),
    (ADDRESS, _B, "8015 HasPicture"),
    (TASK, _I, "8101 TaskStatus 8110 TaskActualEffort 8111 TaskEstimatedEffort 8112 TaskVersion 8113 TaskState"
               " 8123 TaskOrdinal 8129 TaskOwnership 812A TaskAcceptanceState 811A TaskHistory"),
    (TASK, _F, "8102 PercentComplete"),
    (TASK, _T, "8104 TaskStartDate 8105 TaskDueDate 810F TaskDateCompleted 8115 TaskLastUpdate"),
    (TASK, _B, "811C TaskComplete 8103 TeamTask 8126 TaskFRecurring 8124 TaskNoCompute 8119 TaskStatusOnComplete"),
    (TASK, _S, "811F TaskOwner 8121 TaskAssigner 8122 TaskLastUser 8125 TaskLastDelegate 8127 TaskRole"),
    (TASK, _D, "8116 TaskRecurrence 8117 TaskAssigners"),
    (NOTE, _I, "8B00 NoteColor 8B02 NoteWidth 8B03 NoteHeight 8B04 NoteX 8B05 NoteY"),
    (LOG, _S, "8700 LogType 8712 LogTypeDesc"),
    (LOG, _T, "8706 LogStart 8708 LogEnd"),
    (LOG, _I, "8707 LogDuration 870C LogFlags"),
]  # fmt: skip


def _table() -> dict[Name, tuple[str, int]]:
    table = {Name(PUBLIC_STRINGS, "Keywords"): ("Keywords", _MS)}
    for place, kind, text in _LIDS:
        words = text.split()
        for number, name in zip(words[::2], words[1::2], strict=True):
            table[Name(place, int(number, 16))] = (f"PidLid{name}", kind)
    return table


KNOWN = _table()
"""Name -> (canonical name, type)."""
