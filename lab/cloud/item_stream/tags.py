"""Property ids below 0x8000: the types of those that matter, and those that a stream does not carry.

Sources: MS-OXPROPS (types; 1.3.3: ranges of ids), MS-OXCFXICS 2.2.1 (identification), 2.2.4.1.4 and 2.2.4.1.5 (markers,
meta-properties), MS-OXCMSG, MS-OXOMSG, MS-OXOCNTC. What real servers put into attachments and recipients all the same
(AccessLevel, RecordKey, ObjectType, AttachSize) is seen in Microsoft's sample of ExportItems.
"""

from __future__ import annotations

from lab.cloud.item_stream import property_types as t

START_TOP_FOLDER, START_SUB_FOLDER, END_FOLDER = 0x40090003, 0x400A0003, 0x400B0003
START_MESSAGE, START_FAI, END_MESSAGE = 0x400C0003, 0x40100003, 0x400D0003
START_EMBED, END_EMBED, START_RECIPIENT, END_RECIPIENT = 0x40010003, 0x40020003, 0x40030003, 0x40040003
NEW_ATTACH, END_ATTACH, ERROR_INFO = 0x40000003, 0x400E0003, 0x40180003
MARKERS = {
    START_TOP_FOLDER: "StartTopFld", START_SUB_FOLDER: "StartSubFld", END_FOLDER: "EndFolder",
    START_MESSAGE: "StartMessage", START_FAI: "StartFAIMsg", END_MESSAGE: "EndMessage", START_EMBED: "StartEmbed",
    END_EMBED: "EndEmbed", START_RECIPIENT: "StartRecip", END_RECIPIENT: "EndToRecip", NEW_ATTACH: "NewAttach",
    END_ATTACH: "EndAttach", ERROR_INFO: "FXErrorInfo", 0x40120003: "IncrSyncChg", 0x407D0003: "IncrSyncChgPartial",
    0x40130003: "IncrSyncDel", 0x40140003: "IncrSyncEnd", 0x402F0003: "IncrSyncRead", 0x403A0003: "IncrSyncStateBegin",
    0x403B0003: "IncrSyncStateEnd", 0x4074000B: "IncrSyncProgressMode", 0x4075000B: "IncrSyncProgressPerMsg",
    0x40150003: "IncrSyncMessage", 0x407B0102: "IncrSyncGroupInfo",
}  # fmt: skip
DN_PREFIX, DEL_PROP = 0x4008, 0x40160003
META = {0x4008: "MetaTagDnPrefix", 0x400F: "MetaTagEcWarning", 0x4011: "MetaTagNewFXFolder", 0x4016: "MetaTagFXDelProp"}
RECIPIENTS, ATTACHMENTS = 0x0E12000D, 0x0E13000D

MESSAGE_CLASS, MID, ROW_ID, RECIPIENT_TYPE = 0x001A, 0x674A, 0x3000, 0x0C15
ATTACH_NUMBER, ATTACH_METHOD, ATTACH_DATA = 0x0E21, 0x3705, 0x3701
ATTACH_NUMBER_TAG, MID_TAG = 0x0E210003, 0x674A0014

