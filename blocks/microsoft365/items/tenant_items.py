"""Items of a tenant's mailboxes: read for comparing, stored by a copy of our own."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from functools import cached_property

from blocks.microsoft365.http import JsonClient
from blocks.microsoft365.items.item_destination import GraphDestination
from blocks.microsoft365.items.item_export import Exporter
from blocks.microsoft365.items.item_import import Importer
from blocks.microsoft365.items.mailbox_changes import GraphChanges
from blocks.microsoft365.permissions import COMPARING, IMPORT_PERMISSION, copy_findings, granted, lacking
from mailmove.errors import Refused
from mailmove.evidence import Finding
from mailmove.items.copy.interfaces import Content, Destination
from mailmove.items.copy.rate_limits import Limits
from mailmove.items.item import Item
from mailmove.items.reconcile.changes import MailboxChanges
from mailmove.ports.tenant import TenantItems


class Items(TenantItems):
    """graph_token: gives a token for Microsoft Graph, whose permissions are read."""

    def __init__(self, graph: JsonClient, graph_token: Callable[[], str], tls: ssl.SSLContext) -> None:
        self._graph, self._token, self._tls = graph, graph_token, tls

    def changes(self) -> MailboxChanges:
        return GraphChanges(self._graph)

    def destination(self, limits: Limits | None = None) -> Destination:
        """limits: other than Microsoft's, for a rehearsal."""
        importer = Importer(self._graph, self._tls)
        return GraphDestination(self._graph, imports=self._may_import, importer=importer, limits=limits)

    def exported(self, mailbox: str, items: Sequence[Item]) -> list[Content]:
        if missing := lacking(COMPARING, granted(self._token())):
            raise Refused(
                "Microsoft Graph",
                wanted=f"the content of items of {mailbox}",
                seen="no permission for it in our token",
                todo=f"Consent to {', '.join(missing)} for the app, then ask again.",
            )
        return self._exporter.contents(mailbox, items)

    def copy_findings(self) -> list[Finding]:
        return copy_findings(self._token)

    def _may_import(self) -> bool:
        permissions = granted(self._token())
        return permissions is not None and IMPORT_PERMISSION in permissions

    @cached_property
    def _exporter(self) -> Exporter:
        """Kept, for it knows the mailboxes' ids."""
        return Exporter(self._graph, Importer(self._graph, self._tls))
