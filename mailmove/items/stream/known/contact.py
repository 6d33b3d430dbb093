"""Properties of contacts and of distribution lists. Source: MS-OXOCNTC 2.2.1 and 2.2.2."""

from __future__ import annotations

from mailmove.items.stream.properties import ADDRESS, COMMON, Property, lids, tags

_EMAIL_BLOCK = """
    {0:X}0 STRING Email{1}DisplayName
    {0:X}2 STRING Email{1}AddressType
    {0:X}3 STRING Email{1}EmailAddress
    {0:X}4 STRING Email{1}OriginalDisplayName
    {0:X}5 BINARY Email{1}OriginalEntryId
    {0:X}6 BOOLEAN Email{1}RichTextFormat
    {0:X}7 STRING Email{1}EmailType
"""
_FAX_BLOCK = """
    {0:X}0 STRING Fax{1}DisplayName
    {0:X}1 BINARY Fax{1}EntryId
    {0:X}2 STRING Fax{1}AddressType
    {0:X}3 STRING Fax{1}EmailAddress
    {0:X}4 STRING Fax{1}OriginalDisplayName
    {0:X}5 BINARY Fax{1}OriginalEntryId
    {0:X}6 BOOLEAN Fax{1}RichTextFormat
    {0:X}7 STRING Fax{1}EmailType
"""


def _blocks(table: str, firsts: tuple[int, int, int]) -> tuple[Property, ...]:
    return lids(ADDRESS, "".join(table.format(first, number) for number, first in enumerate(firsts, 1)))


EMAILS = _blocks(_EMAIL_BLOCK, (0x808, 0x809, 0x80A))
FAXES = _blocks(_FAX_BLOCK, (0x80B, 0x80C, 0x80D))

PERSON = tags("""
    3001 STRING DisplayName
    3A00 STRING Account
    3A02 STRING CallbackTelephoneNumber
    3A05 STRING Generation
    3A06 STRING GivenName
    3A07 STRING GovernmentIdNumber
    3A08 STRING BusinessTelephoneNumber
    3A09 STRING HomeTelephoneNumber
    3A0A STRING Initials
    3A0C STRING Language
    3A0D STRING Location
    3A10 STRING OrganizationalIdNumber
    3A11 STRING Surname
    3A15 STRING PostalAddress
    3A16 STRING CompanyName
    3A17 STRING Title
    3A18 STRING DepartmentName
    3A19 STRING OfficeLocation
    3A1A STRING PrimaryTelephoneNumber
    3A1B STRING Business2TelephoneNumber
    3A1C STRING MobileTelephoneNumber
    3A1D STRING RadioTelephoneNumber
    3A1E STRING CarTelephoneNumber
    3A1F STRING OtherTelephoneNumber
    3A20 STRING TransmittableDisplayName
    3A21 STRING PagerTelephoneNumber
    3A22 BINARY UserCertificate
    3A23 STRING PrimaryFaxNumber
    3A24 STRING BusinessFaxNumber
    3A25 STRING HomeFaxNumber
    3A26 STRING Country
    3A27 STRING Locality
    3A28 STRING StateOrProvince
    3A29 STRING StreetAddress
    3A2A STRING PostalCode
    3A2B STRING PostOfficeBox
    3A2C STRING TelexNumber
    3A2D STRING IsdnNumber
    3A2E STRING AssistantTelephoneNumber
    3A2F STRING Home2TelephoneNumber
    3A30 STRING Assistant
    3A40 BOOLEAN SendRichInfo
    3A41 TIME WeddingAnniversary
    3A42 TIME Birthday
    3A43 STRING Hobbies
    3A44 STRING MiddleName
    3A45 STRING DisplayNamePrefix
    3A46 STRING Profession
    3A47 STRING ReferredByName
    3A48 STRING SpouseName
    3A49 STRING ComputerNetworkName
    3A4A STRING CustomerId
    3A4B STRING TelecommunicationsDeviceForDeafTelephoneNumber
    3A4C STRING FtpSite
    3A4D INTEGER16 Gender
    3A4E STRING ManagerName
    3A4F STRING Nickname
    3A50 STRING PersonalHomePage
    3A51 STRING BusinessHomePage
    3A57 STRING CompanyMainTelephoneNumber
    3A58 MULTIPLE_STRING ChildrensNames
    3A59 STRING HomeAddressCity
    3A5A STRING HomeAddressCountry
    3A5B STRING HomeAddressPostalCode
    3A5C STRING HomeAddressStateOrProvince
    3A5D STRING HomeAddressStreet
    3A5E STRING HomeAddressPostOfficeBox
    3A5F STRING OtherAddressCity
    3A60 STRING OtherAddressCountry
    3A61 STRING OtherAddressPostalCode
    3A62 STRING OtherAddressStateOrProvince
    3A63 STRING OtherAddressStreet
    3A64 STRING OtherAddressPostOfficeBox
    3A70 MULTIPLE_BINARY UserX509Certificate
""")

CARD = lids(ADDRESS, """
    8005 STRING FileUnder
    8006 INTEGER32 FileUnderId
    8007 MULTIPLE_INTEGER32 ContactItemData
    800E STRING ReferredBy
    8010 STRING Department
    8015 BOOLEAN HasPicture
    801A STRING HomeAddress
    801B STRING WorkAddress
    801C STRING OtherAddress
    8022 INTEGER32 PostalAddressId
    8023 INTEGER32 ContactCharacterSet
    8025 BOOLEAN AutoLog
    8026 MULTIPLE_INTEGER32 FileUnderList
    8027 MULTIPLE_INTEGER32 EmailList
    8028 MULTIPLE_INTEGER32 AddressBookProviderEmailList
    8029 INTEGER32 AddressBookProviderArrayType
    802B STRING Html
    802C STRING YomiFirstName
    802D STRING YomiLastName
    802E STRING YomiCompanyName
    8040 BINARY BusinessCardDisplayDefinition
    8041 BINARY BusinessCardCardPicture
    8045 STRING WorkAddressStreet
    8046 STRING WorkAddressCity
    8047 STRING WorkAddressState
    8048 STRING WorkAddressPostalCode
    8049 STRING WorkAddressCountry
    804A STRING WorkAddressPostOfficeBox
    804F STRING ContactUserField1
    8050 STRING ContactUserField2
    8051 STRING ContactUserField3
    8052 STRING ContactUserField4
    8062 STRING InstantMessagingAddress
    80D8 STRING FreeBusyLocation
    80DA STRING HomeAddressCountryCode
    80DB STRING WorkAddressCountryCode
    80DC STRING OtherAddressCountryCode
    80DD STRING AddressCountryCode
    80DE TIME BirthdayLocal
    80DF TIME WeddingAnniversaryLocal
""")  # fmt: skip
"""Left out: links to the address list of the old organization, and the ids of its birthday events."""

LIST = lids(ADDRESS, """
    804C INTEGER32 DistributionListChecksum
    8053 STRING DistributionListName
    8054 MULTIPLE_BINARY DistributionListOneOffMembers
    8055 MULTIPLE_BINARY DistributionListMembers
    8064 BINARY DistributionListStream
""")  # fmt: skip

REFERENCE = lids(COMMON, """
    85BD BINARY ReferenceEntryId
""")  # fmt: skip

CONTACT = (*PERSON, *CARD, *EMAILS, *FAXES, *REFERENCE)
DISTRIBUTION_LIST = (*PERSON[:1], *LIST, *CARD[:3], *REFERENCE)
