"""Properties of an item's recipients and attachments.

Sources: MS-OXOMSG 2.2.3 and MS-OXOCAL 2.2.4.10 (recipients); MS-OXCMSG 2.2.2, MS-OXOCAL 2.2.10.1 and MS-OXOCNTC 2.2.1.8
(attachments).
"""

from __future__ import annotations

from mailmove.items.stream.properties import Property, Tag, tags
from mailmove.items.stream.property_types import PropertyType

ROW_ID = Property(Tag(0x3000), PropertyType.INTEGER32, "PidTagRowid")

RECIPIENT = tags("""
    0C15 INTEGER32 RecipientType
    0E0F BOOLEAN Responsibility
    0FFE INTEGER32 ObjectType
    0FFF BINARY EntryId
    3001 STRING DisplayName
    3002 STRING AddressType
    3003 STRING EmailAddress
    300B BINARY SearchKey
    3900 INTEGER32 DisplayType
    3905 INTEGER32 DisplayTypeEx
    39FE STRING SmtpAddress
    39FF STRING AddressBookDisplayNamePrintable
    3A20 STRING TransmittableDisplayName
    3A40 BOOLEAN SendRichInfo
    3A71 INTEGER32 SendInternetEncoding
    5FDF INTEGER32 RecipientOrder
    5FE1 BOOLEAN RecipientProposed
    5FE3 TIME RecipientProposedStartTime
    5FE4 TIME RecipientProposedEndTime
    5FF6 STRING RecipientDisplayName
    5FF7 BINARY RecipientEntryId
    5FFB TIME RecipientTrackStatusTime
    5FFD INTEGER32 RecipientFlags
    5FFF INTEGER32 RecipientTrackStatus
    0032 TIME ReportTime
    0C04 INTEGER32 NonDeliveryReportReasonCode
    0C05 INTEGER32 NonDeliveryReportDiagCode
    0C1B STRING SupplementaryInfo
    0C20 INTEGER32 NonDeliveryReportStatusCode
    0C21 STRING RemoteMessageTransferAgent
    1001 STRING ReportText
""")

ATTACH_NUMBER = Property(Tag(0x0E21), PropertyType.INTEGER32, "PidTagAttachNumber")
ATTACH_DATA = Property(Tag(0x3701), PropertyType.BINARY, "PidTagAttachDataBinary")
ATTACH_OBJECT = Property(Tag(0x3701), PropertyType.OBJECT, "PidTagAttachDataObject")
ATTACH_METHOD = Property(Tag(0x3705), PropertyType.INTEGER32, "PidTagAttachMethod")

_ATTACHMENT = tags("""
    3001 STRING DisplayName
    3007 TIME CreationTime
    3008 TIME LastModificationTime
    3702 BINARY AttachEncoding
    3703 STRING AttachExtension
    3704 STRING AttachFilename
    3707 STRING AttachLongFilename
    3708 STRING AttachPathname
    3709 BINARY AttachRendering
    370A BINARY AttachTag
    370B INTEGER32 RenderingPosition
    370C STRING AttachTransportName
    370D STRING AttachLongPathname
    370E STRING AttachMimeTag
    370F BINARY AttachAdditionalInformation
    3711 STRING AttachContentBase
    3712 STRING AttachContentId
    3713 STRING AttachContentLocation
    3714 INTEGER32 AttachFlags
    3719 STRING AttachPayloadProviderGuidString
    371A STRING AttachPayloadClass
    371B STRING TextAttachmentCharset
    7FF9 TIME ExceptionReplaceTime
    7FFA INTEGER32 AttachmentLinkId
    7FFB TIME ExceptionStartTime
    7FFC TIME ExceptionEndTime
    7FFD INTEGER32 AttachmentFlags
    7FFE BOOLEAN AttachmentHidden
    7FFF BOOLEAN AttachmentContactPhoto
""")
ATTACHMENT = (*_ATTACHMENT, ATTACH_METHOD)
