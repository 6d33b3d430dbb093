"""The questions, as data: what is asked, which row of docs/unverified.md its answer settles, and how it is read.

Each only reads. A row is named by how its first column begins. `{mailbox}` and `{domain}` stand for the first mailbox
and the initial domain that an earlier answer showed; without one the question is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from blocks.microsoft365.tenant_check import judges
from blocks.microsoft365.tenant_check.judges import Judge


@dataclass(frozen=True)
class Question:
    """One of cmdlet, path (of Graph), module and batch is asked. rows: row -> how the answer is read."""

    name: str
    rows: dict[str, Judge]
    cmdlet: str = ""
    given: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    module: bool = False
    batch: bool = False


IDENTITY = judges.shape_of("Identity", "BatchId", "User", "Trustee")
QUESTIONS = (
    Question(
        "module-file",
        {
            "`EXOModuleFile` lists the cmdlets of a role": judges.cmdlets,
            "How `PSCredential` travels over `InvokeCommand`": judges.credential,
            "Which public key the service wants for passwords": judges.key,
            "The regional hosts of the admin endpoint": judges.host,
        },
        module=True,
    ),
    Question(
        "endpoints",
        {"That migration cmdlets run app-only over REST": judges.works, "Which name of an identity": IDENTITY},
        cmdlet="Get-MigrationEndpoint",
    ),
    Question(
        "batches",
        {
            "Enum values as plain words": judges.shape_of("Status", "MigrationType"),
            "Which name of an identity": IDENTITY,
            "In which form dates come": judges.dates,
        },
        cmdlet="Get-MigrationBatch",
    ),
    Question(
        "users",
        {
            "Enum values as plain words": judges.shape_of("Status", "StatusSummary", "RecipientType"),
            "Which name of an identity": IDENTITY,
            "In which form dates come": judges.dates,
        },
        cmdlet="Get-MigrationUser",
        given={"ResultSize": 5},
    ),
    Question(
        "absent-batch",
        {"Exception class when an object is absent": judges.error_form},
        cmdlet="Get-MigrationBatch",
        given={"Identity": "mailmove-no-such-batch"},
    ),
    Question(
        "unknown-parameter",
        {"Which classes of errors are passing": judges.error_form},
        cmdlet="Get-MigrationEndpoint",
        given={"NoSuchParameter": "x"},
    ),
    Question(
        "mailboxes",
        {"Which name of an identity": IDENTITY, "In which form dates come": judges.dates},
        cmdlet="Get-Mailbox",
        given={"ResultSize": 3},
    ),
    Question(
        "mailbox-permissions",
        {
            "How the admin endpoint shows `Deny`": judges.shape_of("Deny", "IsInherited", "AccessControlType"),
            "By which name `GrantSendOnBehalfTo`": judges.shape_of("User"),
        },
        cmdlet="Get-MailboxPermission",
        given={"Identity": "{mailbox}"},
    ),
    Question(
        "recipient-permissions",
        {"By which name `GrantSendOnBehalfTo`": judges.shape_of("Trustee")},
        cmdlet="Get-RecipientPermission",
        given={"Identity": "{mailbox}"},
    ),
    Question(
        "signing",
        {"Names of DKIM selectors": judges.shape_of("Selector1CNAME", "Selector2CNAME")},
        cmdlet="Get-DkimSigningConfig",
    ),
    Question(
        "traces-by-cmdlet",
        {"`Get-MessageTraceV2` runs over REST": judges.works, "In which form dates come": judges.dates},
        cmdlet="Get-MessageTraceV2",
        given={"ResultSize": 5},
    ),
    Question("batch", {"`$batch` of the admin endpoint takes full addresses": judges.batch}, batch=True),
    Question("domains", {}, path="domains"),
    Question(
        "domain-records",
        {"`label` of domain DNS records is the whole name": judges.labels},
        path="domains/{domain}/serviceConfigurationRecords",
    ),
)
