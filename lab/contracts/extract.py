"""Cut Microsoft's contracts down to what the lab plays, as JSON that the lab reads at run time.

    python lab/contracts/extract.py ../shared/contracts

Reads `graph-v1.0-csdl.xml.gz` (microsoftgraph/msgraph-metadata) and `exchange-cmdlets.json`
(MicrosoftDocs/office-docs-powershell) and writes two small files next to this script. Nothing is added to what the
sources say, but for the enum values below: the cmdlet syntax names an enum and its values stand in the page's text.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

from lxml import etree

_EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
_HERE = Path(__file__).parent

GRAPH_SOURCE = "microsoftgraph/msgraph-metadata, clean_v10_metadata/cleanMetadata.xml, commit f54f11b, 2026-08-20"
GRAPH_TYPES = """
    admin application assignedLicense authentication authenticationMethodConfiguration
    authenticationMethodsPolicy authenticationMethodsRegistrationCampaign authenticationMethodsRoot calendar
    conditionalAccessApplications conditionalAccessConditionSet conditionalAccessGrantControls
    conditionalAccessPolicy conditionalAccessRoot conditionalAccessUsers contact contactFolder dateTimeTimeZone
    delegatedAdminAccessAssignment delegatedAdminAccessContainer delegatedAdminAccessDetails
    delegatedAdminRelationship delegatedAdminRelationshipCustomerParticipant delegatedAdminRelationshipRequest
    directory directoryObject domain domainDnsCnameRecord domainDnsMxRecord domainDnsRecord domainDnsSrvRecord
    domainDnsTxtRecord
    emailAddress event identityContainer identitySecurityDefaultsEnforcementPolicy policyRoot
    registrationEnforcement reportRoot temporaryAccessPassAuthenticationMethod
    temporaryAccessPassAuthenticationMethodConfiguration userRegistrationDetails exchangeAdmin
    exchangeMessageTrace exchangeSettings itemBody licenseUnitsDetail location mailFolder mailbox mailboxFolder
    mailboxItem mailboxItemImportSession mailboxSettings message messageTracingRoot organization
    passwordCredential passwordProfile patternedRecurrence physicalAddress recurrencePattern recurrenceRange
    singleValueLegacyExtendedProperty subscribedSku tenantRelationship unifiedRole user userSettings
    verifiedDomain
""".split()  # noqa: SIM905  # names read better as text
"""Types whose members the lab knows. Every other type is known by name only, where a member has it."""

CMDLETS = """
    Get-Mailbox Set-Mailbox Get-MailboxFolderStatistics Get-MailboxStatistics Get-Recipient Get-AcceptedDomain
    Get-MailboxPermission Add-MailboxPermission Get-RecipientPermission Add-RecipientPermission
    Get-OrganizationConfig Get-InboundConnector Get-DkimSigningConfig New-DkimSigningConfig Set-DkimSigningConfig
    Test-MigrationServerAvailability New-MigrationEndpoint Get-MigrationEndpoint Set-MigrationEndpoint
    Remove-MigrationEndpoint New-MigrationBatch Get-MigrationBatch Start-MigrationBatch Stop-MigrationBatch
    Set-MigrationBatch Complete-MigrationBatch Remove-MigrationBatch Get-MigrationUser Get-MigrationUserStatistics
    Remove-MigrationUser Start-MigrationUser Stop-MigrationUser Get-MessageTraceV2
    Get-DistributionGroup Get-DistributionGroupMember Get-MailContact
""".split()  # noqa: SIM905  # names read better as text
"""What the token's role shows of Exchange Online; any other cmdlet is not recognised there."""

ENUMS = {
    "AuthenticationMethod": "Basic Digest Ntlm Fba WindowsIntegrated LiveIdFba LiveIdBasic WSSecurity Certificate "
    "NegoEx OAuth Adfs Kerberos Negotiate LiveIdNegotiate Misconfigured",
    "ConvertibleMailboxSubType": "Regular Room Equipment Shared Workspace Desk",
    "MigrationBatchStatus": "Completed CompletedWithErrors Completing Corrupted Created Failed IncrementalSyncing "
    "Removing Starting Stopped Syncing Stopping Synced SyncedwithErrors Waiting",
    "MigrationMailboxPermission": "Admin FullAccess",
    "MigrationUserStatus": "Completed CompletedWithWarnings Completing CompletionFailed CompletionSynced Corrupted "
    "Failed IncrementalFailed IncrementalStopped IncrementalSynced IncrementalSyncing Provisioning "
    "ProvisionUpdating Queued Removing Starting Stopped Stopping Synced Syncing Validating",
    "MigrationUserStatusSummary": "Active Completed Failed Stopped Synced",
    "CanonicalizationType": "Simple Relaxed",
    "ActiveDirectorySecurityInheritance": "None All Children Descendents SelfAndChildren",
    "QuarantinePolicyType": "QuarantinePolicy GlobalQuarantinePolicy",
    "GroupType": "Distribution Security",
    "MailboxRights": "FullAccess SendAs ExternalAccount DeleteItem ReadPermission ChangePermission ChangeOwner",
}
"""Values from the text of the same cmdlet pages (Set-Mailbox -Type, Get-MigrationUser -Status, ...)."""

