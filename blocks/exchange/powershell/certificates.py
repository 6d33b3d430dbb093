"""Certificates of the old Exchange through its shell, spelt as each version wants it.

2007 imports from a file on the server's own disk (-Path, TechNet bb124424): the file is written through the session and
removed again. 2010 and later take its bytes (-FileData).
"""

from __future__ import annotations

import contextlib
import secrets
from abc import abstractmethod
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from pydantic import SecretStr
from pypsrp.complex_objects import ObjectMeta

from blocks.exchange.powershell import values
from blocks.exchange.powershell.from_clixml import Row
from blocks.exchange.powershell.recipients import server_version
from blocks.exchange.powershell.shell import ExchangeShell
from mailmove.certificate_names import names_of
from mailmove.certificates import Issued, ServerCertificate
from mailmove.errors import Blocked, NotYet
from mailmove.ports import HoldsCertificates


class ShellCertificates(HoldsCertificates):
    """The part of an Exchange server's block that handles certificates."""

    @abstractmethod
    def _shell(self) -> ExchangeShell: ...

    def certificates(self) -> list[ServerCertificate]:
        """Every certificate that Exchange shows."""
        with self._shell() as shell:
            return _listed(shell)

    def import_certificate(self, issued: Issued) -> None:
        """Import it with its key, unless it is there; read back. The key travels sealed, under a password made here."""
        with self._shell() as shell:
            if _find(shell, issued.thumbprint):
                return
            password = SecretStr(secrets.token_urlsafe(24))
            pfx, sealed = issued.pfx(password), _sealed(shell, password)
            if _major(shell) >= 14:
                shell.run("Import-ExchangeCertificate", FileData=pfx, Password=sealed)
            else:
                _import_2007(shell, issued.thumbprint, pfx, sealed)
            if not _find(shell, issued.thumbprint):
                raise _not_seen(issued.thumbprint)

    def use_certificate(self, thumbprint: str) -> None:
        """Enable it for IIS, unless it is; read back."""
        with self._shell() as shell:
            certificate = _find(shell, thumbprint)
            if certificate is None:
                raise Blocked(
                    "Get-ExchangeCertificate",
                    wanted=f"certificate {thumbprint}",
                    seen="it is not in the store",
                    todo="Import it again.",
                )
            if "IIS" not in certificate.services:
                shell.run("Enable-ExchangeCertificate", Thumbprint=thumbprint, Services="IIS")
                certificate = _find(shell, thumbprint)
                if certificate is None or "IIS" not in certificate.services:
                    raise _not_seen(thumbprint)

    def remove_certificate(self, thumbprint: str) -> None:
        """Remove it, if it is there."""
        with self._shell() as shell:
            if _find(shell, thumbprint):
                shell.run("Remove-ExchangeCertificate", Thumbprint=thumbprint, Confirm=False)


def _sealed(shell: ExchangeShell, password: SecretStr) -> Any:
    """A SecureString of PowerShell remoting, under the session's own key (MS-PSRP 2.2.5.1.24)."""
    with shell._translated("a session key"):
        pool = shell._opened()
        pool.exchange_keys()
        return pool.serialize(password.get_secret_value(), ObjectMeta("SS"))


def _import_2007(shell: ExchangeShell, thumbprint: str, pfx: bytes, sealed: Any) -> None:
    if shell.kind != "winrm":
        raise Blocked(
            shell.url,
            wanted="to write a file on the server, from which Exchange 2007 imports",
            seen="Exchange's own endpoint, which runs only its own cmdlets",
            todo="Use an ordinary WinRM session (shell_kind: winrm) in the server's block.",
        )
    path = f"C:\\Windows\\Temp\\mailmove-{thumbprint}.pfx"
    shell.run("Set-Content", Path=path, Value=pfx, Encoding="Byte", Force=True)
    try:
        shell.run("Import-ExchangeCertificate", Path=path, Password=sealed)
    finally:
        with contextlib.suppress(Blocked):  # it is useless without the password, which nobody knows any more
            shell.run("Remove-Item", Path=path, Force=True)


def _listed(shell: ExchangeShell) -> list[ServerCertificate]:
    """Each by its bytes. Whole certificates do not travel from 2016 and 2019: only their bytes do, and what uses them
    does not; so both are asked for at the server, where the object is whole."""
    wanted = ("Select-Object", {"Property": ["Thumbprint", "RawData", "Services"]})
    return [_read(row) for row in shell.stream(("Get-ExchangeCertificate", {}), wanted)]


def _find(shell: ExchangeShell, thumbprint: str) -> ServerCertificate | None:
    return next((certificate for certificate in _listed(shell) if certificate.thumbprint == thumbprint.upper()), None)


def _read(row: Row) -> ServerCertificate:
    """Blocked: its bytes are not there, or no certificate."""
    der = values.octets(row, "RawData")
    if not any(values.texts(row, "Services")):  # that nothing uses it is "None", a member of the enumeration
        raise values.unreadable(row, "Services")
    try:
        certificate = x509.load_der_x509_certificate(der)
        names, ends = names_of(certificate), certificate.not_valid_after_utc
        self_signed = certificate.issuer == certificate.subject
    except ValueError:
        raise values.unreadable(row, "RawData") from None
    return ServerCertificate(
        thumbprint=certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303  # Windows' name for it
        names=tuple(names),
        ends=ends,
        services=values.names(row, "Services"),
        self_signed=self_signed,
    )


def _major(shell: ExchangeShell) -> int:
    rows = shell.run("Get-ExchangeServer")
    return max(int(server_version(row).split(".")[0]) for row in rows) if rows else 14


def _not_seen(thumbprint: str) -> NotYet:
    return NotYet(
        "Get-ExchangeCertificate",
        wanted=f"certificate {thumbprint} in place",
        seen="it is not seen yet",
        todo="It is looked at again.",
    )
