"""Mailboxes of the old server through Exchange Web Services, read by delegate access (exchangelib)."""

from __future__ import annotations

import functools
import logging
import operator
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import exchangelib
from exchangelib import errors as ews_errors
from exchangelib.fields import FieldOrder, FieldPath
from exchangelib.folders import Inbox
from exchangelib.items import (
    ALL_OCCURRENCES,
    HARD_DELETE,
    ID_ONLY,
    SEND_TO_NONE,
    CalendarItem,
    Contact,
    Message,
)
from exchangelib.protocol import FaultTolerance, Protocol
from exchangelib.restriction import Q, Restriction
from exchangelib.services import DeleteItem, FindItem, GetItem
from exchangelib.version import Version
from pydantic import SecretStr
from requests import Session

from blocks.exchange.ews.soap import PAGE
from blocks.tls_roots import ContextAdapter, cause_of, tls_context
from mailmove.errors import Blocked, MailmoveError, Refused, SignInRefused, Throttled, Transient
from mailmove.items.folder_path import FolderPath
from mailmove.items.item import Item
from mailmove.items.keys import contact_key, event_key, other_key

# At DEBUG it writes every request's headers, and with Basic the password is one of them.
logging.getLogger("exchangelib.util").setLevel(logging.INFO)

FOLDERS = 50  # in a question
_KINDS = {"IPM.Appointment": "event", "IPM.Contact": "contact", "IPM.Task": "task"}
_FIELDS = {
    Message: ("parent_folder_id", "item_class", "subject", "datetime_received", "datetime_sent", "size", "message_id"),
    CalendarItem: ("uid", "start"),
    Contact: ("display_name",),
}
_BUSY = (
    ews_errors.ErrorServerBusy,
    ews_errors.RateLimitError,
    ews_errors.ErrorExceededConnectionCount,
    ews_errors.ErrorTooManyObjectsOpened,
)
_PASSING = (
    ews_errors.ErrorTimeoutExpired,
    ews_errors.ErrorInternalServerTransientError,
    ews_errors.ErrorMailboxStoreUnavailable,
    ews_errors.ErrorMailboxMoveInProgress,
    ews_errors.ErrorConnectionFailed,
)
_RIGHTS = (ews_errors.ErrorAccessDenied, ews_errors.ErrorImpersonationDenied, ews_errors.ErrorImpersonateUserDenied)