PAGES = {
    "Remove-MailboxPermission": {
        "AccessRights": "Identity:MailboxIdParameter* AccessRights:MailboxRights[]* User:SecurityPrincipalIdParameter* "
        "BypassMasterAccountSid:switch Confirm:switch Deny:switch GroupMailbox:switch IgnoreDefaultScope:switch "
        "InheritanceType:ActiveDirectorySecurityInheritance SoftDeletedMailbox:switch WhatIf:switch",
    },
    "Remove-RecipientPermission": {
        "Default": "Identity:RecipientIdParameter* AccessRights:MultiValuedProperty* "
        "Trustee:SecurityPrincipalIdParameter* Confirm:switch Deny:switch MultiTrustees:MultiValuedProperty "
        "WhatIf:switch",
    },
    "Get-AntiPhishPolicy": {
        "Default": "Identity:AntiPhishPolicyIdParameter Advanced:switch Impersonation:switch Spoof:switch",
    },
    "Get-HostedContentFilterPolicy": {"Default": "Identity:HostedContentFilterPolicyIdParameter"},
    "Get-QuarantinePolicy": {
        "Default": "Identity:QuarantineTagIdParameter QuarantinePolicyType:QuarantinePolicyType",
    },
    "New-Mailbox": {
        kind: f"Name:String* Password:SecureString {kind}:switch UserPrincipalName:String Alias:String "
        "Archive:switch Confirm:switch DisplayName:String FirstName:String Force:switch Initials:String "
        "LastName:String MailboxRegion:String ModeratedBy:MultiValuedProperty ModerationEnabled:Boolean "
        "PrimarySmtpAddress:SmtpAddress RetentionPolicy:MailboxPolicyIdParameter WhatIf:switch"
        for kind in ("Shared", "Room", "Equipment")
    },
    "Remove-Mailbox": {
        "Default": "Identity:MailboxIdParameter* PermanentlyDelete:switch Confirm:switch Force:switch Migration:switch "
        "PublicFolder:switch WhatIf:switch",
    },
    "New-MailContact": {
        "Default": "Name:String* ExternalEmailAddress:ProxyAddress* Alias:String Confirm:switch DisplayName:String "
        "FirstName:String LastName:String WhatIf:switch",
    },
    "Set-MailContact": {
        "Default": "Identity:MailContactIdParameter* Alias:String Confirm:switch DisplayName:String "
        "EmailAddresses:ProxyAddressCollection ExternalEmailAddress:ProxyAddress "
        "HiddenFromAddressListsEnabled:Boolean Name:String WhatIf:switch",
    },
    "Remove-MailContact": {"Default": "Identity:MailContactIdParameter* Confirm:switch WhatIf:switch"},
    "New-DistributionGroup": {
        "Default": "Name:String* Alias:String Confirm:switch CopyOwnerToMember:switch DisplayName:String "
        "IgnoreNamingPolicy:switch ManagedBy:MultiValuedProperty Members:MultiValuedProperty Notes:String "
        "PrimarySmtpAddress:SmtpAddress RequireSenderAuthenticationEnabled:Boolean RoomList:switch Type:GroupType "
        "WhatIf:switch",
    },
    "Set-DistributionGroup": {
        "Default": "Identity:DistributionGroupIdParameter* Alias:String BypassSecurityGroupManagerCheck:switch "
        "Confirm:switch DisplayName:String EmailAddresses:ProxyAddressCollection "
        "HiddenFromAddressListsEnabled:Boolean ManagedBy:MultiValuedProperty PrimarySmtpAddress:SmtpAddress "
        "RequireSenderAuthenticationEnabled:Boolean WhatIf:switch",
    },
    "Remove-DistributionGroup": {
        "Default": "Identity:DistributionGroupIdParameter* BypassSecurityGroupManagerCheck:switch Confirm:switch "
        "WhatIf:switch",
    },
    **{
        f"{verb}-DistributionGroupMember": {
            "Default": "Identity:DistributionGroupIdParameter* BypassSecurityGroupManagerCheck:switch Confirm:switch "
            "Member:RecipientWithAdUserGroupIdParameter WhatIf:switch",
        }
        for verb in ("Add", "Remove")
    },
    # These two have no page there: Microsoft's guide and the module's list of exported cmdlets name them.
    "Get-OnPremServerReportInfo": {"Default": ""},
    "Get-TenantExemptionInfo": {"Default": "BlockingScenario:String"},
}
"""Cmdlets that `exchange-cmdlets.json` lacks, from the SYNTAX of their pages in the same repository
(exchange/exchange-ps/ExchangePowerShell/, read 2026-11-26 and -30); only the parameter sets that the product uses."""


