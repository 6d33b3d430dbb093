"""Properties that any item may have: who, when, what about, bodies, flags, reminders, categories.

Sources: MS-OXPROPS; MS-OXCMSG 2.2.1, MS-OXOMSG 2.2, MS-OXOFLAG 2.2, MS-OXORMDR 2.2, MS-OXOPOST, MS-OXCMAIL. Left out:
what the server counts or names itself (`untransmitted.py`), and retention tags, whose ids are of the old organization.
"""

from __future__ import annotations

from mailmove.items.stream.properties import COMMON, INTERNET_HEADERS, PUBLIC_STRINGS, lids, names, tags

ENVELOPE = tags("""
    000F TIME DeferredDeliveryTime
    0015 TIME ExpiryTime
    0017 INTEGER32 Importance
    001A STRING MessageClass
    0023 BOOLEAN OriginatorDeliveryReportRequested
    0026 INTEGER32 Priority
    0029 BOOLEAN ReadReceiptRequested
    002B BOOLEAN RecipientReassignmentProhibited
    002E INTEGER32 OriginalSensitivity
    0030 TIME ReplyTime
    0036 INTEGER32 Sensitivity
    0037 STRING Subject
    0039 TIME ClientSubmitTime
    003B BINARY SentRepresentingSearchKey
    003D STRING SubjectPrefix
    003F BINARY ReceivedByEntryId
    0040 STRING ReceivedByName
    0041 BINARY SentRepresentingEntryId
    0042 STRING SentRepresentingName
    0043 BINARY ReceivedRepresentingEntryId
    0044 STRING ReceivedRepresentingName
    0046 BINARY ReadReceiptEntryId
    0047 BINARY MessageSubmissionId
    004F BINARY ReplyRecipientEntries
    0050 STRING ReplyRecipientNames
    0051 BINARY ReceivedBySearchKey
    0052 BINARY ReceivedRepresentingSearchKey
    0053 BINARY ReadReceiptSearchKey
    0057 BOOLEAN MessageToMe
    0058 BOOLEAN MessageCcMe
    0059 BOOLEAN MessageRecipientMe
    0060 TIME StartDate
    0061 TIME EndDate
    0062 INTEGER32 OwnerAppointmentId
    0063 BOOLEAN ResponseRequested
    0064 STRING SentRepresentingAddressType
    0065 STRING SentRepresentingEmailAddress
    0070 STRING ConversationTopic
    0071 BINARY ConversationIndex
    0075 STRING ReceivedByAddressType
    0076 STRING ReceivedByEmailAddress
    0077 STRING ReceivedRepresentingAddressType
    0078 STRING ReceivedRepresentingEmailAddress
    007D STRING TransportMessageHeaders
    007F BINARY TnefCorrelationKey
    0C06 BOOLEAN NonReceiptNotificationRequested
    0C08 BOOLEAN OriginatorNonDeliveryReportRequested
    0C17 BOOLEAN ReplyRequested
    0C19 BINARY SenderEntryId
    0C1A STRING SenderName
    0C1D BINARY SenderSearchKey
    0C1E STRING SenderAddressType
    0C1F STRING SenderEmailAddress
    0E01 BOOLEAN DeleteAfterSubmit
    0E06 TIME MessageDeliveryTime
    0E07 INTEGER32 MessageFlags
    0E17 INTEGER32 MessageStatus
    0E28 STRING PrimarySendAccount
    0E29 STRING NextSendAcct
    0E2B INTEGER32 ToDoItemFlags
    0E2C BINARY SwappedToDoStore
    0E2D BINARY SwappedToDoData
    3007 TIME CreationTime
    3008 TIME LastModificationTime
    300B BINARY SearchKey
    3016 BOOLEAN ConversationIndexTracking
    3FF1 INTEGER32 MessageLocaleId
    3FF8 STRING CreatorName
    3FFA STRING LastModifierName
    4076 INTEGER32 ContentFilterSpamConfidenceLevel
    4079 INTEGER32 SenderIdStatus
    4083 STRING PurportedSenderDomain
    5902 INTEGER32 InternetMailOverrideFormat
    5909 INTEGER32 MessageEditorFormat
    5D01 STRING SenderSmtpAddress
    5D02 STRING SentRepresentingSmtpAddress
    5D07 STRING ReceivedBySmtpAddress
    5D08 STRING ReceivedRepresentingSmtpAddress
""")

