"""Messages, posts, reports, signed and encrypted mail, custom classes (MS-OXCMSG, MS-OXOMSG, MS-OXOSMIME,
MS-OXOPOST)."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from lab.cloud.item_stream import property_types as t
from lab.cloud.item_stream.from_item import put
from lab.cloud.item_stream.named_properties import COMMON, INTERNET_HEADERS, PUBLIC_STRINGS, Name
from lab.cloud.item_stream.stored import StoredProperties
from lab.mailbox_content.draft import PNG, Draft, Values, embedded, file, recipient, renumbered

NORTHWIND = UUID("5A1C4C1E-3F0B-4E43-9F5D-6B2D0C7E1A20")


def message(draft: Draft, item_class: str = "IPM.Note") -> StoredProperties:
    """A message with any of the things that one can have."""
    dice, who = draft.dice, draft.person()
    values = draft.common(item_class) | draft.body() | draft.sender(who, draft.owner if dice.random() < 0.1 else None)
    values |= {
        0x1035: f"<{draft.seed}.{draft.number}@{who.address.partition('@')[2]}>", 0x0071: _index(draft),
        0x1080: dice.choice((-1, 256, 261)), 0x0029: dice.random() < 0.1, 0x0023: dice.random() < 0.1,
    }  # fmt: skip
    values[0x007D] = (
        f"Received: from a ([192.0.2.{draft.number % 250}])\r\n\tby b; Mon, 2 Apr 2007 10:00:00 +0000\r\n"
        f"From: {who.address}\r\nX-Number: {draft.number}\r\n"
    )
    if dice.random() < 0.3:
        values |= {0x1042: "<before@contoso.example>", 0x1039: "<first@contoso.example>\r\n <before@contoso.example>"}
        values |= {0x1081: dice.choice((102, 103, 104)), 0x1082: draft.moment()}
    if dice.random() < 0.3:
        values |= draft.flagged()
    if dice.random() < 0.2:
        values |= draft.reminder(draft.moment())
    if dice.random() < 0.1:
        values |= {0x004F: _flat(who.entry, draft.owner.entry), 0x0050: f"{who.name};{draft.owner.name}"}
    if dice.random() < 0.1:
        values[Name(INTERNET_HEADERS, "x-mailer")] = (t.STRING, "A mailer")
    if dice.random() < 0.05:
        values[0x0E07] |= 8  # a draft
    files = draft.files()
    if 0x1013 in values and dice.random() < 0.4:
        image = f"image{draft.number}.png@01C7"
        values[0x1013] = values[0x1013].replace(b"<p>", f'<img src="cid:{image}"><p>'.encode(), 1)
        files.append(file(0, "image001.png", PNG, "image/png", x3712=image, x3714=4, x7FFE=True))
    if dice.random() < 0.15:
        files.append(embedded(0, _inside(draft)))
    people = [recipient(0, 1, draft.owner)]
    people += [recipient(row, dice.choice((1, 2, 3)), draft.person()) for row in range(1, dice.randrange(1, 5))]
    return StoredProperties(put(values), tuple(people), renumbered(files))


def _inside(draft: Draft) -> StoredProperties:
    """A message in the message, sometimes with one more."""
    values: Values = {
        0x001A: "IPM.Note", 0x0037: f"Inside {draft.number}", 0x0E07: 1, 0x0039: draft.moment(), 0x0E06: draft.moment(),
        0x1000: draft.text(20), 0x1035: f"<inside.{draft.number}@contoso.example>", **draft.sender(draft.person()),
    }  # fmt: skip
    deeper: Values = {0x001A: "IPM.Note", 0x0037: f"Deeper {draft.number}", 0x0E07: 1, 0x1000: "deep"}
    files = [file(0, "inner.txt", b"inner", "text/plain")]
    if draft.dice.random() < 0.3:
        files.append(embedded(1, StoredProperties(put(deeper), (recipient(0, 1, draft.owner),))))
    return StoredProperties(put(values), (recipient(0, 1, draft.person()),), renumbered(files))


def _index(draft: Draft) -> bytes:
    """PidTagConversationIndex: a header, and five bytes for each answer."""
    return b"\1" + draft.dice.randbytes(21 + 5 * draft.dice.randrange(3))


def _flat(*entries: bytes) -> bytes:
    """A FlatEntryList (MS-OXCDATA 2.3.3)."""
    parts = [struct.pack("<I", len(entry)) + entry + bytes(-len(entry) % 4) for entry in entries]
    return struct.pack("<II", len(entries), sum(map(len, parts))) + b"".join(parts)


def post(draft: Draft) -> StoredProperties:
    values = draft.common("IPM.Post") | draft.body() | draft.sender(draft.owner)
    values |= {0x0071: _index(draft), 0x1035: f"<post.{draft.number}@contoso.example>", 0x1080: 1}
    return StoredProperties(put(values), (), renumbered(draft.files(1)))


def report(draft: Draft) -> StoredProperties:
    """Of delivery, of none, of reading, of none (MS-OXOMSG 2.2.2)."""
    kind = draft.dice.choice(("DR", "NDR", "IPNRN", "IPNNRN"))
    at = draft.moment()
    values = draft.common(f"REPORT.IPM.Note.{kind}") | draft.sender(draft.owner)
    values |= {
        0x0032: at, 0x0031: draft.dice.randbytes(40), 0x0045: draft.owner.entry, 0x0054: draft.dice.randbytes(16),
        0x0049: (t.STRING, f"Original {draft.number}"), 0x1001: (t.STRING, draft.text(10)), 0x004E: at, 0x0055: at,
        0x1046: "<original@contoso.example>", 0x1080: 1,
    }  # fmt: skip
    row = recipient(0, 1, draft.person(), x0C04=(t.INT32, 1), x0C05=(t.INT32, -1), x0C20=(t.INT32, 511), x0032=at)
    return StoredProperties(put(values), (row,))


def secure(draft: Draft) -> StoredProperties:
    """Encrypted (opaque), or signed so that everybody can read it: one attachment, whose bytes are everything."""
    who = draft.person()
    if draft.dice.random() < 0.5:
        item_class, name, kind = "IPM.Note.SMIME", "smime.p7m", "application/pkcs7-mime"
        content = b"\x30\x82" + draft.dice.randbytes(600)
    else:
        item_class, name, kind = "IPM.Note.SMIME.MultipartSigned", "smime.p7m", "multipart/signed"
        content = signed_entity()
    values = draft.common(item_class) | draft.sender(who)
    values |= {0x1035: f"<smime.{draft.number}@contoso.example>", 0x0071: _index(draft), 0x1080: 0x111}
    return StoredProperties(put(values), (recipient(0, 1, draft.owner),), (file(0, name, content, kind),))


@lru_cache(1)
def signed_entity() -> bytes:
    """A true signature (its key is of this process, so these bytes alone are not the seed's)."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anna@contoso.example")])
    start = datetime(2007, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = builder.serial_number(7).not_valid_before(start).not_valid_after(start + timedelta(days=20_000))
    certificate = dated.sign(key, hashes.SHA256())
    text = b"Content-Type: text/plain; charset=utf-8\r\n\r\nsigned \xc3\xa4\r\n"
    signature = pkcs7.PKCS7SignatureBuilder().set_data(text).add_signer(certificate, key, hashes.SHA256())
    return signature.sign(serialization.Encoding.SMIME, [pkcs7.PKCS7Options.DetachedSignature])


def custom(draft: Draft) -> StoredProperties:
    """A class of the company's own, with properties by name of every type."""
    item_class = draft.dice.choice(("IPM.Note.Northwind.Order", "IPM.Northwind.Order"))
    plain, dice = message(draft, item_class), draft.dice
    values: Values = {
        Name(PUBLIC_STRINGS, "OrderNumber"): (t.STRING, f"N-{draft.number}"),
        Name(PUBLIC_STRINGS, "Größe in m²"): (t.FLOAT64, dice.random() * 1000),
        Name(PUBLIC_STRINGS, "Paid"): (t.BOOLEAN, dice.random() < 0.5),
        Name(PUBLIC_STRINGS, "Due"): (t.TIME, draft.moment()),
        Name(PUBLIC_STRINGS, "Articles"): (t.MULTIPLE | t.STRING, tuple(draft.text(1) for _ in range(3))),
        Name(NORTHWIND, "Count"): (t.INT32, dice.randrange(-5, 5000)),
        Name(NORTHWIND, "Price"): (t.CURRENCY, dice.randrange(10**9)),
        Name(NORTHWIND, "Blob"): (t.BINARY, dice.randbytes(300)), Name(NORTHWIND, 0x8001): (t.INT64, 1 << 40),
        Name(NORTHWIND, "Key"): (t.GUID, UUID(int=draft.number)), Name(NORTHWIND, "Small"): (t.INT16, -3),
        Name(COMMON, 0x8539): ("Northwind", "Fabrikam"),
    }  # fmt: skip
    plain.properties.update(put(values))
    return plain
