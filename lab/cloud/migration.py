"""The migration service: a thread that provisions mailboxes and copies items from the old server, batch by batch.

Keeps to what is known of a cutover batch (facts/microsoft.md, section 2): every mailbox that shows in the address
list becomes an ordinary user mailbox; a first sync, then incremental ones every cycle until the batch is removed; each
item is copied once. `directory` stands for NSPI, the address book of Outlook Anywhere: EWS cannot list it.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.parser import BytesHeaderParser
from email.policy import default
from types import TracebackType
from typing import Self

from lab.cloud.address_book import MAILBOX, add_rows, provision
from lab.cloud.ews_source import EwsSource, Read
from lab.cloud.rpc_probe import Reach, Unreachable
from lab.cloud.tenant import Batch, MovedUser, Tenant
from lab.directory import Directory
from lab.faults import Faults, declare
from lab.mail_store import Mailbox

declare(
    migration_frozen="the migration service does nothing",
    migration_corrupt_item="the migration service takes an item for corrupt and leaves it out, this time",
    migration_user_stopped="the migration service says of a mailbox, when it has been through it, that it is stopped",
    migration_user_corrupted="the migration service cannot read its record of a mailbox any more: Corrupted",
    migration_user_poisoned="a mailbox stays Queued, and says that its job is poisoned",
    migration_user_unheard="a mailbox is in a state that no page of Microsoft's names",
    migration_batch_corrupted="the migration service cannot read its record of the batch any more: Corrupted",
    migration_sync_now_ignored="Set-MigrationBatch -SyncNow is accepted and does nothing",
    # OfficeDocs-Exchange, "Migration users status report": "The last time that any new items ... were copied".
    hostile_quiet_sync_time="LastSuccessfulSyncTime moves only when a sync has copied something new",
)

_AT_ONCE = 4  # mailboxes
_CHUNK = 50  # items in one request
_DONE = ("Synced", "SyncedwithErrors", "Failed")
_UNHEARD = "AwaitingReview"
_AT_REST = ("Failed", "Stopped", "Corrupted", _UNHEARD)
_STRUCK = {"stopped": "Stopped", "corrupted": "Corrupted", "poisoned": "Queued", "unheard": _UNHEARD}
"""What `migration.user_...` makes of a mailbox."""


class MigrationService:
    """`with MigrationService(...):` runs it. cycle_seconds: between incremental syncs (24 hours in life)."""

    def __init__(
        self,
        tenant: Tenant,
        reach: Reach,
        directory: Callable[[], list[Mailbox]],
        faults: Faults,
        cycle_seconds: float,
        address_book: Callable[[], Directory] = Directory,
    ) -> None:
        self.tenant, self.reach, self.directory, self.faults = tenant, reach, directory, faults
        self.address_book = address_book
        self.cycle = timedelta(seconds=cycle_seconds)
        # Source item ids by address; outlives a batch, as the store's own memory of what was merged does.
        self._copied: dict[str, set[str]] = defaultdict(set)
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="migration service")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._wake.set()
        self._thread.join()

    def wake(self) -> None:
        """Start the next cycle now."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            for name, batch in list(self.tenant.batches.items()):
                if not self.faults.take("migration.frozen"):
                    self._step(name, batch)
            self._wake.wait(0.2)
            self._wake.clear()

    def _step(self, name: str, batch: Batch) -> None:
        """Do what the batch's status asks for."""
        with self.tenant.lock:
            status = batch.status
            if status == "Removing":
                self.tenant.batches.pop(name, None)
            elif status == "Stopping":
                batch.status = "Stopped"
                for user in batch.users.values():
                    user.status = user.status if user.status in ("Synced", "Failed") else "Stopped"
            elif status == "Starting":
                self._discover(batch)
        if batch.status == "Syncing" or (batch.status in _DONE and self._due(batch)):
            self._sync(batch)
        if batch.status in ("Syncing", "IncrementalSyncing", *_DONE):
            provision(self.tenant, batch, self.address_book(), self.faults)

    def _due(self, batch: Batch) -> bool:
        return batch.sync_now or batch.last_synced is None or datetime.now(UTC) - batch.last_synced >= self.cycle

    def _discover(self, batch: Batch) -> None:
        """Read the address list. Hidden mailboxes and public folders do not come along; failed users try again."""
        for box in self.directory():
            if not box.hidden and box.kind != "public_folder":
                user = batch.users.setdefault(box.address, MovedUser(box.address))
                if user.poisoned or user.status in ("Failed", "Stopped", "IncrementalFailed"):
                    user.status, user.error, user.kind, user.poisoned = "Queued", "", "", False
        if self.faults.take("hostile.batch_rows"):
            add_rows(batch, self.address_book())
        batch.status = "Syncing"

    def _sync(self, batch: Batch) -> None:
        first = batch.status == "Syncing"
        with self.tenant.lock:
            batch.sync_now = False
            if not first:
                batch.status = "IncrementalSyncing"
        mailboxes = [user for user in batch.users.values() if user.recipient == MAILBOX]
        going = [user for user in mailboxes if user.status not in _AT_REST and not user.poisoned]
        boxes = {box.address: box for box in self.directory()}
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="mover") as workers:
            list(workers.map(lambda user: self._move(batch, user, boxes.get(user.address)), going))
        with self.tenant.lock:
            batch.last_synced = datetime.now(UTC)
            if batch.status in ("Syncing", "IncrementalSyncing"):  # nobody stopped or removed it meanwhile
                # What the status makes of groups that wait for members, no source says.
                failed = [user for user in mailboxes if user.status in ("Failed", "IncrementalFailed")]
                rest = [user for user in mailboxes if user.status in _AT_REST or user.poisoned]
                everyone = failed and len(failed) == len(mailboxes)
                batch.status = "Failed" if everyone else "SyncedwithErrors" if failed or rest else "Synced"
                if self.faults.take("migration.batch_corrupted"):
                    batch.status = "Corrupted"

    def _going(self, batch: Batch) -> bool:
        return not self._stop.is_set() and batch.status in ("Syncing", "IncrementalSyncing")

    def _move(self, batch: Batch, user: MovedUser, box: Mailbox | None) -> None:
        """One mailbox, once through. What goes wrong is written down with the user."""
        if not self._going(batch):
            return
        before, copied_before = user.last_synced, len(user.copied)
        try:
            if not user.provisioned:
                user.status = "Provisioning"
                self._provision(batch, user, box)
            user.status = "IncrementalSyncing" if before else "Syncing"
            with EwsSource(self.reach, self.tenant.endpoints[batch.endpoint.lower()]) as source:
                whole = self._copy(batch, user, source)
        except Unreachable as error:
            user.status = "IncrementalFailed" if before else "Failed"
            user.kind, user.error = "MigrationTransientException", str(error)
        except Collision as error:
            user.status, user.kind, user.error = "Failed", "MigrationProvisioningPermanentException", str(error)
        else:
            if whole:
                user.status, user.error, user.last_synced = "Synced", "", datetime.now(UTC)
                user.last_copied = user.last_synced if len(user.copied) > copied_before else user.last_copied
            for name, status in _STRUCK.items():
                if self.faults.take(f"migration.user_{name}"):
                    user.status, user.last_synced = status, before
                    user.poisoned = name == "poisoned"
                    user.error = "Job is poisoned, poison count = 6" if user.poisoned else ""

    def _provision(self, batch: Batch, user: MovedUser, box: Mailbox | None) -> None:
        """The user and its mailbox, always a Regular one: shared mailboxes must be converted afterwards."""
        with self.tenant.lock:
            domain = self.tenant.domains.get(user.address.rpartition("@")[2])
            if domain is None or not domain.verified:
                raise Collision(f"The proxy address '{user.address}' isn't in an accepted domain of the organization.")
            present = self.tenant.user(user.address)
            if present is not None and not present.made_by:
                raise Collision(f"A different type of Active Directory object already exists for {user.address}.")
            if self.tenant.other(user.address):
                raise Collision(f"A different type of Active Directory object already exists for {user.address}.")
            if present is None:
                name, aliases = (box.display_name, box.aliases) if box else (user.address, ())
                present = self.tenant.add_user(user.address, name, batch.name)
                self.tenant.store.add_mailbox(Mailbox(user.address, name, aliases=aliases))
            present.has_mailbox = user.provisioned = True

    def _copy(self, batch: Batch, user: MovedUser, source: EwsSource) -> bool:
        """Copy what has not been copied. False: interrupted."""
        user.copied = copied = self._copied[user.address]
        refused: list[dict[str, str]] = []
        for folder, path in source.folders(user.address).items():
            fresh: dict[str, list[str]] = defaultdict(list)
            for identity, kind in source.item_ids(folder):
                if identity not in copied:
                    fresh[kind].append(identity)
            for kind, ids in fresh.items():
                for start in range(0, len(ids), _CHUNK):
                    if not self._going(batch):
                        return False
                    refused += self._put(user, path, kind, source.items(ids[start : start + _CHUNK], kind))
        user.skipped = refused
        return True

    def _put(self, user: MovedUser, path: str, kind: str, items: Iterable[Read]) -> list[dict[str, str]]:
        """File items; what the source refused to give, or is taken for corrupt, comes back as a SkippedItem."""
        refused: list[dict[str, str]] = []
        for item in items:
            if item.mime is None:
                refused.append({"Kind": "MissingItem", "Subject": item.why, "FolderName": path})
                continue
            if self.faults.take("migration.corrupt_item"):
                head = BytesHeaderParser(policy=default).parsebytes(item.mime)
                named = {"Subject": str(head.get("Subject", "")), "Sender": str(head.get("From", ""))}
                refused.append({"Kind": "CorruptItem", "FolderName": path, **named})
                continue
            self.tenant.store.put(user.address, item.mime, folder=path, kind=kind, received=item.received)
            user.copied.add(item.id)
        return refused


class Collision(Exception):
    """The mailbox cannot be provisioned; trying again changes nothing."""
