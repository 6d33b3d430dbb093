"""Names of domains and hosts with letters outside ASCII: `xn--` inside, both forms for people (RFC 5890, UTS #46).

Not transitional: `straße` is a name of its own, as browsers and registries have it today; the IDNA of 2003 made
`strasse` of it.
"""

from __future__ import annotations

import idna

_DOT = "."


def to_ascii(name: str) -> str:
    """The name as DNS has it: lower case, letters outside ASCII as `xn--`. ValueError: no registry allows such a name.

    Any case, composed or decomposed letters, full-width letters and ideographic full stops are one name (UTS #46).
    A name in ASCII is only made lower case, whatever else is wrong with it.
    """
    if name.isascii():
        return name.lower()
    mapped = idna.uts46_remap(name, std3_rules=False, transitional=False)
    return _DOT.join(label if label.isascii() else idna.alabel(label).decode("ascii") for label in mapped.split(_DOT))


def to_unicode(name: str) -> str:
    """The name as people write it; what cannot be read as `xn--` stays as it is."""
    return _DOT.join(_letters(label) for label in name.split(_DOT))


def shown(name: str) -> str:
    """The name for people, in both forms where there are two: `müller.example (xn--mller-kva.example)`."""
    letters = to_unicode(name)
    return name if letters == name else f"{letters} ({name})"


def _letters(label: str) -> str:
    if not label.lower().startswith("xn--"):
        return label
    try:
        return idna.ulabel(label)
    except UnicodeError:  # somebody's own idea of a name
        return label
