"""Spoil what stands in lines (iCalendar, MIME, policies, zones), in columns (CSV), in YAML, and bytes."""

from __future__ import annotations

import csv
import io
import random

from answers import JUNK, Answer, Mutation, Shape


def lines_mutation(dice: random.Random, body: bytes, shape: Shape) -> Mutation | None:
    """One line. Its name is what stands before the first `:`, `;` or `=`."""
    lines = body.splitlines(keepends=True)
    if not lines:
        return None
    at = dice.randrange(len(lines))
    line = lines[at]
    end = line[len(line.rstrip(b"\r\n")) :]
    sign = min((place for mark in (b":", b";", b"=") if (place := line.find(mark)) > 0), default=0)
    name = line[:sign].decode("latin-1").strip()
    kind = dice.choice(("dropped", "emptied", "retyped", "doubled", "reordered", "joined"))
    honest = name in shape.records
    if kind == "dropped":
        honest = honest or name in shape.lists
        del lines[at]
    elif kind == "emptied":
        lines[at] = (line[: sign + 1] if sign else b"") + end
    elif kind == "retyped":
        head = line[: sign + 1] if sign else b""
        lines[at] = head + dice.choice(JUNK).encode("utf-8", "replace") + end
    elif kind == "doubled":
        lines.insert(at, line)
    elif kind == "reordered":
        other = dice.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    else:
        lines[at] = line[: len(line) - len(end)]
    return Mutation(kind, f"line {at + 1}: {line[:60]!r}", Answer(b"".join(lines)), name, honest)


def csv_mutation(dice: random.Random, body: bytes, shape: Shape) -> Mutation | None:
    rows = list(csv.reader(io.StringIO(body.decode("utf-8"))))
    at, column = dice.randrange(len(rows)), dice.randrange(len(rows[0]))
    name, honest = rows[0][column], False
    kind = dice.choice(("dropped", "row dropped", "emptied", "retyped", "doubled", "row doubled", "reordered"))
    if kind == "dropped":
        del rows[at][column]
    elif kind == "row dropped":
        honest = at > 0
        del rows[at]
    elif kind == "emptied":
        rows[at][column] = ""
    elif kind == "retyped":
        rows[at][column] = dice.choice(JUNK).replace("\0", "")
        honest = name in shape.free and rows[at][column] == "0"
    elif kind == "doubled":
        rows[at].insert(column, rows[at][column])
    elif kind == "row doubled":
        rows.insert(at, list(rows[at]))
    else:
        dice.shuffle(rows)
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return Mutation(kind, f"row {at}, column {name}", Answer(out.getvalue().encode()), name, honest)


def bytes_mutation(dice: random.Random, body: bytes, shape: Shape) -> Mutation | None:
    """Bytes that are other bytes, more, or fewer: what is left is another answer, of which nobody can tell more."""
    if not body:
        return None
    data = bytearray(body)
    at = dice.randrange(len(data))
    kind = dice.choice(("flipped", "dropped", "doubled", "retyped", "emptied"))
    if kind == "flipped":
        data[at] ^= 1 << dice.randrange(8)
    elif kind == "dropped":
        del data[at : at + dice.randint(1, 8)]
    elif kind == "doubled":
        data[at:at] = data[at : at + dice.randint(1, 16)]
    elif kind == "retyped":
        size = dice.randint(1, 4)
        data[at : at + size] = dice.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * size
    else:
        size = dice.randint(1, 16)
        data[at : at + size] = bytes(len(data[at : at + size]))
    return Mutation(kind, f"byte {at}", Answer(bytes(data)), honest=True)
