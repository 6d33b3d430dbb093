"""Spoil XML: an element or attribute dropped, doubled, emptied, of another type, in another order."""

from __future__ import annotations

import copy
import random
from typing import Any

from answers import JUNK, Answer, Mutation, Shape
from lxml import etree

_LETTERS = {"", " ", "\u202e\u0000\ufffe"}


def _local(element: Any) -> str:
    return str(etree.QName(element).localname)


def _name(element: Any) -> str:
    """As people call it: a property of CLIXML by its N."""
    return str(element.get("N") or _local(element))


def _path(element: Any) -> str:
    names = [_local(step) for step in reversed([element, *element.iterancestors()])]
    return "/".join(names)


def _junk(dice: random.Random, text: str | None) -> str:
    fitting = [junk for junk in JUNK if junk not in _LETTERS and junk != text]
    return dice.choice(fitting)


def xml_mutation(dice: random.Random, body: bytes, shape: Shape) -> Mutation | None:
    try:
        root = etree.fromstring(body)
    except (etree.XMLSyntaxError, ValueError):
        return None
    elements = [element for element in root.iter() if isinstance(element.tag, str)]
    target = dice.choice(elements)
    if dice.random() < 0.15:
        return _control(dice, body)
    if target.attrib and dice.random() < 0.4:
        return _attribute(dice, root, target, shape)
    return _element(dice, root, target, shape)


def _control(dice: random.Random, body: bytes) -> Mutation:
    """What XML forbids, as Exchange writes it all the same; it is no part of any content."""
    ends = [at for at in range(len(body) - 1) if body[at : at + 1] == b">" and body[at + 1 : at + 2] not in (b"<", b"")]
    at = dice.choice(ends or [0]) + 1
    word = dice.choice((b"&#x1F;", b"&#0;", b"\x0b", b"&#xFFFF;", b"\xff", b"&nbsp;", b"&undefined;", b"]]>"))
    return Mutation("noise", f"{word!r} at byte {at}", Answer(body[:at] + word + body[at:]))


def _attribute(dice: random.Random, root: Any, target: Any, shape: Shape) -> Mutation:
    name = dice.choice(sorted(target.attrib))
    kind = dice.choice(("dropped", "emptied", "retyped"))
    if kind == "dropped":
        del target.attrib[name]
    else:
        target.set(name, "" if kind == "emptied" else _junk(dice, target.get(name)))
    where = f"{_path(target)}/@{name}"
    label = f"@{etree.QName(name).localname}"
    return Mutation(kind, where, Answer(_written(root)), label, kind == "retyped" and label in shape.free)


def _element(dice: random.Random, root: Any, target: Any, shape: Shape) -> Mutation | None:
    parent, name, where = target.getparent(), _name(target), _path(target)
    kind = dice.choice(("dropped", "emptied", "retyped", "doubled", "reordered", "renamed"))
    honest = False
    if parent is None and kind in ("dropped", "doubled"):
        return None
    if kind == "dropped":
        parent.remove(target)
        honest = name in shape.records
    elif kind == "emptied":
        for child in list(target):
            target.remove(child)
        target.text = None
        honest = name in shape.lists
    elif kind == "retyped":
        for child in list(target):
            target.remove(child)
        target.text = _junk(dice, target.text)
        honest = bool({name, _local(target)} & shape.free)
    elif kind == "doubled":
        parent.insert(parent.index(target), copy.deepcopy(target))
    elif kind == "reordered":
        children = list(target)
        if len(children) < 2:
            return None
        dice.shuffle(children)
        for child in children:
            target.append(child)
    else:
        target.tag = f"{target.tag}X"
    return Mutation(kind, where, Answer(_written(root)), name, honest)


def _written(root: Any) -> bytes:
    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))
