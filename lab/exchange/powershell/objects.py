""".NET objects as the lab's cmdlets give them, and what PowerShell makes of them on the wire (MS-PSRP 2.2.5).

A cmdlet gives `NetObject`s; the pipeline hands them on whole, as in life, and what leaves the server is serialised:

- Exchange's own endpoint (2010 and later) has Exchange's types file: a value goes as an object with its text (ToString)
  and its properties. A switch is such an object, and its text is "False".
- An ordinary WinRM session has not: what is no primitive below an object's own properties goes as its text only
  (SerializationDepthForRemoting is 1 in System.Management.Automation.Remoting.Fragmentor).
- Certificates are .NET's X509Certificate2, of which 2016 and 2019 send `RawData` and `SerializationData` only
  (MicrosoftDocs/office-docs-powershell 3493, 4651, 5256).

Faults turn that round, so that a client cannot count on either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from psrpcore.types import PSByteArray, PSDateTime, PSInt64, PSList, PSNoteProperty, PSObject, PSType
from psrpcore.types._enum import PSEnumBase

from lab.faults import Faults, declare

declare(
    shell_shallow="remote PowerShell sends every value below an object's own properties as its text",
    shell_deep="remote PowerShell sends every value as a whole object, over WinRM too",
    shell_empty_object="remote PowerShell sends $null in all properties of one object",
    shell_scalars="a list with one value comes as that value, and one with none as $null",
)

CERTIFICATE = "Microsoft.Exchange.Management.SystemConfigurationTasks.ExchangeCertificate"
_LIST = ["Microsoft.Exchange.Data.MultiValuedProperty`1", "System.Object"]


@dataclass(frozen=True)
class NetObject:
    """type: its class. text: what ToString gives. parts: its properties. number: of an enumeration."""

    type: str
    text: str
    parts: Mapping[str, Any] = field(default_factory=dict)
    number: int | None = None

    def __str__(self) -> str:
        return self.text


def switch(on: bool) -> NetObject:
    """A SwitchParameter."""
    return NetObject("System.Management.Automation.SwitchParameter", str(on), {"IsPresent": on})


def enumeration(kind: str, name: str, number: int) -> NetObject:
    return NetObject(kind, name, number=number)


def sid(value: str) -> NetObject:
    parts = {"BinaryLength": 8 + 4 * (value.count("-") - 2), "AccountDomainSid": None, "Value": value}
    return NetObject("System.Security.Principal.SecurityIdentifier", value, parts)


def account(name: str, value: str) -> NetObject:
    """Who has a right: name as Windows shows it in the server's language, and SID."""
    kind = "Microsoft.Exchange.Configuration.Tasks.SecurityPrincipalIdParameter"
    return NetObject(kind, name, {"SecurityIdentifier": sid(value)})


def directory_id(shown: str) -> NetObject:
    """An ADObjectId; its text is the canonical name."""
    domain, *path = shown.split("/")
    dn = ",".join([f"CN={part}" for part in reversed(path)] + [f"DC={part}" for part in domain.split(".")])
    parts = {"Name": path[-1] if path else domain, "DistinguishedName": dn, "IsDeleted": False}
    return NetObject("Microsoft.Exchange.Data.Directory.ADObjectId", shown, parts)


def version_number(shown: str) -> NetObject:
    return NetObject("Microsoft.Exchange.Data.ServerVersion", shown, {"FileVersionText": shown})


@dataclass(frozen=True)
class Wire:
    """How a session sends objects. deep: values as whole objects, else as their text."""

    deep: bool
    scalars: bool = False
    whole_certificates: bool = True
    faults: Faults = field(default_factory=Faults)

    @classmethod
    def of(cls, *, own_endpoint: bool, version: str, faults: Faults) -> Wire:
        deep = own_endpoint
        if faults.take("shell.deep"):
            deep = True
        if faults.take("shell.shallow"):
            deep = False
        numbers = tuple(int(part) for part in version.split(".")[:2])
        return cls(deep, faults.take("shell.scalars"), whole_certificates=numbers < (15, 1), faults=faults)

    def row(self, type_name: str, properties: Mapping[str, Any]) -> PSObject:
        """An object that a cmdlet gave. Properties go as adapted ones, which is what a .NET object has."""
        if type_name == CERTIFICATE and not self.whole_certificates:
            properties = {"RawData": properties["RawData"], "SerializationData": b"\0\1\0\0\0\xff\xff\xff\xff\1"}
        if type_name == CERTIFICATE and self.whole_certificates:  # nobody has seen these two of a whole one
            properties = {name: value for name, value in properties.items() if name != "SerializationData"}
        if self.faults.take("shell.empty_object"):
            properties = dict.fromkeys(properties)
        selected = type_name.startswith("Selected.")
        names = [type_name, "System.Management.Automation.PSCustomObject" if selected else "System.Object"]
        return _ps_object(names, "", {name: self.value(value) for name, value in properties.items()})

    def value(self, value: Any) -> Any:
        if isinstance(value, NetObject):
            return self._object(value)
        if isinstance(value, datetime):
            return PSDateTime.fromisoformat(value.isoformat())
        if isinstance(value, (list, tuple)):
            values = [self.value(entry) for entry in value]
            if self.scalars and len(values) < 2:
                return values[0] if values else None
            # Exchange's lists are typed collections; clients see a list inside an object, not a plain array.
            out = PSList(values)
            out.PSObject.type_names = list(_LIST)
            return out
        if isinstance(value, bytes):
            return PSByteArray(value)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**31:
            return PSInt64(value)
        return value

    def _object(self, value: NetObject) -> Any:
        if not self.deep:
            return value.text
        if value.number is not None:
            return _member(_enumeration(value.type, value.text or "0", value.number))
        parts = {name: self.value(part) for name, part in value.parts.items()}
        return _ps_object([value.type, "System.Object"], value.text, parts)


@cache
def _enumeration(kind: str, name: str, number: int) -> Any:
    """psrpcore knows enumerations as classes: here is one with this member only."""
    made: Any = PSEnumBase
    names = [kind, "System.Enum", "System.ValueType", "System.Object"]
    return PSType(names, rehydrate=False)(made("Enumeration", {name: number}))(number)


def _member(member: Any) -> Any:
    """A member of its own: .NET boxes each value of an enumeration anew, so that none refers to another (`Ref`)."""
    own = int.__new__(type(member), member._value_)
    own._value_, own._name_ = member._value_, member._name_
    return own


def _ps_object(type_names: list[str], text: str, parts: Mapping[str, Any]) -> PSObject:
    out = PSObject()
    out.PSObject.type_names = type_names
    out.PSObject.to_string = text
    out.PSObject.adapted_properties = [PSNoteProperty(name, part) for name, part in parts.items()]
    return out