class EwsClient:
    """One conversation with EWS; use it in a `with`. It shares no connection, cache or setting with any other.

    url: `https://mail.contoso.com/EWS/Exchange.asmx`. extra_ca: PEM of a root to trust besides the system's.
    patience: seconds to spend in all on the server's wishes to wait before Throttled is raised.
    version: what the server answered for its version before; None: ask it (one to eight requests). page: items in an
    answer. folders_at_once: folders in a question.
    """

    def __init__(
        self,
        url: str,
        username: str,
        password: SecretStr,
        authentication: Literal["basic", "ntlm"],
        extra_ca: str | None = None,
        *,
        patience: float = 120,
        version: Version | None = None,
        page: int = PAGE,
        folders_at_once: int = FOLDERS,
    ) -> None:
        self._page, self._folders_at_once = page, folders_at_once
        self._who = f"Exchange Web Services of {urlsplit(url).hostname}"
        self._config = exchangelib.Configuration(
            service_endpoint=url,
            credentials=exchangelib.Credentials(username, password.get_secret_value()),
            auth_type={"basic": exchangelib.BASIC, "ntlm": exchangelib.NTLM}[authentication],
            retry_policy=_Patience(patience),
            version=version,
        )
        # Not by calling the class: that would hand out, and keep, a protocol shared by the whole process.
        self._protocol = type.__call__(_PrivateProtocol, config=self._config)
        self._protocol.context = tls_context(extra_ca)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._protocol.close()

    @property
    def version(self) -> Version | None:
        """The server's version, once it was asked."""
        return self._config.version

    def open(self, mailbox: str) -> None:
        """Open the Inbox of a mailbox, or raise what stands in the way."""
        with self._spoken(f"to open the mailbox {mailbox}"):
            account = self._account(mailbox)
            Inbox.get_distinguished(root=account.root)

    def larger_than(self, mailbox: str, size: int) -> Iterator[Item]:
        """The items of more than `size` bytes (PR_MESSAGE_SIZE, attachments and all); the server does the searching."""
        with self._spoken(f"the large items of {mailbox}"):
            account = self._account(mailbox)
            yield from self._search(account, Q(size__gt=size))

    def find(self, mailbox: str, message_ids: Sequence[str]) -> Iterator[Item]:
        """Every copy of the messages with these Message-IDs; the server does the searching."""
        with self._spoken(f"messages of {mailbox} by Message-ID"):
            account = self._account(mailbox)
            yield from self._search(
                account, functools.reduce(operator.or_, (Q(message_id=message_id) for message_id in message_ids))
            )

    def remove(self, mailbox: str, item_id: str) -> None:
        """Hard-delete one item; one that is gone already is no error."""
        with self._spoken(f"an item of {mailbox} to be deleted"):
            service = DeleteItem(account=self._account(mailbox))
            for result in service.call(
                items=[(item_id, None)],
                delete_type=HARD_DELETE,
                send_meeting_cancellations=SEND_TO_NONE,
                affected_task_occurrences=ALL_OCCURRENCES,
                suppress_read_receipts=True,
            ):
                if isinstance(result, Exception) and not isinstance(result, ews_errors.ErrorItemNotFound):
                    raise result

    def content(self, mailbox: str, item_id: str) -> bytes:
        """An item as RFC 5322 bytes. Blocked: it is gone, or has no MIME content."""
        with self._spoken(f"the content of an item of {mailbox}"):
            service = GetItem(account=self._account(mailbox))
            fields = [FieldPath(field=Message.get_field_by_fieldname("mime_content"))]
            [item] = service.call(items=[(item_id, None)], additional_fields=fields, shape=ID_ONLY)
            if isinstance(item, Exception):
                raise item
            return _rfc5322(item.mime_content or b"")

    def _account(self, mailbox: str) -> Any:
        account = exchangelib.Account(
            mailbox, config=self._config, access_type=exchangelib.DELEGATE, default_timezone=exchangelib.UTC
        )
        with suppress(KeyError):  # the shared protocol that Account made; nothing was sent over it
            del Protocol[self._config]
        account.protocol = self._protocol
        return account

    def _search(self, account: Any, condition: Q) -> Iterator[Item]:
        """The items that fulfil a condition, in all folders below the top of the information store."""
        folders = list(_walk(account.msg_folder_root, ()))
        for start in range(0, len(folders), self._folders_at_once):
            paths = {folder.id: path for path, folder in folders[start : start + self._folders_at_once]}
            group = [folder for _, folder in folders[start : start + self._folders_at_once]]
            limit = Restriction(condition, folders=group, applies_to=Restriction.ITEMS)
            for item in self._in_folders(account, group, limit):
                yield _item_of(item, paths[item.parent_folder_id.id])

    def _in_folders(self, account: Any, folders: list[Any], restriction: Any) -> Iterator[Any]:
        # Not by a QuerySet: it asks a mail folder for the properties of mail alone, but people keep events in there.
        fields = [(kind, name) for kind, names in _FIELDS.items() for name in names]
        paths = [FieldPath(field=kind.get_field_by_fieldname(name)) for kind, name in fields]
        paths.append(FieldPath(field=Contact.get_field_by_fieldname("email_addresses"), label="EmailAddress1"))
        # Oldest first, so that mail arriving meanwhile joins at the end and shifts no page.
        order = [FieldOrder(FieldPath(field=Message.get_field_by_fieldname("datetime_received")))]
        results = FindItem(account=account, page_size=self._page).call(
            folders=folders,
            additional_fields=paths,
            restriction=restriction,
            order_fields=order,
            shape=ID_ONLY,
            query_string=None,
            depth="Shallow",
            calendar_view=None,
            max_items=None,
            offset=0,
        )
        for item in results:
            if isinstance(item, Exception):
                raise item
            yield item

    @contextmanager
    def _spoken(self, wanted: str) -> Iterator[None]:
        """No exception of exchangelib passes; the chain is cut because it would carry the request."""
        try:
            yield
        except MailmoveError:
            raise
        except (ews_errors.EWSError, ValueError, KeyError, OSError) as error:
            raise _translation(self._who, wanted, error) from None


class _PrivateProtocol(Protocol):  # type: ignore[misc]  # exchangelib publishes no types
    """A protocol of its own: no cache, no proxy or CA from the environment, and the TLS roots it is given."""

    RETRY_WAIT = 2
    context: ssl.SSLContext

    def raw_session(self, prefix: str, *_: Any, **__: Any) -> Session:
        session = Session()
        session.trust_env = False
        session.headers.update({"User-Agent": "Mailmove", "Accept-Encoding": "gzip, deflate"})
        session.mount(prefix, ContextAdapter(self.context))
        session.hooks["response"].append(_in_large_pieces)
        return session


def _in_large_pieces(response: Any, *_: Any, **__: Any) -> None:
    """exchangelib parses `iter_content()`, which gives single bytes unless told: half of the time of a large answer."""
    given = response.iter_content
    response.iter_content = lambda chunk_size=65536, decode_unicode=False: given(chunk_size, decode_unicode)


