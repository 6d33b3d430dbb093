"""Play a reader many times: how often, and from which seed."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reader import NAMED, Failure, Reader, in_peace, play

MUTATIONS = int(os.environ.get("MUTATIONS", "300"))
SEED = os.environ.get("SEED", "")
ONLY = os.environ.get("READER", "")
"""The one reader that is played; empty: all."""
FINDINGS = os.environ.get("FINDINGS", "")
"""File to which every failure is written, too."""
SHOWN = 5


def names(readers: dict[str, Any]) -> list[str]:
    """Parameters for a test of each reader that was chosen."""
    return [name for name in readers if ONLY in ("", name)]


def failures_of(reader: Reader, whole: dict[str, Any]) -> list[Failure]:
    """One failure of each kind, of all seeds or the one that was chosen. whole: what each case holds unspoiled."""
    kinds: dict[str, Failure] = {}
    counted: Counter[str] = Counter()
    seeds = [int(SEED)] if SEED else range(MUTATIONS)
    for seed in seeds:
        failure = play(reader, seed, whole)
        if failure is not None:
            counted[failure.kind] += 1
            kinds.setdefault(failure.kind, failure)
    return [kinds[kind] for kind, _ in counted.most_common()]


def check(reader: Reader) -> None:
    whole = {case.name: in_peace(reader, case) for case in reader.cases}
    read = [measured for measured in whole.values() if measured is not None]
    assert 2 * len(read) >= len(whole), f"little can be read in peace: {whole}"
    assert not any(measured[NAMED] for measured in read), f"what is whole is said to be damaged: {whole}"
    failures = failures_of(reader, whole)
    if FINDINGS:
        with Path(FINDINGS).open("a", encoding="utf-8") as file:
            file.writelines(f"{failure}\n\n" for failure in failures)
    shown = "\n\n".join(str(replace(failure, whole=bool(SEED))) for failure in failures[:SHOWN])
    if failures:
        pytest.fail(f"{len(failures)} kinds of failure\n\n{shown}", pytrace=False)
