"""Get-, Import-, Enable- and Remove-ExchangeCertificate, in the spelling of each version.

What stands in `state.settings["certificates"]` is what Get-ExchangeCertificate lists; keys are held apart, for a
picture of the settings must not show them. 2007 imports from a file on its own disk (-Path), later ones from -FileData.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from lab.exchange.powershell.cmdlet_contract import CmdletError
from lab.exchange.powershell.objects import CERTIFICATE, NetObject, enumeration
from lab.exchange.recipients import Row
from lab.exchange.state import ExchangeState

_SERVICES = {"IMAP": 1, "POP": 2, "UM": 4, "IIS": 8, "SMTP": 16, "Federation": 32}
"""AllowedServices (Microsoft.Exchange.Management.SystemConfigurationTasks), flags."""


def show_on_https(state: ExchangeState, show: Callable[[ssl.SSLContext], None], chain: str, key: str) -> None:
    """The server starts with this certificate (PEM); `show` has IIS use a context from now on."""
    state.private["show"] = show
    thumbprint = _store(state, chain, key)
    _use(state, thumbprint, ["IIS"])


def get(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    wanted = str(asked.get("Thumbprint") or asked.get("Identity") or "").upper()
    for thumbprint in state.settings.get("certificates", {}):
        if wanted in ("", thumbprint):
            yield _row(state, thumbprint)


def _row(state: ExchangeState, thumbprint: str) -> Row:
    """An ExchangeCertificate as the server has it; which properties of a whole one travel says `objects.py`."""
    held = state.settings["certificates"][thumbprint]
    chain, _key = state.private["keys"][thumbprint]
    certificate = x509.load_pem_x509_certificates(chain.encode())[0]
    numbers = [_SERVICES[name] for name in held["Services"].split(", ") if name != "None"]
    return CERTIFICATE, {
        "Thumbprint": thumbprint,
        "Subject": held["Subject"],
        "CertificateDomains": [
            NetObject("Microsoft.Exchange.Data.SmtpDomainWithSubdomains", name) for name in held["CertificateDomains"]
        ],
        "NotAfter": certificate.not_valid_after_utc,
        "NotBefore": certificate.not_valid_before_utc,
        "IsSelfSigned": held["IsSelfSigned"],
        "Services": enumeration(f"{CERTIFICATE.rpartition('.')[0]}.AllowedServices", held["Services"], sum(numbers)),
        "Status": enumeration(f"{CERTIFICATE.rpartition('.')[0]}.CertificateStatus", held["Status"], 1),
        "RawData": certificate.public_bytes(Encoding.DER),
        "HasPrivateKey": True,
        "SerializationData": b"",
    }


def import_(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    if (path := asked.get("Path")) is not None:
        content = state.private.get("files", {}).get(str(path).lower())
        if content is None:
            raise _error(f"Could not find file '{path}'.", "System.IO.FileNotFoundException")
    else:
        content = bytes(asked["FileData"])
    password = asked.get("Password")
    try:
        made = load_pkcs12(content, password.decrypt().encode() if password is not None else None)
    except ValueError:
        raise _error("The specified network password is not correct.", "CryptographicException") from None
    if made.cert is None or made.key is None:
        raise _error("The certificate has no private key.", "InvalidOperationException")
    chain = [made.cert.certificate, *(issuer.certificate for issuer in made.additional_certs)]
    pem = "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in chain)
    key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    if _thumbprint(chain[0]) in state.settings.get("certificates", {}):
        raise _error(
            f"The certificate with thumbprint {_thumbprint(chain[0])} already exists.", "InvalidOperationException"
        )
    thumbprint = _store(state, pem, key)
    yield _row(state, thumbprint)


def enable(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    services = [service.strip() for service in str(asked["Services"]).split(",")]
    _use(state, _known(state, asked), services)
    return ()


def remove(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    if asked.get("Confirm") is not False:
        message = "A command that prompts the user failed because the host program does not support user interaction."
        raise CmdletError(message, "System.Management.Automation.Host.HostException", "PromptFailure")
    thumbprint = _known(state, asked)
    if "IIS" in state.settings["certificates"][thumbprint]["Services"]:
        raise _error("The certificate is in use by IIS and cannot be removed.", "InvalidOperationException")
    with state.lock:
        del state.settings["certificates"][thumbprint]
        del state.private["keys"][thumbprint]
    return ()


def set_content(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    """Set-Content -Encoding Byte, of an ordinary session: a file on the server's disk."""
    if str(asked.get("Encoding", "")).lower() != "byte":
        raise _error("The lab writes bytes only.", "NotSupportedException")
    state.private.setdefault("files", {})[str(asked["Path"]).lower()] = bytes(asked["Value"])
    return ()


def remove_item(state: ExchangeState, asked: dict[str, Any]) -> Iterable[Row]:
    if state.private.setdefault("files", {}).pop(str(asked["Path"]).lower(), None) is None:
        raise _error(f"Cannot find path '{asked['Path']}' because it does not exist.", "ItemNotFoundException")
    return ()


def _store(state: ExchangeState, chain: str, key: str) -> str:
    first = x509.load_pem_x509_certificates(chain.encode())[0]
    thumbprint = _thumbprint(first)
    names = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    held = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    with state.lock:
        state.private.setdefault("keys", {})[thumbprint] = (chain, key)
        state.settings.setdefault("certificates", {})[thumbprint] = {
            "Subject": first.subject.rfc4514_string(),
            "CertificateDomains": held,
            "NotAfter": first.not_valid_after_utc.isoformat(),
            "IsSelfSigned": first.issuer == first.subject,
            "Services": "None",
            "Status": "Valid",
        }
    return thumbprint


def _use(state: ExchangeState, thumbprint: str, services: list[str]) -> None:
    """IIS shows one certificate at a time; new connections meet it at once."""
    with state.lock:
        certificates = state.settings["certificates"]
        had = certificates[thumbprint]["Services"]
        now = {service for service in had.split(", ") if service != "None"} | set(services)
        for other in certificates.values():
            if "IIS" in services and other is not certificates[thumbprint]:
                kept = [service for service in other["Services"].split(", ") if service not in ("IIS", "None")]
                other["Services"] = ", ".join(kept) or "None"
        certificates[thumbprint]["Services"] = ", ".join(sorted(now))
        show = state.private.get("show")
    if "IIS" in services and show is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain, key = state.private["keys"][thumbprint]
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "iis.pem"
            place.write_text(chain + key)
            context.load_cert_chain(place)
        show(context)


def _known(state: ExchangeState, asked: dict[str, Any]) -> str:
    thumbprint = str(asked.get("Thumbprint") or asked.get("Identity")).upper()
    if thumbprint not in state.settings.get("certificates", {}):
        raise _error(f"The certificate with thumbprint {thumbprint} was not found.", "ArgumentException")
    return thumbprint


def _thumbprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA1()).hex().upper()


def _error(message: str, kind: str) -> CmdletError:
    return CmdletError(message, f"System.{kind}", "ExchangeCertificate", "InvalidOperation", terminating=False)


CMDLETS: dict[str, Callable[[ExchangeState, dict[str, Any]], Iterable[Row]]] = {
    "Get-ExchangeCertificate": get,
    "Import-ExchangeCertificate": import_,
    "Enable-ExchangeCertificate": enable,
    "Remove-ExchangeCertificate": remove,
    "Set-Content": set_content,
    "Remove-Item": remove_item,
}
