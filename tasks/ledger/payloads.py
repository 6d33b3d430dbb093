"""What an entry of the ledger says beyond its changes: one typed payload a topic. Code reads these, not words."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mailmove.leavable import Leavable
from mailmove.plan.mover import MoverName, MoverReason


class Topic(StrEnum):
    """What an entry is about."""

    STAGE = "stage"
    APPROVAL = "approval"
    INTERRUPTION = "interruption"
    WAIT = "wait"
    DELIVERY = "delivery"
    RETURN = "return"
    PROBE_MAILBOX = "probe_mailbox"
    PROBE_ROUTE = "probe_route"
    PROBE_ANSWER = "probe_answer"
    PROBE_LANDED = "probe_landed"
    SYNC_REQUEST = "sync_request"
    SERVER_CLOCK = "server_clock"
    ITEM_COPY = "item_copy"
    MAILBOX_COPY = "mailbox_copy"
    RECONCILIATION = "reconciliation"
    CART = "cart"
    TTL_FLOOR = "ttl_floor"
    BATCH_RESTART = "batch_restart"
    LEFT_OUT = "left_out"
    LAME_SERVERS = "lame_servers"
    RECIPIENT = "recipient"
    MOVER = "mover"
    ROLLBACK = "rollback"
    STANDING = "standing"


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Approval(_Payload):
    """Who said yes to what. digest: of the preview; question: the one asking that was answered, empty: none."""

    topic: Literal[Topic.APPROVAL] = Topic.APPROVAL
    by: str
    proof: str = Field(default="", description="How `by` was proved; empty: it is what somebody typed")
    reason: str = ""
    digest: str
    question: str = ""
    automatic: bool = Field(default=False, description="Nobody was asked: the plan does not require this gate")


class Interruption(_Payload):
    """What held a stage up. drifted: the approval was for another preview. window: it must not start now. trouble: a
    person must mend it.
    """

    topic: Literal[Topic.INTERRUPTION] = Topic.INTERRUPTION
    kind: Literal["drifted", "window", "trouble"]
    why: str = Field(description="The error's message, for people")
    leaves: tuple[Leavable, ...] = Field(default=(), description="What the error named as things to do without")


class LeftOut(_Payload):
    """What a person decided to do without, so that a stage goes on; `things` of kind stage: the stage as a whole.

    question: the asking that was answered (run of the question and number of the asking).
    """

    topic: Literal[Topic.LEFT_OUT] = Topic.LEFT_OUT
    things: tuple[Leavable, ...]
    by: str
    reason: str
    question: str = ""

    @property
    def words(self) -> str:
        return f"left by decision of {self.by}: {self.reason}"


class WaitEnded(_Payload):
    """How a wait ended. skipped: a person said to go on anyway."""

    topic: Literal[Topic.WAIT] = Topic.WAIT
    skipped: bool = False
    by: str = ""
    reason: str = ""


class Delivery(_Payload):
    """Whether a message that we delivered by SMTP to the target was taken; `answer` is the server's."""

    topic: Literal[Topic.DELIVERY] = Topic.DELIVERY
    mailbox: str
    message_id: str
    taken: bool
    answer: str = ""
    holds: str = Field(default="", description="Digest of subject and date: which of several of one Message-ID")


class Return(_Payload):
    """Why a message that was to return to the source was not taken there."""

    topic: Literal[Topic.RETURN] = Topic.RETURN
    mailbox: str
    message_id: str
    answer: str
    holds: str = Field(default="", description="Digest of subject and date: which of several of one Message-ID")


class ProbeMailbox(_Payload):
    """The mailbox to which this cutover's probes go."""

    topic: Literal[Topic.PROBE_MAILBOX] = Topic.PROBE_MAILBOX
    address: str


class ProbeRoute(_Payload):
    """The mail server that a probe was sent to, written down before it is sent; or why there is no route."""

    topic: Literal[Topic.PROBE_ROUTE] = Topic.PROBE_ROUTE
    message_id: str = ""
    route: str = ""
    unknown: list[str] = Field(default=[], description="Resolvers by which no route was found, with the reason")


class ProbeAnswer(_Payload):
    """What the mail server answered to a probe."""

    topic: Literal[Topic.PROBE_ANSWER] = Topic.PROBE_ANSWER
    message_id: str
    taken: bool
    answer: str


class ProbeLanded(_Payload):
    """Where a probe was found. seconds: after it was sent."""

    topic: Literal[Topic.PROBE_LANDED] = Topic.PROBE_LANDED
    message_id: str
    side: Literal["source", "target"]
    folder: str
    seconds: float


class SyncRequest(_Payload):
    """A sync of the batch was asked for. at: by the target's clock. refused: its words, empty: it was taken."""

    topic: Literal[Topic.SYNC_REQUEST] = Topic.SYNC_REQUEST
    at: datetime | None = None
    missing: dict[str, int] = Field(default={}, description="Mailbox -> items that were missing")
    refused: str = ""
    after: datetime | None = Field(
        default=None,
        description="End of the batch's last round when the batch was at rest; a later end is of a round that began "
        "after this request. None: a round was under way",
    )


class ServerClock(_Payload):
    """When a step had taken effect, by another server's clock."""

    topic: Literal[Topic.SERVER_CLOCK] = Topic.SERVER_CLOCK
    step: str
    whose: Literal["source", "target"]
    at: datetime


class ItemCopy(_Payload):
    """Items of a mailbox that we are about to copy ourselves."""

    topic: Literal[Topic.ITEM_COPY] = Topic.ITEM_COPY
    mailbox: str
    items: int


class WentBy(_Payload):
    """Items of one kind of class that went one way."""

    way: Literal["exported", "written", "converted"] = Field(
        description="As the old server's own stream, as one that we wrote, or made by Graph from MIME or JSON"
    )
    item_class: str = Field(description="IPM.Note, or what else the class begins with; others")
    items: int