def graph(csdl: Path) -> dict[str, Any]:
    """Entity sets, types with all their members (inherited ones too), enums, actions and functions."""
    root: Any = etree.fromstring(gzip.decompress(csdl.read_bytes()))
    schema = next(s for s in root.iter(f"{_EDM}Schema") if s.get("Namespace") == "microsoft.graph")
    elements = {e.get("Name"): e for e in schema if e.tag in (f"{_EDM}EntityType", f"{_EDM}ComplexType")}
    enums = {e.get("Name"): [m.get("Name") for m in e] for e in schema.iter(f"{_EDM}EnumType")}
    types = {name: _members(elements, name) for name in GRAPH_TYPES}
    used = {kind for t in types.values() for kind in (*t["properties"].values(), *t["navigation"].values())}
    container = next(schema.iter(f"{_EDM}EntityContainer"))
    return {
        "source": GRAPH_SOURCE,
        "roots": {
            e.get("Name"): f"Collection({_short(e.get('EntityType'))})"
            if e.get("EntityType")
            else _short(e.get("Type"))
            for e in container
            if e.tag in (f"{_EDM}EntitySet", f"{_EDM}Singleton")
        },
        "types": types,
        "enums": {name: values for name, values in enums.items() if any(name in kind for kind in used)},
        "actions": _bound(schema, "Action"),
        "functions": _bound(schema, "Function"),
    }


def _members(elements: dict[str, Any], name: str) -> dict[str, Any]:
    element = elements[name]
    base = element.get("BaseType")
    inherited = _members(elements, _short(base)) if base else {"properties": {}, "navigation": {}}
    for child in element:
        if child.tag == f"{_EDM}Property":
            inherited["properties"][child.get("Name")] = _short(child.get("Type"))
        elif child.tag == f"{_EDM}NavigationProperty":
            inherited["navigation"][child.get("Name")] = _short(child.get("Type"))
    return {"base": _short(base) if base else None, **{k: inherited[k] for k in ("properties", "navigation")}}


def _short(kind: str) -> str:
    return kind.replace("microsoft.graph.", "").replace("graph.", "")


def _bound(schema: Any, what: str) -> dict[str, dict[str, dict[str, str]]]:
    """{type it is bound to: {name: {parameter: type}}}"""
    out: dict[str, dict[str, dict[str, str]]] = {}
    for element in schema.iter(f"{_EDM}{what}"):
        first, *rest = [p for p in element if p.tag == f"{_EDM}Parameter"] or [None]
        if first is None:
            continue
        kind = _short(first.get("Type"))
        if kind.removeprefix("Collection(").rstrip(")") in GRAPH_TYPES:
            out.setdefault(kind, {})[element.get("Name")] = {p.get("Name"): _short(p.get("Type")) for p in rest}
    return out


def exchange(cmdlets: Path) -> dict[str, Any]:
    """{cmdlet: {parameter set: {parameter: type, with a * where it is required}}}"""
    whole = json.loads(cmdlets.read_text())
    picked = {name: whole["cmdlets"][name]["sets"] for name in CMDLETS}
    # Eleven more sets only repeat a hundred parameters for holds, and make up half of all the text.
    picked["Set-Mailbox"] = {"Identity (Default)": picked["Set-Mailbox"]["Identity (Default)"]}
    return {
        "source": whole["source"],
        "enums": {name: values.split() for name, values in ENUMS.items()},
        "cmdlets": {
            name: {
                chosen: {p: f"{of['type']}{'*' if of['required'] else ''}" for p, of in parameters.items()}
                for chosen, parameters in sets.items()
            }
            for name, sets in picked.items()
        }
        | {
            name: {chosen: dict(parameter.split(":") for parameter in text.split()) for chosen, text in sets.items()}
            for name, sets in PAGES.items()
        },
    }


if __name__ == "__main__":
    source = Path(sys.argv[1])
    for name, contract in (
        ("graph-v1.0-extract.json", graph(source / "graph-v1.0-csdl.xml.gz")),
        ("exchange-online-cmdlets.json", exchange(source / "exchange-cmdlets.json")),
    ):
        _HERE.joinpath(name).write_text(json.dumps(contract, indent=None, separators=(",", ":")) + "\n")
        print(name, _HERE.joinpath(name).stat().st_size)