class _Patience(FaultTolerance):  # type: ignore[misc]
    """Waits as the server asks, `seconds` in all; a refused sign-in is not tried again, or the account locks."""

    def __init__(self, seconds: float) -> None:
        super().__init__(max_wait=seconds)
        self._left = seconds

    def back_off(self, seconds: float | None) -> None:
        wait = self.DEFAULT_BACKOFF if seconds is None else seconds
        if wait > self._left:
            raise ews_errors.RateLimitError("the server is busy", wait=wait)
        self._left -= wait
        super().back_off(wait)

    def raise_response_errors(self, response: Any) -> None:
        if response.status_code == 401:
            raise ews_errors.UnauthorizedError("HTTP 401")
        super().raise_response_errors(response)


def _walk(folder: Any, path: FolderPath) -> Iterator[tuple[FolderPath, Any]]:
    """Every folder below, with its path."""
    for child in sorted(folder.children, key=lambda below: below.name or ""):
        below = (*path, str(child.name))
        yield below, child
        yield from _walk(child, below)


def _item_of(item: Any, path: FolderPath) -> Item:
    item_class = str(getattr(item, "item_class", None) or "IPM.Note")
    base = ".".join(item_class.split(".")[:2])
    is_message = getattr(item, "message_id", None) or base in ("IPM.Note", "IPM.Schedule", "REPORT.IPM")
    kind = _KINDS.get(base) or ("message" if is_message else "other")
    subject = str(getattr(item, "subject", None) or "")
    received, sent = (_plain(getattr(item, f"datetime_{name}", None)) for name in ("received", "sent"))
    if kind == "event":
        key = event_key(str(getattr(item, "uid", None) or subject), _plain(getattr(item, "start", None)))
    elif kind == "contact":
        emails = getattr(item, "email_addresses", None) or []
        key = contact_key(str(getattr(item, "display_name", None) or subject), emails[0].email if emails else "")
    else:
        key = other_key(kind, subject, sent or received)
    return Item(
        id=item.id,
        folder=path,
        kind=kind,
        message_id=(getattr(item, "message_id", None) or None) if kind == "message" else None,
        key=key,
        subject=subject,
        received=received,
        sent=sent,
        size=getattr(item, "size", None),
    )


def _plain(moment: Any) -> datetime | None:
    """exchangelib's own date type as the standard one, in UTC."""
    return datetime.fromtimestamp(moment.timestamp(), UTC) if isinstance(moment, datetime) else None


def _rfc5322(content: bytes) -> bytes:
    """Exchange gives events as bare iCalendar and contacts as bare vCard; a message is needed around them."""
    for begins, kind in ((b"BEGIN:VCALENDAR", "text/calendar"), (b"BEGIN:VCARD", "text/vcard")):
        if content.lstrip().startswith(begins):
            head = f"MIME-Version: 1.0\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
            return head.encode() + b"\r\n" + content.lstrip()
    return content


def _translation(who: str, wanted: str, error: BaseException) -> MailmoveError:
    # While it learns the version, exchangelib wraps whatever it meets in a bare TransportError.
    while type(error) is ews_errors.TransportError and isinstance(error.__context__, ews_errors.EWSError):
        error = error.__context__
    words = f"{type(error).__name__}: {str(error)[:300]}"
    # exchangelib names the class as the ResponseCode.
    code = type(error).__name__ if isinstance(error, ews_errors.ResponseMessageError) else None
    if isinstance(error, ews_errors.UnauthorizedError):
        todo = "Check name and password, and that this kind of sign-in is switched on for EWS."
        return SignInRefused(who, wanted=wanted, seen="the sign-in is not accepted (HTTP 401)", todo=todo)
    if isinstance(error, _RIGHTS):
        todo = "Give the account Full Access to the mailbox (Add-MailboxPermission) or Receive As on its database."
        return Refused(who, wanted=wanted, seen=words, todo=todo, code=code)
    if isinstance(error, _BUSY):
        wait = float(getattr(error, "back_off", None) or getattr(error, "wait", None) or 60)
        return Throttled(who, wanted=wanted, seen=words, todo="Ask again later.", retry_after=wait, code=code)
    if isinstance(error, (*_PASSING, OSError)):
        todo = "Is the server up, and port 443 open? Ask again."
        return Transient(who, wanted=wanted, seen=words, todo=todo, code=code)
    todo = "Check that the address is the server's EWS, and its event log."
    if isinstance(error, ews_errors.ErrorNonExistentMailbox):
        todo = "Check the address; public folders are no mailboxes."
    elif cause_of(error, ssl.SSLError) is not None:
        todo = "Put a valid certificate on the server, or give its root in `extra_ca`."
    return Blocked(who, wanted=wanted, seen=words, todo=todo, code=code)