class CopiedMailbox(_Payload):
    """What our own copy of a mailbox came to."""

    mailbox: str
    copied: int
    present: int = Field(description="Items that were at the target already")
    left: int = Field(description="Items that were not copied; the facts name them")
    reduced: int = Field(default=0, description="Items that were copied without a part of them; the facts name both")
    ways: list[WentBy] = Field(default=[], description="Which way items went, in all runs of this copy")


class LeftFolder(_Payload):
    """A folder that stays at the source, or, without `folder`, a mailbox, with the reason."""

    mailbox: str
    folder: tuple[str, ...] = Field(default=(), description="Names from the root on; none of them is split again")
    reason: str
    decision: str = Field(default="", description="Who decided to leave it, and why; empty: nobody was asked yet")

    def __str__(self) -> str:
        what = f"folder '{' > '.join(self.folder)}'" if self.folder else "the mailbox"
        return f"{self.mailbox}: {what}: {self.reason}" + (f"; {self.decision}" if self.decision else "")


class MailboxCopy(_Payload):
    """What our own copy of the mailboxes came to."""

    topic: Literal[Topic.MAILBOX_COPY] = Topic.MAILBOX_COPY
    mailboxes: list[CopiedMailbox]
    not_copied: list[LeftFolder] = Field(default=[], description="Mailboxes and folders that were not copied")


class LeftItem(_Payload):
    """An item that stays at the source, with the reason."""

    mailbox: str
    kind: str
    folder: str
    subject: str
    reason: str
    decision: str = Field(default="", description="Who decided to leave it, and why; empty: the plan tolerates it")

    def __str__(self) -> str:
        decision = f"; {self.decision}" if self.decision else ""
        return f"{self.mailbox}: {self.kind} '{self.subject}' in {self.folder}: {self.reason}{decision}"


class ReconciledMailbox(_Payload):
    """What was counted in a mailbox, in words."""

    mailbox: str
    words: str


class Reconciliation(_Payload):
    """What a comparison of both sides found in the end."""

    topic: Literal[Topic.RECONCILIATION] = Topic.RECONCILIATION
    mailboxes: list[ReconciledMailbox] = []
    left: list[LeftItem] = Field(default=[], description="Missing items that the plan tolerates, or a person")
    not_read: list[LeftFolder] = Field(default=[], description="Mailboxes and folders that could not be compared")


class CartLine(_Payload):
    """One product of a cart."""

    catalog_item: str
    quantity: int
    term: str
    billing: str


class Cart(_Payload):
    """A cart at Partner Center, written down before it is checked out."""

    topic: Literal[Topic.CART] = Topic.CART
    cart: str
    lines: list[CartLine]


class TtlFloor(_Payload):
    """Seconds that a DNS provider does not go below, found out by trying."""

    topic: Literal[Topic.TTL_FLOOR] = Topic.TTL_FLOOR
    zone: str
    floor: int


class LameServer(_Payload):
    """A name server that does not serve a zone that is delegated to it. address: empty: its name leads nowhere."""

    name: str
    address: str = ""
    error: str


class LameServers(_Payload):
    """Name servers that did not serve a zone before this cutover touched it."""

    topic: Literal[Topic.LAME_SERVERS] = Topic.LAME_SERVERS
    zone: str
    servers: list[LameServer]


class BatchRestart(_Payload):
    """Mailboxes that had failed when the batch was started again."""

    topic: Literal[Topic.BATCH_RESTART] = Topic.BATCH_RESTART
    failed: list[str]


class RecipientNote(_Payload):
    """A recipient that this cutover makes. asked: about to be made, perhaps made. made: it is ours, by `id`.
    claimed: it stands after an asking of which no answer came, so that nobody knows who made it. removed: a rollback
    took it away.
    """

    topic: Literal[Topic.RECIPIENT] = Topic.RECIPIENT
    phase: Literal["asked", "made", "claimed", "removed"]
    address: str
    id: str = Field(default="", description="Object id in the directory; '': it was not shown")


class MoverDecision(_Payload):
    """Who copies the mailboxes, where the plan leaves that to Mailmove; decided once in a cutover."""

    topic: Literal[Topic.MOVER] = Topic.MOVER
    mover: MoverName
    reasons: tuple[MoverReason, ...] = ()


class Rollback(_Payload):
    """A rollback of the cutover has begun (before its first undo), or has ended. From the first `begun` on nothing of
    the cutover counts: no approval, no completed step, no result that is remembered.

    run: root run of the rollback; None: an older Mailmove wrote it, which did not say.
    """

    topic: Literal[Topic.ROLLBACK] = Topic.ROLLBACK
    phase: Literal["begun", "ended"]
    by: str = Field(default="", description="Who started it; empty: nobody said")
    run: UUID | None = None


class Standing(_Payload):
    """What a rollback could not put back, and a person decided to leave as it is: `things`, by name."""

    topic: Literal[Topic.STANDING] = Topic.STANDING
    things: tuple[str, ...]
    by: str
    reason: str
    why: str = Field(default="", description="What the last try to put it back met")


Payload = Annotated[
    Approval
    | Interruption
    | WaitEnded
    | Delivery
    | Return
    | ProbeMailbox
    | ProbeRoute
    | ProbeAnswer
    | ProbeLanded
    | SyncRequest
    | ServerClock
    | ItemCopy
    | MailboxCopy
    | Reconciliation
    | Cart
    | TtlFloor
    | BatchRestart
    | LeftOut
    | LameServers
    | RecipientNote
    | MoverDecision
    | Rollback
    | Standing,
    Field(discriminator="topic"),
]