BODIES = tags("""
    0E1F BOOLEAN RtfInSync
    1000 STRING Body
    1009 BINARY RtfCompressed
    1013 BINARY Html
    1014 STRING BodyContentLocation
    1015 STRING BodyContentId
    3FDE INTEGER32 InternetCodepage
    3FFD INTEGER32 MessageCodepage
""")

INTERNET = tags("""
    1035 STRING InternetMessageId
    1039 STRING InternetReferences
    1042 STRING InReplyToId
    1043 STRING ListHelp
    1044 STRING ListSubscribe
    1045 STRING ListUnsubscribe
""")

FLAGS = tags("""
    1080 INTEGER32 IconIndex
    1081 INTEGER32 LastVerbExecuted
    1082 TIME LastVerbExecutionTime
    1090 INTEGER32 FlagStatus
    1091 TIME FlagCompleteTime
    1095 INTEGER32 FollowupIcon
    1096 INTEGER32 BlockStatus
    10F4 BOOLEAN AttributeHidden
    10F6 BOOLEAN AttributeReadOnly
""")

FLAGGED_AS_TASK = lids(COMMON, """
    8518 INTEGER32 TaskMode
    8519 BINARY TaskGlobalId
    8530 STRING FlagRequest
    85A0 TIME ToDoOrdinalDate
    85A1 STRING ToDoSubOrdinal
    85A4 STRING ToDoTitle
    85BF TIME ValidFlagStringProof
    85C0 INTEGER32 FlagString
""")  # fmt: skip

REMINDER = lids(COMMON, """
    8501 INTEGER32 ReminderDelta
    8502 TIME ReminderTime
    8503 BOOLEAN ReminderSet
    8504 TIME ReminderTimeTime
    8505 TIME ReminderTimeDate
    851C BOOLEAN ReminderOverride
    851D INTEGER32 ReminderType
    851E BOOLEAN ReminderPlaySound
    851F STRING ReminderFileParameter
    8560 TIME ReminderSignalTime
""")  # fmt: skip

GENERAL = lids(COMMON, """
    8506 BOOLEAN Private
    850E BOOLEAN AgingDontAgeMe
    8510 INTEGER32 SideEffects
    8514 BOOLEAN SmartNoAttach
    8516 TIME CommonStart
    8517 TIME CommonEnd
    851A INTEGER32 AutoProcessState
    8520 BINARY VerbStream
    8524 STRING VerbResponse
    8534 STRING Mileage
    8535 STRING Billing
    8539 MULTIPLE_STRING Companies
    853A MULTIPLE_STRING Contacts
    8549 TIME RecallTime
    8552 INTEGER32 CurrentVersion
    8554 STRING CurrentVersionName
    8580 STRING InternetAccountName
    8581 STRING InternetAccountStamp
    8582 BOOLEAN UseTnef
    8584 BINARY ContactLinkSearchKey
    8585 BINARY ContactLinkEntry
    8586 STRING ContactLinkName
    859B BOOLEAN IsInterpersonalFax
    85B5 BOOLEAN Classified
    85B6 STRING Classification
    85B7 STRING ClassificationDescription
    85B8 STRING ClassificationGuid
    85BA BOOLEAN ClassificationKeep
""")  # fmt: skip

FORM = lids(COMMON, """
    850F BINARY FormStorage
    8513 BINARY PageDirStream
    851B BINARY FormPropStream
    8540 BINARY PropertyDefinitionStream
    8541 BINARY ScriptStream
    8542 INTEGER32 CustomFlag
""")  # fmt: skip
"""What a custom form keeps in its items, and the definitions of their custom fields."""

BY_NAME = names(PUBLIC_STRINGS, """
    Keywords MULTIPLE_STRING Keywords
""") + names(INTERNET_HEADERS, """
    Content-Class STRING ContentClass
    Content-Type STRING ContentType
    Accept-Language STRING AcceptLanguage
    x-sharing-flavor STRING XSharingFlavor
""")  # fmt: skip

ANY_ITEM = (
    *ENVELOPE, *BODIES, *INTERNET, *FLAGS, *FLAGGED_AS_TASK, *REMINDER, *GENERAL, *FORM, *BY_NAME,
)  # fmt: skip
