"""What went wrong in remote PowerShell, as errors of Mailmove.

The code of a cmdlet's error is the class of the exception (`CategoryInfo.Reason` of its error record), the same in
every language of Windows; of a WSManFault its number.
"""

from __future__ import annotations

import re
import ssl
from typing import Any
from xml.etree import ElementTree as ET

import requests
from pypsrp.exceptions import AuthenticationError, WinRMError, WinRMTransportError, WSManFaultError
from spnego.exceptions import SpnegoError

from blocks.tls_roots import cause_of, is_untrusted
from mailmove.errors import Blocked, MailmoveError, Refused, SignInRefused, Throttled, Transient

_ACCESS_DENIED = 5  # WSManFault codes are Win32 errors or of the WinRM family (winerror.h, wsmerror.h)
_SHELL_GONE = 2150858843  # 0x8033805B
_QUOTAS = {0x8033803F, *range(0x803381A5, 0x803381A9), 0x803381AB, *range(0x803381E4, 0x803381EB)}
"""ERROR_WSMAN_QUOTA_* (wsmerror.h): shells, operations, users, commands."""
_BUSY = re.compile(r"exceeded|too many|quota|throttl", re.IGNORECASE)
_REFUSED = re.compile(r"UnauthorizedAccess|AccessDenied|SecurityException")
_REFUSALS = {18, 25}  # ErrorCategory PermissionDenied, SecurityError (System.Management.Automation)
_TRANSIENT = re.compile(r"Transient|Timeout|ServerBusy|Unavailable")


def of_records(who: str, cmdlet: str, errors: list[Any]) -> MailmoveError:
    """An error for what a cmdlet wrote into its error stream."""
    words = "; ".join(dict.fromkeys(str(error) for error in errors))
    codes = [code for error in errors for code in _codes(error)]
    code = codes[0] if codes else None
    categories = {getattr(error, "category", None) for error in errors}
    if any(_REFUSED.search(name) for name in codes) or categories & _REFUSALS or _access_denied(words):
        todo = "Give the account the rights of an Exchange organization administrator."
        return Refused(who, wanted=cmdlet, seen=words, todo=todo, code=code)
    if any(_TRANSIENT.search(name) for name in codes):
        return Transient(who, wanted=cmdlet, seen=words, todo="Ask again.", code=code)
    if any("CommandNotFound" in name for name in codes):
        todo = "This version of Exchange, or the account's role, has no such cmdlet."
        return Blocked(who, wanted=cmdlet, seen=words, todo=todo, code=code)
    return Blocked(who, wanted=cmdlet, seen=words, todo="Put right what it names, then run again.", code=code)


def _codes(error: Any) -> list[str]:
    """Class of an error record's exception, and its FullyQualifiedErrorId (about_Throw, System.Management.Automation
    ErrorRecord)."""
    names = (getattr(error, "reason", None), getattr(error, "fq_error", None))
    return [str(name) for name in names if name]


def _access_denied(words: str) -> bool:
    """Exchange 2007 throws general classes with the text of Win32's error 5 (winerror.h ERROR_ACCESS_DENIED)."""
    return "access is denied" in words.lower()


