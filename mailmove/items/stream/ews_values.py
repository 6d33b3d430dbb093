"""Text of EWS's ExtendedProperty as a value of its type (MS-OXWSXPROP 2.2.4.1; xs: types of XML Schema)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from mailmove.items.stream.faults import unwritable
from mailmove.items.stream.properties import Property
from mailmove.items.stream.property_types import PropertyType
from mailmove.items.stream.values import Single, Value

_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def value_of(owner: Property, text: str | Sequence[str]) -> Value:
    """text: of <Value>, or of each in <Values>. ItemUnwritable: it is no such value."""
    several = owner.type.is_multiple
    if several == isinstance(text, str):
        raise unwritable(f"{owner} as {owner.type.name}", "one value for several, or several for one", "AnswerUnfit")
    try:
        read = _READERS[owner.type.single]
        if isinstance(text, str):
            return read(text)
        return [read(each) for each in text]
    except (ValueError, KeyError, OverflowError):
        raise unwritable(f"{owner} as {owner.type.name}", "a text that is none", "AnswerUnfit") from None


def _binary(text: str) -> bytes:
    """Exchange folds long base64 into lines."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        raise ValueError from None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        raise ValueError
    return moment


def _currency(text: str) -> Decimal:
    """The wire has ten-thousandths."""
    return Decimal(int(text)).scaleb(-4)


_READERS: dict[PropertyType, Callable[[str], Single]] = {
    PropertyType.INTEGER16: int,
    PropertyType.INTEGER32: int,
    PropertyType.INTEGER64: int,
    PropertyType.FLOATING32: float,
    PropertyType.FLOATING64: float,
    PropertyType.FLOATING_TIME: float,
    PropertyType.CURRENCY: _currency,
    PropertyType.BOOLEAN: lambda text: _TRUTH[text.strip().lower()],
    PropertyType.STRING: str,
    PropertyType.STRING8: str,
    PropertyType.TIME: _moment,
    PropertyType.GUID: UUID,
    PropertyType.BINARY: _binary,
}
