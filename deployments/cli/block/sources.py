"""Where a value comes from: `env:NAME`, `file:PATH`, `keyring:SERVICE/NAME`, `block:TYPE/NAME[#KEY]`, or itself.

`block:` is any secret block of Prefect (its own Secret, AWS Secrets Manager, and those that other collections bring);
`#KEY` takes one field where the secret is JSON. A message names the source, never what it gave.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from mailmove.plan.text_files import text_of

KINDS = ("env", "file", "keyring", "block")
HOW = "env:NAME, file:PATH, keyring:SERVICE/NAME or block:TYPE/NAME"
_SOURCE = re.compile(rf"({'|'.join(KINDS)}):(.+)", re.DOTALL)
_LARGEST = 1_000_000
"""Bytes of a file; no secret is longer."""


class NoValue(ValueError):
    """A source that gives nothing; the message says which, and what to do."""


def is_source(text: str) -> bool:
    return _SOURCE.fullmatch(text) is not None


def value_of(source: str) -> str:
    """The value behind a source; text that names none is the value itself. NoValue: nothing stands there."""
    match = _SOURCE.fullmatch(source)
    if match is None:
        return source
    kind, place = match.groups()
    readers: dict[str, Callable[[str], str]] = {
        "env": _of_environment, "file": _of_file, "keyring": _of_keyring, "block": _of_block,
    }  # fmt: skip
    value = readers[kind](place)
    if not value:
        raise NoValue(f"{source} is empty")
    return value


def _of_environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise NoValue(f"env:{name} is not set")
    return value


def _of_file(place: str) -> str:
    path = Path(place).expanduser()
    try:
        if path.stat().st_size > _LARGEST:
            raise NoValue(f"file:{place} is larger than any secret")
        text = text_of(path.read_bytes())
    except OSError as error:
        raise NoValue(f"file:{place}: {error.strerror}") from None
    except UnicodeError:
        raise NoValue(f"file:{place} is no text in UTF-8 or UTF-16") from None
    return text.removesuffix("\n").removesuffix("\r")


def _of_keyring(place: str) -> str:
    service, slash, name = place.rpartition("/")
    if not slash or not service or not name:
        raise NoValue(f"keyring:{place}: write keyring:SERVICE/NAME")
    try:
        store = importlib.import_module("keyring")
    except ModuleNotFoundError:
        raise NoValue("keyring: the package is not installed here; `pip install keyring`") from None
    try:
        value = store.get_password(service, name)
    except Exception as error:  # noqa: BLE001  # every backend has errors of its own
        raise NoValue(f"keyring:{place}: the keyring does not open ({type(error).__name__})") from None
    if value is None:
        raise NoValue(f"keyring:{place}: nothing stands there")
    return str(value)


def _of_block(place: str) -> str:
    from prefect.blocks.core import Block

    reference, _, key = place.partition("#")
    try:
        block = Block.load(reference)
    except ValueError:
        raise NoValue(f"block:{reference}: there is no such block") from None
    try:
        value = _secret_in(reference, block)
    except NoValue:
        raise
    except Exception as error:  # noqa: BLE001  # every store has errors of its own, and they may quote what it gave
        raise NoValue(f"block:{reference}: its store gives nothing ({type(error).__name__})") from None
    return _field_of(place, value, key) if key else value


def _secret_in(reference: str, block: object) -> str:
    for name in ("read_secret", "get"):
        method = getattr(block, name, None)
        if callable(method):
            value = method()
            if inspect.isawaitable(value):
                raise NoValue(f"block:{reference} can only be read in a flow")
            if isinstance(value, bytes):
                return value.decode()
            return value if isinstance(value, str) else json.dumps(value)  # Prefect's Secret reads JSON by itself
    raise NoValue(f"block:{reference} holds no secret: it is a {type(block).__name__}")


def _field_of(place: str, value: str, key: str) -> str:
    try:
        known = json.loads(value)
    except ValueError:
        raise NoValue(f"block:{place}: the secret is no JSON, so it has no fields") from None
    if not isinstance(known, dict) or key not in known:
        raise NoValue(f"block:{place}: the secret has no field {key}")
    return str(known[key])
