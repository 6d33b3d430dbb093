"""Properties of messages of a kind of their own: reports, voice mail, shared folders, posts of feeds.

Sources: MS-OXOMSG 2.2.2 (reports), MS-OXOUM 2.2 (voice and fax), MS-OXORSS 2.2, MS-OXSHARE 2.2, MS-OXOPOST.
"""

from __future__ import annotations

from mailmove.items.stream.properties import POST_RSS, SHARING, lids, tags

ORIGINAL = tags("""
    0049 STRING OriginalSubject
    004B STRING OriginalMessageClass
    004C BINARY OriginalAuthorEntryId
    004D STRING OriginalAuthorName
    004E TIME OriginalSubmitTime
    0055 TIME OriginalDeliveryTime
    005A STRING OriginalSenderName
    005B BINARY OriginalSenderEntryId
    005C BINARY OriginalSenderSearchKey
    005D STRING OriginalSentRepresentingName
    005E BINARY OriginalSentRepresentingEntryId
    005F BINARY OriginalSentRepresentingSearchKey
    0066 STRING OriginalSenderAddressType
    0067 STRING OriginalSenderEmailAddress
    0068 STRING OriginalSentRepresentingAddressType
    0069 STRING OriginalSentRepresentingEmailAddress
    0072 STRING OriginalDisplayBcc
    0073 STRING OriginalDisplayCc
    0074 STRING OriginalDisplayTo
    1046 STRING OriginalMessageId
""")
"""Of a message that this one answers, forwards or reports on."""

REPORT = tags("""
    0025 BINARY ParentKey
    002A TIME ReceiptTime
    0032 TIME ReportTime
    003A STRING ReportName
    0045 BINARY ReportEntryId
    0054 BINARY ReportSearchKey
    0080 STRING ReportDisposition
    0081 STRING ReportDispositionMode
    0C04 INTEGER32 NonDeliveryReportReasonCode
    0C05 INTEGER32 NonDeliveryReportDiagCode
    0C1B STRING SupplementaryInfo
    0C20 INTEGER32 NonDeliveryReportStatusCode
    0C21 STRING RemoteMessageTransferAgent
    1001 STRING ReportText
    6820 STRING ReportingMessageTransferAgent
""")

VOICE = tags("""
    6801 INTEGER32 VoiceMessageDuration
    6802 STRING SenderTelephoneNumber
    6803 STRING VoiceMessageSenderName
    6804 INTEGER32 FaxNumberOfPages
    6805 STRING VoiceMessageAttachmentOrder
    6806 STRING CallId
""")

FEED = lids(POST_RSS, """
    8900 STRING PostRssChannelLink
    8901 STRING PostRssItemLink
    8902 INTEGER32 PostRssItemHash
    8903 STRING PostRssItemGuid
    8904 STRING PostRssChannel
    8905 STRING PostRssItemXml
    8906 STRING PostRssSubscription
""")  # fmt: skip

SHARED_FOLDER = lids(SHARING, """
    8A00 INTEGER32 SharingStatus
    8A01 BINARY SharingProviderGuid
    8A02 STRING SharingProviderName
    8A03 STRING SharingProviderUrl
    8A05 STRING SharingRemoteName
    8A06 STRING SharingRemoteUid
    8A07 STRING SharingInitiatorName
    8A08 STRING SharingInitiatorSmtp
    8A09 BINARY SharingInitiatorEntryId
    8A14 STRING SharingLocalType
    8A17 INTEGER32 SharingCapabilities
    8A18 INTEGER32 SharingFlavor
    8A1D STRING SharingRemoteType
    8A27 INTEGER32 SharingResponseType
    8A28 TIME SharingResponseTime
""")  # fmt: skip
