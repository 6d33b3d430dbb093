"""What EWS gave becomes what is written: every listed property of every class, recipients, attachments, occurrences."""

from __future__ import annotations

import base64
import shutil
import struct
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID
from plain_reader import Message, read

from mailmove.errors import ItemUnwritable
from mailmove.items.stream.ews_item import EwsAddress, EwsAttendee, EwsFile, EwsInner, EwsItem, EwsOccurrence
from mailmove.items.stream.ews_values import value_of
from mailmove.items.stream.from_ews import EXCEPTION_CLASS, item_of
from mailmove.items.stream.known.by_class import _OF_CLASS, properties_of
from mailmove.items.stream.properties import APPOINTMENT, PUBLIC_STRINGS, Lid, Name, Property, Tag
from mailmove.items.stream.property_types import PropertyType as T
from mailmove.items.stream.recurrence import Weekday
from mailmove.items.stream.time_zone_blobs import Transition, ZoneRule, time_zone_struct
from mailmove.items.stream.writer import stream_of
from mailmove.items.stream.zone_times import local_time

CLASSES = [*_OF_CLASS, "IPM.Customer.Order", "IPM.Contact.Customer"]
SPELLED: dict[T, tuple[str, bytes]] = {
    T.INTEGER16: ("-3", struct.pack("<h", -3)),
    T.INTEGER32: ("-70000", struct.pack("<i", -70000)),
    T.INTEGER64: ("12345678901", struct.pack("<q", 12345678901)),
    T.FLOATING32: ("0.25", struct.pack("<f", 0.25)),
    T.FLOATING64: ("0.1", struct.pack("<d", 0.1)),
    T.FLOATING_TIME: ("2.5", struct.pack("<d", 2.5)),
    T.CURRENCY: ("123456", struct.pack("<q", 123456)),
    T.BOOLEAN: ("true", b"\1\0"),
    T.STRING: (" Ärger & <Freude>\r\n", " Ärger & <Freude>\r\n\0".encode("utf-16-le")),
    T.GUID: ("{00020307-0000-0000-c000-000000000046}", UUID("00020307-0000-0000-c000-000000000046").bytes_le),
    T.BINARY: (base64.encodebytes(bytes(range(200))).decode(), bytes(range(200))),
}
MOMENT = datetime(2007, 3, 26, 17, tzinfo=UTC)
SPELLED[T.TIME] = (
    "2007-03-26T18:00:00+01:00",
    struct.pack("<Q", (MOMENT - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10),
)


def spelled(kind: T) -> str | Sequence[str]:
    return [SPELLED[kind.single][0]] * 2 if kind.is_multiple else SPELLED[kind][0]


def written(kind: T) -> Any:
    return [SPELLED[kind.single][1]] * 2 if kind.is_multiple else SPELLED[kind][1]


def place(owner: Property) -> Any:
    key = owner.key
    return key.id if isinstance(key, Tag) else (key.set, key.lid if isinstance(key, Lid) else key.text)


@pytest.mark.parametrize("item_class", CLASSES)
def test_every_listed_property_of_every_class_arrives(item_class: str) -> None:
    values = {owner: spelled(owner.type) for owner in properties_of(item_class)}
    message = read(stream_of(item_of(EwsItem(item_class, values))))
    expected = {(place(owner), owner.type): written(owner.type) for owner in values}
    expected[0x0E07, T.INTEGER32] = struct.pack("<i", -70000 & ~4)
    assert expected.pop((0x1013, T.BINARY))  # made from RTF, which is in step: `test_best_body.py`
    assert message.properties == expected and len(expected) == len(values) - 1 > 100


def test_a_company_s_own_properties_of_every_type_arrive() -> None:
    own = {
        Property(Name(PUBLIC_STRINGS, f"Kunde {kind.name}"), kind): spelled(kind)
        for kind in T
        if kind.single in SPELLED
    }
    message = read(stream_of(item_of(EwsItem("IPM.Contact.Customer", own))))
    assert len(own) == 23
    for owner in own:
        assert message.properties[place(owner), owner.type] == written(owner.type)


def of(message: Message | dict[Any, Any], number: int, kind: T = T.STRING) -> Any:
    properties = message.properties if isinstance(message, Message) else message
    value = properties[number, kind]
    return value.decode("utf-16-le")[:-1] if kind == T.STRING else value


def number(value: bytes) -> int:
    return int.from_bytes(value, "little", signed=True)


ANNA, BEN = EwsAddress("Anna Änder", "anna@contoso.example"), EwsAddress("Ben", "/o=First/cn=ben", "EX")


def test_recipients_of_a_message_are_who_they_were() -> None:
    given = EwsItem(
        "IPM.Note", {}, author=ANNA, to=(ANNA, BEN), cc=(EwsAddress("", "c@x.example"),), bcc=(EwsAddress("Liste"),)
    )
    message = read(stream_of(item_of(given)))
    assert [number(of(one, 0x0C15, T.INTEGER32)) for one in message.recipients] == [1, 1, 2, 3]
    assert [of(one, 0x3001) for one in message.recipients] == ["Anna Änder", "Ben", "c@x.example", "Liste"]
    assert [number(of(one, 0x3000, T.INTEGER32)) for one in message.recipients] == [0, 1, 2, 3]
    first, second, _, last = message.recipients
    assert of(first, 0x3002) == "SMTP" and of(first, 0x39FE) == of(first, 0x3003) == "anna@contoso.example"
    one_off = bytes.fromhex("00000000812b1fa4bea310199d6e00dd010f540200000190")
    assert of(first, 0x0FFF, T.BINARY) == one_off + "Anna Änder\0SMTP\0anna@contoso.example\0".encode("utf-16-le")
    assert of(first, 0x300B, T.BINARY) == b"SMTP:ANNA@CONTOSO.EXAMPLE\0"
    book = bytes.fromhex("00000000dca740c8c042101ab4b908002b2fe1820100000000000000")
    assert of(second, 0x0FFF, T.BINARY) == book + b"/o=First/cn=ben\0"
    assert (0x39FE, T.STRING) not in second and (0x3003, T.STRING) not in last
    assert of(message, 0x5D02) == "anna@contoso.example"


def test_attendees_keep_their_answers_and_the_organizer_is_one_of_them() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    given = EwsItem(
        "IPM.Appointment", {}, organizer=EwsAddress("Olga", "olga@contoso.example"),
        required=(EwsAttendee(ANNA, "Accept", at),), optional=(EwsAttendee(BEN, "NoResponseReceived"),),
        resources=(EwsAttendee(EwsAddress("Raum", "raum@contoso.example"), "Tentative"),),
    )  # fmt: skip
    people = read(stream_of(item_of(given))).recipients
    assert [of(one, 0x3001) for one in people] == ["Olga", "Anna Änder", "Ben", "Raum"]
    assert [number(of(one, 0x0C15, T.INTEGER32)) for one in people] == [1, 1, 2, 3]
    assert [number(of(one, 0x5FFD, T.INTEGER32)) for one in people] == [3, 1, 1, 1]
    assert [number(of(one, 0x5FFF, T.INTEGER32)) for one in people] == [0, 3, 5, 2]
    assert of(people[1], 0x5FFB, T.TIME) == struct.pack("<Q", 134117856000000000) and (0x5FFB, T.TIME) not in people[2]
    alone = EwsItem("IPM.Appointment", {}, organizer=ANNA)
    assert read(stream_of(item_of(alone))).recipients == []
    among = EwsItem("IPM.Appointment", {}, organizer=ANNA, required=(EwsAttendee(ANNA, "Organizer"),))
    (only,) = read(stream_of(item_of(among))).recipients
    assert number(of(only, 0x5FFD, T.INTEGER32)) == 3


def test_attachments_keep_their_bytes_names_and_places() -> None:
    inner = EwsItem("IPM.Contact", {Property(Tag(0x37), T.STRING): "innen"}, attachments=(EwsFile("x", b"\0x"),))
    picture = EwsFile("bild.png", b"\x89PNG", "image/png", "cid@1", "loc", inline=True)
    photo = EwsFile("ContactPicture.jpg", b"\xff\xd8", "image/jpeg", photo=True)
    message = read(stream_of(item_of(EwsItem("IPM.Note", {}, attachments=(picture, EwsInner("innen", inner), photo)))))
    (first, _), (second, embedded), (third, _) = message.attachments
    assert (of(first, 0x3707), of(first, 0x370E), of(first, 0x3712), of(first, 0x3713)) == (
        "bild.png", "image/png", "cid@1", "loc",
    )  # fmt: skip
    assert of(first, 0x3701, T.BINARY) == b"\x89PNG" and of(first, 0x7FFE, T.BOOLEAN) == b"\1\0"
    assert number(of(first, 0x3714, T.INTEGER32)) == 4 and (0x7FFE, T.BOOLEAN) not in third
    assert of(third, 0x7FFF, T.BOOLEAN) == b"\1\0"
    assert embedded is not None and of(embedded, 0x37) == "innen" and of(embedded, 0x1A) == "IPM.Contact"
    assert of(embedded.attachments[0][0], 0x3701, T.BINARY) == b"\0x" and number(of(second, 0x3705, T.INTEGER32)) == 5


BERLIN = ZoneRule(-60, 0, -60, Transition(10, Weekday.SUNDAY, 5, 3), Transition(3, Weekday.SUNDAY, 5, 2))
PACIFIC = ZoneRule(480, 0, -60, Transition(11, Weekday.SUNDAY, 1, 2), Transition(3, Weekday.SUNDAY, 2, 2))
SYDNEY = ZoneRule(-600, 0, -60, Transition(4, Weekday.SUNDAY, 1, 3), Transition(10, Weekday.SUNDAY, 1, 2))
ZONE, RECUR = Property(Lid(APPOINTMENT, 0x8233), T.BINARY), Property(Lid(APPOINTMENT, 0x8216), T.BINARY)


def test_a_changed_occurrence_is_an_item_inside_of_its_series() -> None:
    zone = base64.b64encode(time_zone_struct(BERLIN)).decode()
    start = datetime(2026, 7, 6, 9, tzinfo=UTC)
    subject = Property(Tag(0x37), T.STRING)
    changed = EwsItem("IPM.Appointment", {subject: "anders", RECUR: "AAAA"}, attachments=(EwsFile("a", b"A"),))
    occurrence = EwsOccurrence(start - timedelta(hours=1), start, start + timedelta(hours=1), changed)
    series = EwsItem("IPM.Appointment", {ZONE: zone, RECUR: "BDAEMA=="}, occurrences=(occurrence,))
    message = read(stream_of(item_of(series)))
    assert message.properties[(APPOINTMENT, 0x8216), T.BINARY] == bytes.fromhex("04300430")
    ((attachment, embedded),) = message.attachments
    assert embedded is not None and of(embedded, 0x1A) == EXCEPTION_CLASS and of(embedded, 0x37) == "anders"
    assert ((APPOINTMENT, 0x8216), T.BINARY) not in embedded.properties
    epoch, hour = datetime(1601, 1, 1, tzinfo=UTC), timedelta(hours=1)
    moments = (start + 2 * hour, start + 3 * hour, start - hour)
    ticks = [(moment - epoch) // timedelta(microseconds=1) * 10 for moment in moments]
    assert [number(of(attachment, one, T.TIME)) for one in (0x7FFB, 0x7FFC, 0x7FF9)] == ticks
    assert number(embedded.properties[(APPOINTMENT, 0x8228), T.TIME]) == ticks[2]
    assert number(of(attachment, 0x7FFD, T.INTEGER32)) == 2 and of(attachment, 0x7FFE, T.BOOLEAN) == b"\1\0"
    assert of(embedded.attachments[0][0], 0x3701, T.BINARY) == b"A"
    with pytest.raises(ItemUnwritable):
        item_of(EwsItem("IPM.Appointment", {}, occurrences=(occurrence,)))


@pytest.mark.parametrize(
    ("rule", "name"), [(BERLIN, "Europe/Berlin"), (PACIFIC, "America/Los_Angeles"), (SYDNEY, "Australia/Sydney"),
                       (ZoneRule(-330), "Asia/Kolkata"), (ZoneRule(0), "UTC")],
)  # fmt: skip
def test_local_times_are_those_of_the_zone_all_year_and_around_each_transition(rule: ZoneRule, name: str) -> None:
    zone, blob = ZoneInfo(name), time_zone_struct(rule)
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    while moment.year < 2026:
        assert local_time(moment, blob) == moment.astimezone(zone).replace(tzinfo=None), moment
        near = moment.month in (3, 4, 10, 11)
        moment += timedelta(minutes=30 if near else 1440)


@pytest.mark.parametrize(
    "blob", [b"", bytes(47), struct.pack("<i", 10**6) + bytes(44), bytes(16) + b"\x0d" + bytes(16) + b"\1" * 15]
)
def test_a_blob_that_is_no_time_zone_is_refused(blob: bytes) -> None:
    with pytest.raises(ItemUnwritable):
        local_time(datetime(2026, 1, 1, tzinfo=UTC), blob)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (T.INTEGER32, "1.5"), (T.INTEGER32, ""), (T.BOOLEAN, "yes"), (T.TIME, "2026-01-01T00:00:00"),
        (T.TIME, "gestern"), (T.MULTIPLE_STRING, "a"), (T.STRING, ["a"]),
        (T.BINARY, "a"), (T.BINARY, "a?=="), (T.GUID, "0"), (T.FLOATING64, "x"),
        (T.MULTIPLE_INTEGER32, ["1", "x"]), (T.CURRENCY, "1.5"), (T.ERROR_CODE, "1"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_value_is_refused(kind: T, text: Any) -> None:
    with pytest.raises(ItemUnwritable):
        value_of(Property(Tag(0x6900), kind), text)


CONTENT_TYPE = b'Content-Type: multipart/signed; protocol="x";\r\n\tmicalg=sha1; boundary="b1"\r\n'
SIGNED_PARTS = b"\r\n".join([
    b"--b1", b"Content-Type: text/plain", b"", b"Hallo ", b"",
    b"--b1", b"Content-Type: application/x-pkcs7-signature", b"", b"MIIB", b"--b1--", b"",
])  # fmt: skip
SIGNED = b"From: a@x.example\r\nSubject: s\r\n" + CONTENT_TYPE + b"MIME-Version: 1.0\r\n\r\n" + SIGNED_PARTS


def test_signed_mail_keeps_what_was_signed_to_the_byte() -> None:
    given = EwsItem("IPM.Note.SMIME.MultipartSigned", {}, attachments=(EwsFile("inner.txt", b"no"),), mime=SIGNED)
    ((attachment, _),) = read(stream_of(item_of(given))).attachments
    content = of(attachment, 0x3701, T.BINARY)
    assert of(attachment, 0x370E) == "multipart/signed"
    assert content == CONTENT_TYPE + b"\r\n" + SIGNED_PARTS


@pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL verifies what was signed")
def test_a_real_signature_still_holds(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anna@contoso.example")])
    end = datetime(2030, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, datetime(2020, 1, 1, tzinfo=UTC), end)
    signer = pkcs7.PKCS7SignatureBuilder().set_data("Grüße, signiert\r\n".encode())
    signer = signer.add_signer(made.sign(key, hashes.SHA256()), key, hashes.SHA256())
    mime = b"From: anna@contoso.example\r\n" + signer.sign(Encoding.SMIME, [pkcs7.PKCS7Options.DetachedSignature])
    given = EwsItem("IPM.Note.SMIME.MultipartSigned", {}, mime=mime)
    ((attachment, _),) = read(stream_of(item_of(given))).attachments
    path = tmp_path / "signed.eml"
    for content, holds in ((of(attachment, 0x3701, T.BINARY), True), (mime.replace(b"signiert", b"gefaelscht"), False)):
        path.write_bytes(content)
        command = ["openssl", "cms", "-verify", "-noverify", "-in", str(path), "-out", str(tmp_path / "out")]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert (done.returncode == 0) == holds, done.stderr


@pytest.mark.parametrize("line", [b"\r\n", b"\n"])
def test_encrypted_mail_keeps_its_blob(line: bytes) -> None:
    blob = bytes(range(256))
    head = [
        b"Subject: s",
        b"Content-Type: application/x-pkcs7-mime; name=smime.p7m",
        b"Content-Transfer-Encoding: base64",
    ]
    mime = line.join([*head, b"", *base64.encodebytes(blob).splitlines()])
    ((attachment, _),) = read(stream_of(item_of(EwsItem("IPM.Note.SMIME", {}, mime=mime)))).attachments
    assert of(attachment, 0x3701, T.BINARY) == blob and of(attachment, 0x370E) == "application/x-pkcs7-mime"
    assert of(attachment, 0x3704) == "SMIME.p7m"


@pytest.mark.parametrize(
    "mime",
    [
        None,
        b"",
        b"Subject: x\r\n\r\nhi",
        b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n?",
    ],
)
def test_protected_mail_without_what_was_protected_is_refused(mime: bytes | None) -> None:
    with pytest.raises(ItemUnwritable):
        item_of(EwsItem("IPM.Note.SMIME", {}, mime=mime))


@pytest.mark.parametrize(
    "mailbox", [EwsAddress("a\0b", "a@x"), EwsAddress("a", "ä", "EX"), EwsAddress("\ud800", "a@x")]
)
def test_an_address_that_no_id_can_hold_is_refused(mailbox: EwsAddress) -> None:
    with pytest.raises(ItemUnwritable):
        stream_of(item_of(EwsItem("IPM.Note", {}, to=(mailbox,))))


def test_an_answer_that_nobody_knows_is_refused() -> None:
    stranger: Any = "Perhaps"
    with pytest.raises(ItemUnwritable):
        item_of(EwsItem("IPM.Appointment", {}, required=(EwsAttendee(ANNA, stranger),)))
