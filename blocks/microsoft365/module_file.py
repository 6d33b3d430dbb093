"""The module that the admin endpoint hands out: the cmdlets of a token, the key, and how a PSCredential travels.

One GET of `EXOModuleFile`. Read in KelvinTegelaar/CIPP-API (New-ExoRequest.ps1: `value.exportedCmdlets` is text with
commas, in any row), terraprovider/go-exoscc (cmd/fetch-spec: `value` is [{fileName, fileContent}, ...], and a function
for each cmdlet) and GreyCorbel/ExoHelper (the key is XML of .NET, and changes now and then).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from blocks.microsoft365.credential_code import CredentialForm, credential_form, sealing_key_name
from blocks.microsoft365.powershell_text import NotUnderstood

_KEY = re.compile(
    r"<RSAKeyValue>\s*<Modulus>\s*([A-Za-z0-9+/=\s]+?)\s*</Modulus>\s*"
    r"<Exponent>\s*([A-Za-z0-9+/=\s]+?)\s*</Exponent>\s*</RSAKeyValue>"
)
_FUNCTION = re.compile(r"(?m)^\s*function\s+(?:script:|global:)?([A-Za-z]+-[A-Za-z][A-Za-z0-9]*)")
_NAME = re.compile(r"[A-Za-z]+-[A-Za-z][A-Za-z0-9]*")


@dataclass(frozen=True)
class ModuleFile:
    """cmdlets None: it does not say. key, form None: they cannot be read, and `unread` says why."""

    cmdlets: frozenset[str] | None
    key: rsa.RSAPublicKey | None
    form: CredentialForm | None
    unread: str = ""


def module_file(body: dict[str, Any]) -> ModuleFile:
    """What an answer holds; nothing in it is an error by itself."""
    texts = list(_texts(body.get("value")))
    code = "\n".join(texts)
    exported = frozenset(_exported(body.get("value")))
    cmdlets = exported or frozenset(_FUNCTION.findall(code)) or None
    if not texts:
        return ModuleFile(cmdlets, None, None, "the answer holds no file")
    key = _key(code)
    try:
        form = credential_form(code)
    except NotUnderstood as error:
        return ModuleFile(cmdlets, key, None, f"its code for a PSCredential is of a form that is not known: {error}")
    return ModuleFile(cmdlets, key, form, "" if key else "it shows no public key, or more than one")


def _rows(value: Any) -> list[dict[str, Any]]:
    return [row for row in (value if isinstance(value, list) else [value]) if isinstance(row, dict)]


def _member(row: dict[str, Any], name: str) -> Any:
    """A member, however its name is cased."""
    return next((value for key, value in row.items() if key.lower() == name), None)


def _texts(value: Any) -> Iterator[str]:
    for row in _rows(value):
        content = _member(row, "filecontent")
        if isinstance(content, list):
            content = "\n".join(line for line in content if isinstance(line, str))
        if isinstance(content, str) and content.strip():
            yield content


def _exported(value: Any) -> Iterator[str]:
    for row in _rows(value):
        names = _member(row, "exportedcmdlets")
        for entry in names if isinstance(names, list) else [names]:
            if isinstance(entry, str):
                yield from (name for part in re.split(r"[,;\s]+", entry) if _NAME.fullmatch(name := part.strip("'\"")))


def _key(code: str) -> rsa.RSAPublicKey | None:
    """The key of the function that seals: the one that its variable is set to last, or the only one there is."""
    name = sealing_key_name(code)
    keys = {match.start(): match for match in _KEY.finditer(code)}
    if name and len(keys) > 1:
        assigned = re.compile(r"\$(?:\w+:)?" + re.escape(name) + r"\s*=\s*\(?\s*(?:\[\w+\])?\s*['\"]\s*", re.IGNORECASE)
        own = [keys[end] for match in assigned.finditer(code) if (end := match.end()) in keys]
        keys = {own[-1].start(): own[-1]} if own else keys
    if len({match.groups() for match in keys.values()}) != 1:
        return None
    modulus, exponent = next(iter(keys.values())).groups()
    try:
        return rsa.RSAPublicNumbers(_number(exponent), _number(modulus)).public_key()
    except (binascii.Error, ValueError):
        return None


def _number(text: str) -> int:
    return int.from_bytes(base64.b64decode("".join(text.split()), validate=True))