_KINDS: dict[int, str] = {
    t.STRING: """
    001A MessageClass 0037 Subject 003D SubjectPrefix 0E1D NormalizedSubject 0070 ConversationTopic
    0E28 PrimarySendAccount
    0E29 NextSendAcct 0042 SentRepresentingName 0064 SentRepresentingAddressType 0065 SentRepresentingEmailAddress
    0C1A SenderName 0C1E SenderAddressType 0C1F SenderEmailAddress 0040 ReceivedByName 0044 ReceivedRepresentingName
    0050 ReplyRecipientNames 007D TransportMessageHeaders 1000 Body 1035 InternetMessageId 1039 InternetReferences
    1042 InReplyToId 1046 OriginalMessageId 3001 DisplayName 3002 AddressType 3003 EmailAddress 39FE SmtpAddress
    5D01 SenderSmtpAddress 5D02 SentRepresentingSmtpAddress 3703 AttachExtension 3704 AttachFilename
    3707 AttachLongFilename 3708 AttachPathname 370D AttachLongPathname 370E AttachMimeTag 3711 AttachContentBase
    3712 AttachContentId 3713 AttachContentLocation 3A05 Generation 3A06 GivenName 3A08 BusinessTelephoneNumber
    3A09 HomeTelephoneNumber 3A0A Initials 3A11 Surname 3A15 PostalAddress 3A16 CompanyName 3A17 Title
    3A18 DepartmentName 3A19 OfficeLocation 3A1A PrimaryTelephoneNumber
    3A1C MobileTelephoneNumber 3A1D RadioTelephoneNumber 3A1E CarTelephoneNumber 3A1F OtherTelephoneNumber
    3A21 PagerTelephoneNumber 3A23 PrimaryFaxNumber 3A24 BusinessFaxNumber 3A25 HomeFaxNumber 3A26 Country
    3A27 Locality 3A28 StateOrProvince 3A29 StreetAddress 3A2A PostalCode
    3A30 Assistant 3A44 MiddleName 3A45 DisplayNamePrefix 3A46 Profession
    3A47 PreferredByName 3A48 SpouseName 3A49 ComputerNetworkName 3A4A CustomerId 3A4E ManagerName 3A4F Nickname
    3A50 PersonalHomePage 3A51 BusinessHomePage 3A59 HomeAddressCity 3A5A HomeAddressCountry
    3A5B HomeAddressPostalCode 3A5C HomeAddressStateOrProvince 3A5D HomeAddressStreet 3A5F OtherAddressCity
    3A60 OtherAddressCountry 3A61 OtherAddressPostalCode 3A62 OtherAddressStateOrProvince 3A63 OtherAddressStreet
    3FFA LastModifierName 3FF8 CreatorName 5FF6 RecipientDisplayName 3A20 TransmittableDisplayName""",
    t.INT32: """
    0017 Importance 0026 Priority 0036 Sensitivity 002E OriginalSensitivity 0E07 MessageFlags 0E17 MessageStatus
    1080 IconIndex 1081 LastVerbExecuted 1090 FlagStatus 1095 FollowupIcon 0E2B ToDoItemFlags 3FDE InternetCodepage
    3FF1 MessageLocaleId 3FFD MessageCodepage 5909 MessageEditorFormat 1016 NativeBody 3000 Rowid 0C15 RecipientType
    0FFE ObjectType 3900 DisplayType 3905 DisplayTypeEx 5FFD RecipientFlags 5FFF RecipientTrackStatus
    5FDE RecipientResourceState
    5FDF RecipientOrder 0E20 AttachSize 0E21 AttachNumber 0FF7 AccessLevel 3705 AttachMethod 370B RenderingPosition
    3714 AttachFlags 7FFA AttachmentLinkId 7FFD AttachmentFlags 3A71 SendInternetEncoding""",
    t.BOOLEAN: """
    0023 OriginatorDeliveryReportRequested 0029 ReadReceiptRequested 0C06 NonReceiptNotificationRequested
    0C17 ReplyRequested 0063 ResponseRequested 0002 AlternateRecipientAllowed 0057 MessageToMe 0058 MessageCcMe
    0059 MessageRecipientMe 0E1F RtfInSync 0E69 Read 0E01 DeleteAfterSubmit 10F4 AttributeHidden 10F6 AttributeReadOnly
    3A40 SendRichInfo 7FFE AttachmentHidden 7FFF AttachmentContactPhoto 002B RecipientReassignmentProhibited""",
    t.TIME: """
    0039 ClientSubmitTime 0E06 MessageDeliveryTime 3007 CreationTime 3008 LastModificationTime 0015 ExpiryTime
    000F DeferredDeliveryTime 1091 FlagCompleteTime 1082 LastVerbExecutionTime 0030 ReplyTime 0032 ReportTime
    3A41 WeddingAnniversary 3A42 Birthday 7FFB ExceptionStartTime 7FFC ExceptionEndTime 7FF9 ExceptionReplaceTime
    5FFB RecipientTrackStatusTime 0060 StartDate 0061 EndDate 002A ReceiptTime 004E OriginalSubmitTime
    0055 OriginalDeliveryTime""",
    t.BINARY: """
    003B SentRepresentingSearchKey 0041 SentRepresentingEntryId 003F ReceivedByEntryId 0043 ReceivedRepresentingEntryId
    004F ReplyRecipientEntries 0051 ReceivedBySearchKey 0052 ReceivedRepresentingSearchKey 0071 ConversationIndex
    0C19 SenderEntryId 0C1D SenderSearchKey 1009 RtfCompressed 1013 Html 300B SearchKey 0FFF EntryId 0FF9 RecordKey
    0FF6 InstanceKey 5FF7 RecipientEntryId 3702 AttachEncoding 3709 AttachRendering 370A AttachTag 3013 ConversationId
    0031 ReportTag 0045 ReportEntryId 0054 ReportSearchKey 3FFB LastModifierEntryId 3FF9 CreatorEntryId""",
    t.MULTIPLE | t.BINARY: "3A70 UserX509Certificate",
    t.MULTIPLE | t.STRING: "3A58 ChildrensNames",
    t.INT16: "3A4D Gender",
    t.INT64: "674A Mid",
}  # fmt: skip


