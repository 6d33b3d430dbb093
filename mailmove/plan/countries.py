"""Country codes of ISO 3166-1, for usage locations; what people write instead of some; the country of a time zone."""

from __future__ import annotations

import importlib.resources
from zoneinfo import TZPATH

_CODES = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY
    BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK
    FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR
    IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK
    ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM
    PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF
    TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW XK
    """.split()  # noqa: SIM905  # codes read better as text
)
"""Codes of ISO 3166-1, and XK, which Microsoft lists for Kosovo."""

_MEANT = {
    "UK": "GB", "EL": "GR", "EN": "GB", "SU": "RU", "YU": "RS", "CS": "CZ", "DD": "DE", "TP": "TL", "ZR": "CD",
    "BU": "MM", "FX": "FR",
}  # fmt: skip
"""Codes that are no country (any more) -> the country that is usually meant."""


def country(value: str) -> str:
    """The value itself. ValueError: it is not two capital letters that ISO 3166-1 gives to a country."""
    code = value.strip().upper()
    if value in _CODES:
        return value
    if code in _CODES:
        raise ValueError(f"{value!r} is written {code}: two capital letters")
    if code in _MEANT:
        raise ValueError(f"{value!r} is no country in ISO 3166-1; {_MEANT[code]} is meant, probably")
    raise ValueError(f"{value!r} is no country in ISO 3166-1: two capital letters, such as GB, DE, US")


def country_of_zone(timezone: str) -> str | None:
    """The country of an IANA time zone by the zone table that comes with the zones; None: none, or not known."""
    for line in _zone_table().splitlines():
        code, *rest = line.split("\t")
        if len(rest) > 1 and rest[1] == timezone and code in _CODES:
            return code
    return None


def _zone_table() -> str:
    from pathlib import Path

    for folder in TZPATH:
        table = Path(folder) / "zone.tab"
        if table.is_file():
            return table.read_text(encoding="utf-8", errors="replace")
    try:
        return (importlib.resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    except (ModuleNotFoundError, FileNotFoundError):
        return ""