def of_exception(who: str, error: Exception, wanted: str, *, status: int, signs_in: str) -> MailmoveError:
    """For an exception of pypsrp, requests or pyspnego.

    status: of the last HTTP answer; 0: there was none. signs_in: who signs in, and how, in words.
    """
    if isinstance(error, (AuthenticationError, SpnegoError)):
        words = f"the server does not accept {signs_in}"
        todo = "Check name and password, and that this kind of sign-in is switched on for the address."
        return SignInRefused(who, wanted=wanted, seen=words, todo=todo)
    if isinstance(error, requests.exceptions.SSLError):
        return _tls(who, error, wanted)
    if isinstance(error, ValueError) and isinstance(error, requests.RequestException):  # InvalidURL and its kin
        return Blocked(who, wanted=wanted, seen=_short(error), todo="Write the address as https://host[:port]/path.")
    if isinstance(error, requests.RequestException):
        todo = "Is the server up, and the port open? Ask again."
        return Transient(who, wanted=wanted, seen=_short(error), todo=todo)
    if isinstance(error, WSManFaultError) and error.code is not None:
        return _fault(who, error, wanted)
    if isinstance(error, (WinRMTransportError, WSManFaultError)):
        return _http(who, status, wanted)
    if isinstance(error, ET.ParseError):
        todo = "Check the address: something else than remote PowerShell answers there."
        return Blocked(who, wanted=wanted, seen=f"HTTP {status} and no WS-Management", todo=todo)
    if isinstance(error, (WinRMError, OSError)):
        return Transient(who, wanted=wanted, seen=_short(error), todo="Ask again; the session was started anew.")
    words = f"an answer that cannot be read ({type(error).__name__}: {_short(error)[:200]})"
    todo = "Ask again; if it stays so, something between here and the server changes its answers."
    return Transient(who, wanted=wanted, seen=words, todo=todo)


def _tls(who: str, error: Exception, wanted: str) -> MailmoveError:
    words = _short(error)
    if is_untrusted(error):
        todo = "Put a certificate that matches on the server, or give its root in `extra_ca`."
        return Blocked(who, wanted=wanted, seen=words, todo=todo)
    if cause_of(error, ssl.SSLEOFError) or cause_of(error, ssl.SSLZeroReturnError) or cause_of(error, TimeoutError):
        todo = "The server hung up before TLS was agreed on. Ask again; then look at its certificate binding."
        return Transient(who, wanted=wanted, seen=words, todo=todo)
    todo = "Check that the address speaks TLS 1.2 (Windows Server 2008 needs KB4019276 for it)."
    return Blocked(who, wanted=wanted, seen=words, todo=todo)


def _fault(who: str, fault: WSManFaultError, wanted: str) -> MailmoveError:
    words = f"{fault.reason or fault.provider_fault or 'no reason given'} (WSManFault {fault.code})"
    code = str(fault.code)
    if fault.code == _ACCESS_DENIED:
        todo = "Let the account use remote PowerShell (Set-User -RemotePowerShellEnabled $true) or WinRM."
        return Refused(who, wanted=wanted, seen=words, todo=todo, code=code)
    if fault.code == _SHELL_GONE:
        return Transient(who, wanted=wanted, seen=words, todo="Ask again; a new session is made.", code=code)
    if fault.code in _QUOTAS or _is_busy(words):
        return Throttled(who, wanted=wanted, seen=words, todo="Ask again later.", retry_after=30, code=code)
    todo = "Check the address and the server's WinRM settings."
    return Blocked(who, wanted=wanted, seen=words, todo=todo, code=code)


def _is_busy(words: str) -> bool:
    """Exchange's own throttling comes with a general number; its sentence is English on every Windows."""
    return _BUSY.search(words) is not None


def _http(who: str, status: int, wanted: str) -> MailmoveError:
    words = f"HTTP {status}"
    if status in (401, 403):
        todo = "Check the account, and the virtual directory's settings in IIS (Require SSL, authentication)."
        return Refused(who, wanted=wanted, seen=words, todo=todo)
    if status == 404:
        todo = "Exchange 2007 has no such address: use WinRM (kind `winrm`). Else check the path."
        return Blocked(who, wanted=wanted, seen=words, todo=todo)
    if status == 429:
        return Throttled(who, wanted=wanted, seen=words, todo="Ask again later.", retry_after=30)
    if status >= 500:
        return Transient(who, wanted=wanted, seen=words, todo="Ask again.")
    return Blocked(who, wanted=wanted, seen=words, todo="Check the address of remote PowerShell.")


def _short(error: Exception) -> str:
    """What went wrong without the object addresses and URLs that requests wraps around it."""
    inner: BaseException = error
    while (deeper := getattr(inner, "reason", None) or inner.__cause__ or inner.__context__) and isinstance(
        deeper, BaseException
    ):
        inner = deeper
    return re.sub(r"<[^>]*>[:,]? ?", "", str(inner)) or type(inner).__name__