def _table() -> dict[int, tuple[str, int]]:
    table: dict[int, tuple[str, int]] = {}
    for kind, text in _KINDS.items():
        words = text.split()
        for number, name in zip(words[::2], words[1::2], strict=True):
            table[int(number, 16)] = (name, kind)
    return table


KNOWN = _table()
"""Id -> (name without PidTag, type; strings as PtypString)."""
DATA_KINDS = {t.BINARY, t.OBJECT}  # of PidTagAttachDataBinary and PidTagAttachDataObject, which share an id

_IDENTITY = "identifies the object in its own store (MS-OXCFXICS 2.2.1.2, 3.2.5.12)"
_COMPUTED = "is computed by the server (MS-OXCMSG 2.2.1)"
_INTERNAL = range(0x6600, 0x6800)
_EVERYWHERE = {
    0x0E09: _IDENTITY, 0x0FFA: _IDENTITY, 0x0FFB: _IDENTITY, 0x0FF8: _IDENTITY, 0x65E0: _IDENTITY, 0x65E1: _IDENTITY,
    0x65E2: _IDENTITY, 0x65E3: _IDENTITY, 0x0E12: "stands for the recipients", 0x0E13: "stands for the attachments",
    0x0FF4: _COMPUTED, 0x0FF5: _COMPUTED,
}  # fmt: skip
_OF_MESSAGES = _EVERYWHERE | {
    0x0FFF: _IDENTITY, 0x0FF6: _IDENTITY, 0x0FF9: _IDENTITY, 0x0FFE: _COMPUTED, 0x0FF7: _COMPUTED, 0x0E08: _COMPUTED,
    0x0E1B: _COMPUTED, 0x0E02: _COMPUTED, 0x0E03: _COMPUTED, 0x0E04: _COMPUTED,
}  # fmt: skip
FORBIDDEN = {"message": _OF_MESSAGES, "recipient": _EVERYWHERE, "attachment": _EVERYWHERE}


def forbidden(number: int, part: str) -> str:
    """Why a stream does not carry this property in that part of a message ("" it does)."""
    if number in _INTERNAL:
        return "is internal to the provider (MS-OXPROPS 1.3.3: 0x6600 to 0x67FF are not transmitted)"
    return FORBIDDEN[part].get(number, "")
