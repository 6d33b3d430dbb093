"""Items, folders and answers of EWS that are not as they should be.

What is sick stays so and is answered for alike each time: the store knows it (`StoredItem.sick`,
`MailStore.sick_folders`). A fault makes the next item or folder that is asked for sick: `faults.set("ews.item_corrupt",
times=3)` gives three of them. Sources: exchangelib 194, 266, 584, 683, 707, 1200; ews-java-api 233; ews-managed-api
151, 152, 280; corso 1847, 5356; OpenArchiver 487.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lab.exchange.ews.folders import DISTINGUISHED, Folder, FolderTree
from lab.exchange.ews.session import Session
from lab.exchange.ews.xml import EwsError
from lab.faults import Faults, declare
from lab.mail_store import DELETED, MIME_BROKEN, MIME_EMPTY, MIME_MISSING, SICKNESSES, UNLISTABLE, Mailbox, StoredItem

declare(
    ews_item_corrupt="the next item whose content is asked for is corrupt from now on: ErrorItemCorrupt",
    ews_item_conversion="the same with ErrorMimeContentConversionFailed",
    ews_item_virus="the same with ErrorVirusDetected",
    ews_item_internal_error="the same with ErrorInternalServerError, which elsewhere passes",
    ews_item_unknown_code="the same with a code that nobody has heard of",
    ews_mime_empty="the content of the next item is an empty MimeContent from now on",
    ews_mime_missing="the same with no MimeContent at all",
    ews_mime_broken="the same with letters that are no base64",
    ews_item_passing="the next item is answered with ErrorInternalServerTransientError, this time only",
    ews_mime_broken_once="the next content is no base64, this time only",
    ews_item_poisons="the next item makes every request for it a SOAP fault from now on",
    ews_item_unlistable="the next item that is listed makes every page fail that it would be in, from now on",
    ews_control_characters="a fifth of the messages have U+001A in their subject, written as &#x1A;",
    ews_folder_denied="the next folder of a user's own that is read is closed from now on: ErrorAccessDenied",
    ews_folder_corrupt="the same with ErrorCorruptData",
    ews_folder_internal_error="the same with ErrorInternalServerError",
    ews_folder_vanishes="its user deletes the next folder of his own at the moment in which it is read",
    ews_fault_200="an answer is a SOAP fault without a code, with status 200",
    ews_empty_200="an answer is an envelope with an empty body, with status 200",
    ews_nothing_200="an answer is no byte at all, with status 200",
    ews_html_200="an answer is a page of HTML, with status 200",
    ews_truncated="an answer ends in the middle",
    ews_wrong_charset="an answer says UTF-8 and has a byte that is none",
    ews_no_messages="an answer has no ResponseMessages",
)
POISON = "poison"
"""Value of `StoredItem.sick`: every request for the item is a SOAP fault."""
_ITEMS = {
    "ews.item_corrupt": "ErrorItemCorrupt",
    "ews.item_conversion": "ErrorMimeContentConversionFailed",
    "ews.item_virus": "ErrorVirusDetected",
    "ews.item_internal_error": "ErrorInternalServerError",
    "ews.item_unknown_code": "ErrorOfAnotherKind",
    "ews.item_poisons": POISON,
    "ews.mime_empty": MIME_EMPTY,
    "ews.mime_missing": MIME_MISSING,
    "ews.mime_broken": MIME_BROKEN,
}
_FOLDERS = {
    "ews.folder_denied": "ErrorAccessDenied",
    "ews.folder_corrupt": "ErrorCorruptData",
    "ews.folder_internal_error": "ErrorInternalServerError",
}
_BROKEN = "QUJDR"
_HTML = b"<!DOCTYPE html><html><head><title>Outlook</title></head><body>Please sign in<br></body></html>"
_FAULT = b"<s:Fault><faultcode>s:Client</faultcode><faultstring>a recurrence cannot be read</faultstring></s:Fault>"
_CONTENT = re.compile(r"<(t:MimeContent|m:Data)([^>]*)>([^<]*)</\1>")
_SUBJECT = re.compile(r"(<t:Subject>[^<]*)(</t:Subject>)")


def refuse_item(session: Session, box: Mailbox, item: StoredItem) -> StoredItem:
    """The item as it is answered for; EwsError: with an error of its own."""
    for name, sick in _ITEMS.items():
        if not item.sick and session.faults.take(name):
            item = session.state.store.make_sick(box.address, item.id, sick)
    if item.sick == POISON:
        raise EwsError("ErrorInternalServerError", "a recurrence cannot be read", fault=True)
    if item.sick and item.sick not in SICKNESSES:
        raise EwsError(item.sick, "The server cannot give this item.")
    if session.faults.take("ews.item_passing"):
        raise EwsError("ErrorInternalServerTransientError", "An internal server error occurred. Try again later.")
    return item


def spoil_content(session: Session, item: StoredItem, answer: str) -> str:
    """An answer with the item's content, as its sickness makes it."""
    if not _CONTENT.search(answer):
        return answer
    if item.sick == MIME_MISSING:
        return _CONTENT.sub("", answer)
    if item.sick == MIME_EMPTY:
        return _CONTENT.sub(r"<\1\2></\1>", answer)
    if item.sick == MIME_BROKEN or session.faults.take("ews.mime_broken_once"):
        return _CONTENT.sub(rf"<\1\2>\g<3>{_BROKEN}</\1>", answer)
    return answer


