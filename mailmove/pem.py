"""PEM as people paste it (RFC 7468): line ends that became blanks, the letters `\\n`, or nothing; the one reader of it.

Forms with one line, tickets and JSON files do that to certificates and keys. The text is put into lines again; what is
in it is judged by whoever loads it.
"""

from __future__ import annotations

import re

_DASH = r"[-\u2010-\u2015\u2212]"
_SECTION = re.compile(
    rf"{_DASH}{{2,}}\s*BEGIN\s*(?P<label>[A-Z0-9][A-Z0-9 \n]*?)\s*{_DASH}{{2,}}(?P<body>.*?)"
    rf"{_DASH}{{2,}}\s*END\s*(?P<end>[A-Z0-9][A-Z0-9 \n]*?)\s*{_DASH}{{2,}}?",
    re.DOTALL,
)
"""A section. No more dashes at its end than must be: the next one may follow at once."""
_ESCAPED = re.compile(r"\\+r\\+n|\\+n|\\+r|\\+t|\r\n?")
_LABELS = {
    label.replace(" ", ""): label
    for label in (
        "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE", "CERTIFICATE REQUEST", "PKCS7", "PUBLIC KEY",
        "RSA PUBLIC KEY", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY",
    )
}  # fmt: skip
"""Label without its blanks -> the label."""
_HEADERS = re.compile(r"^\s*(?P<headers>(?:[A-Za-z0-9-]+:[^\n]*\n)+)\s*\n(?P<rest>.*)$", re.DOTALL)
_LINE = 64  # characters of base64 a line (RFC 7468 section 2)


def pem(text: str) -> str:
    """The text with every section in lines of its own; text around them stays out. A text without any is unchanged."""
    return "".join(sections(text)) or text


def sections(text: str) -> list[str]:
    """Every section, in lines of its own."""
    lines = _ESCAPED.sub("\n", text.lstrip("\ufeff"))
    return [_section(match) for match in _SECTION.finditer(lines)]


def section(text: str, label: str) -> str:
    """The first section whose label ends so: `RSA PRIVATE KEY` for `PRIVATE KEY`. ValueError: there is none."""
    for known in sections(text):
        if known.partition("\n")[0].endswith(f"{label}-----"):
            return known
    raise ValueError(f"no {label}")


def _section(match: re.Match[str]) -> str:
    label = _label(match["label"])
    body, headers = match["body"], list[str]()
    if with_headers := _HEADERS.match(body):  # an old way to seal a key (RFC 1421)
        headers, body = with_headers["headers"].strip().split("\n"), with_headers["rest"]
    if ":" in body:  # headers that ran into the text: nobody can tell where they end
        return match[0] + "\n"
    packed = "".join(body.split()).strip('"')
    rows = [packed[first : first + _LINE] for first in range(0, len(packed), _LINE)]
    lines = [f"-----BEGIN {label}-----", *rows, f"-----END {label}-----", ""]
    lines[1:1] = [*headers, ""] if headers else []
    return "\n".join(lines)


def _label(written: str) -> str:
    words = " ".join(written.split())
    return _LABELS.get(words.replace(" ", ""), words)
