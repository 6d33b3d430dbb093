"""ResponseCodes of EWS, and whom each is about.

Source: learn.microsoft.com/exchange/client-developer/web-service-reference/responsecode; some 380 codes, of which those
are named here about which something is done. A code that is not named is of the item that it was given for, where it
was given for an item, and else of the request.
"""

from __future__ import annotations

from mailmove.errors import Blocked, MailmoveError, Refused, Throttled, Transient

BUSY = {"ErrorServerBusy", "ErrorExceededConnectionCount", "ErrorTooManyObjectsOpened"}
"""Ask again after a while; for everybody."""
RIGHTS = {"ErrorAccessDenied", "ErrorImpersonationDenied", "ErrorImpersonateUserDenied"}
"""The account lacks a right."""
PASSING = {
    "ErrorADOperation",
    "ErrorADUnavailable",
    "ErrorBatchProcessingStopped",  # a warning: not processed, because of an item before it
    "ErrorConnectionFailed",
    "ErrorInsufficientResources",
    "ErrorInternalServerError",
    "ErrorInternalServerTransientError",
    "ErrorMailboxFailover",
    "ErrorMailboxMoveInProgress",
    "ErrorMailboxStoreUnavailable",
    "ErrorTimeoutExpired",
}
"""It may work if asked again. Given for one item each time, it is that item's (corso 5356)."""
GONE = {"ErrorItemNotFound", "ErrorFolderNotFound", "ErrorSyncFolderNotFound", "ErrorParentFolderNotFound"}
"""What was asked for was deleted meanwhile (corso 1847)."""
OF_ITEM = {
    "ErrorAttachmentSizeLimitExceeded",
    "ErrorCalendarDurationIsTooLong",
    "ErrorCalendarEndDateIsEarlierThanStartDate",
    "ErrorCalendarInvalidRecurrence",
    "ErrorCalendarInvalidTimeZone",
    "ErrorCalendarOutOfRange",
    "ErrorContentConversionFailed",
    "ErrorCorruptData",
    "ErrorExportDataNotFound",
    "ErrorInvalidExchangeItemId",
    "ErrorInvalidIdMalformed",
    "ErrorInvalidItemForOperation",
    "ErrorInvalidItemForOperationExportItems",
    "ErrorInvalidPropertyRequest",
    "ErrorItemCorrupt",
    "ErrorItemPropertyRequestFailed",
    "ErrorMessageSizeExceeded",
    "ErrorMimeContentConversionFailed",
    "ErrorMimeContentInvalid",
    "ErrorMimeContentInvalidBase64String",
    "ErrorPropertyRequestFailed",
    "ErrorRecurrenceHasNoOccurrence",
    "ErrorUnsupportedMimeConversion",
    "ErrorUnsupportedTypeForConversion",
    "ErrorVirusDetected",
    "ErrorVirusMessageDeleted",
}
"""The item's for good: asking again gives the same."""
STATE_LOST = "ErrorInvalidSyncStateData"
NO_MAILBOX = "ErrorNonExistentMailbox"


def error_of(who: str, wanted: str, code: str, text: str, wait: float = 5.0) -> MailmoveError:
    """A response code of EWS, named by what to do next. text: the server's words. wait: seconds, where it is busy."""
    words = ": ".join(part for part in (code, text.strip()[:300]) if part) or "an error without a code and a word"
    if code in BUSY:
        return Throttled(who, wanted=wanted, seen=words, todo="Ask again later.", retry_after=wait, code=code)
    if code in PASSING:
        return Transient(who, wanted=wanted, seen=words, todo="Ask again.", code=code)
    if code in RIGHTS:
        todo = "Give the account Full Access to the mailbox (Add-MailboxPermission) or Receive As on its database."
        return Refused(who, wanted=wanted, seen=words, todo=todo, code=code)
    todo = "Check the address of the mailbox, and the server's event log."
    if code == NO_MAILBOX:
        todo = "Check the address; public folders are no mailboxes."
    return Blocked(who, wanted=wanted, seen=words, todo=todo, code=code or None)