def spoil_subject(session: Session, item: StoredItem, answer: str) -> str:
    """Only of messages with a Message-ID, which have their name on both sides whatever the subject is."""
    if item.message_id and sum(item.id.encode()) % 5 == 0 and session.faults.take("ews.control_characters"):
        return _SUBJECT.sub(r"\1&#x1A;\2", answer)
    return answer


def refuse_page(session: Session, box: Mailbox, page: Iterable[StoredItem]) -> None:
    """EwsError: one of these items cannot be listed."""
    for item in page:
        if not item.sick and session.faults.take("ews.item_unlistable"):
            item = session.state.store.make_sick(box.address, item.id, UNLISTABLE)
        if item.sick == UNLISTABLE:
            raise EwsError("ErrorInternalServerError", "An internal server error occurred. The operation failed.")


def refuse_folder(session: Session, tree: FolderTree, folder: Folder) -> None:
    """EwsError: what lies in this folder cannot be listed."""
    store, key = session.state.store, (tree.box.address, folder.path)
    if folder.path not in DISTINGUISHED.values() and tree.items.get(folder.path):
        for name, code in _FOLDERS.items():
            if key not in store.sick_folders and session.faults.take(name):
                store.sick_folders[key] = code
        if session.faults.take("ews.folder_vanishes"):
            _delete_folder(session, tree, folder)
            raise EwsError("ErrorFolderNotFound", "The specified folder could not be found in the store.")
    if code := store.sick_folders.get(key, ""):
        raise EwsError(code, "The server cannot list this folder.")


def _delete_folder(session: Session, tree: FolderTree, folder: Folder) -> None:
    """As a user does: it is below Deleted Items afterwards, with everything in it."""
    for path in (folder.path, *(below.path for below in tree.below(folder.path))):
        for item in tree.items.get(path, []):
            name = path[len(folder.path) - len(folder.name) :]
            session.state.store.move(tree.box.address, item.id, f"{DELETED}/{name}")


def spoil_answer(faults: Faults, answer: bytes) -> tuple[bytes, str]:
    """(body, content type) of a whole answer of status 200."""
    kind = "text/xml; charset=utf-8"
    if faults.take("ews.html_200"):
        return _HTML, "text/html"
    if faults.take("ews.nothing_200"):
        return b"", kind
    if faults.take("ews.empty_200"):
        return _replace_body(answer, b""), kind
    if faults.take("ews.fault_200"):
        return _replace_body(answer, _FAULT), kind
    if faults.take("ews.no_messages"):
        return re.sub(rb"<m:ResponseMessages>.*</m:ResponseMessages>", b"", answer, flags=re.DOTALL), kind
    if faults.take("ews.truncated"):
        return answer[: len(answer) // 2], kind
    if faults.take("ews.wrong_charset"):
        return answer.replace(b"<s:Body>", b"<!--\xe4--><s:Body>"), kind
    return answer, kind


def _replace_body(answer: bytes, inner: bytes) -> bytes:
    return answer[: answer.index(b"<s:Body>") + 8] + inner + b"</s:Body></s:Envelope>"
