"""Any item that fits comes back from its stream as it was; whatever does not fit is an ItemUnwritable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_reader import Message, read

from mailmove.errors import ItemUnwritable
from mailmove.items.stream.item import StreamItem, StreamRecipient, by_value, embedded_item
from mailmove.items.stream.properties import COMMON, PUBLIC_STRINGS, Key, Lid, Name, Property, Tag
from mailmove.items.stream.property_types import PropertyType as T
from mailmove.items.stream.values import single_value
from mailmove.items.stream.writer import stream_of

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
FITTING: dict[T, st.SearchStrategy[Any]] = {
    T.INTEGER16: st.integers(-(2**15), 2**15 - 1),
    T.INTEGER32: st.integers(-(2**31), 2**31 - 1),
    T.INTEGER64: st.integers(-(2**63), 2**63 - 1),
    T.ERROR_CODE: st.integers(0, 2**32 - 1),
    T.FLOATING32: st.floats(width=32, allow_nan=False, allow_infinity=False),
    T.FLOATING64: st.floats(allow_nan=False, allow_infinity=False),
    T.FLOATING_TIME: st.floats(allow_nan=False, allow_infinity=False),
    T.CURRENCY: st.integers(-(2**63), 2**63 - 1).map(lambda whole: Decimal(whole).scaleb(-4)),
    T.BOOLEAN: st.booleans(),
    T.TIME: st.integers(0, 2900 * 365 * 86400 * 10**6).map(
        lambda micros: datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    ),
    T.GUID: st.uuids(),
    T.STRING: TEXTS,
    T.STRING8: st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=30),
    T.BINARY: st.binary(max_size=60),
    T.OBJECT: st.binary(max_size=60),
    T.SERVER_ID: st.binary(max_size=60),
}
KEYS: st.SearchStrategy[Key] = st.one_of(
    st.integers(0x1100, 0x2FFF).map(Tag),
    st.builds(Lid, st.sampled_from([COMMON, UUID(int=7)]), st.integers(0, 2**32 - 1)),
    st.builds(Name, st.sampled_from([PUBLIC_STRINGS, UUID(int=7)]), TEXTS.filter(bool)),
)


@st.composite
def some_properties(draw: st.DrawFn) -> dict[Property, Any]:
    properties: dict[Property, Any] = {}
    for key in draw(st.lists(KEYS, max_size=6, unique=True)):
        kind = draw(st.sampled_from(T))
        values = FITTING[kind.single]
        properties[Property(key, kind)] = draw(st.lists(values, max_size=3) if kind.is_multiple else values)
    return properties


def a_tree(inner: st.SearchStrategy[StreamItem]) -> st.SearchStrategy[StreamItem]:
    attachments = st.one_of(inner.map(lambda item: embedded_item("in", item)), st.binary(max_size=99).map(a_file))
    recipients = st.lists(st.builds(StreamRecipient, some_properties()), max_size=3).map(tuple)
    return st.builds(StreamItem, some_properties(), recipients, st.lists(attachments, max_size=3).map(tuple))


def a_file(content: bytes) -> Any:
    return by_value("f.txt", content)


ITEMS = st.recursive(st.builds(StreamItem, some_properties()), a_tree, max_leaves=5)


def spelled(properties: Any) -> dict[Any, Any]:
    """As the plain reader gives them."""
    found = {}
    for owner, value in properties.items():
        key = owner.key
        place = key.id if isinstance(key, Tag) else (key.set, key.lid if isinstance(key, Lid) else key.text)
        values = value if owner.type.is_multiple else [value]
        encoded = [single_value(owner, owner.type.single, each) for each in values]
        found[place, owner.type] = encoded if owner.type.is_multiple else encoded[0]
    return found


def same(message: Message, item: StreamItem) -> None:
    assert message.properties == spelled(item.properties)
    assert len(message.recipients) == len(item.recipients) and len(message.attachments) == len(item.attachments)
    recipients = zip(message.recipients, item.recipients, strict=True)
    for number, (theirs, ours) in enumerate(recipients):
        assert theirs == {**spelled(ours.properties), (0x3000, T.INTEGER32): number.to_bytes(4, "little")}
    attachments = zip(message.attachments, item.attachments, strict=True)
    for number, ((theirs, embedded), file) in enumerate(attachments):
        assert theirs == {**spelled(file.properties), (0x0E21, T.INTEGER32): number.to_bytes(4, "little")}
        assert (embedded is None) == (file.embedded is None)
        if embedded is not None and file.embedded is not None:
            same(embedded, file.embedded)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ITEMS)
def test_any_item_comes_back_as_it_was(item: StreamItem) -> None:
    same(read(stream_of(item)), item)


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.datetimes(), st.decimals(),
    st.uuids(), st.just(10**5000), st.just(Decimal("1E+999999")), st.datetimes(timezones=st.just(UTC)),
    st.lists(st.one_of(st.none(), st.integers(), st.text(), st.floats()), max_size=3),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(T), ANYTHING)
def test_whatever_is_given_is_written_or_refused(kind: T, value: Any) -> None:
    owner = Property(Tag(0x6900), kind)
    try:
        data = stream_of(StreamItem({owner: value}))
    except ItemUnwritable as error:
        assert error.code == "ValueUnfit" and len(str(error)) < 400
    else:
        assert list(read(data).properties) == [(0x6900, kind)]
