"""Documents of every block type, each with one field broken in one way, and a word in every secret of it."""

from __future__ import annotations

import datetime
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from prefect.blocks.core import Block
from prefect.blocks.notifications import (
    CustomWebhookNotificationBlock,
    MicrosoftTeamsWebhook,
    PagerDutyWebHook,
    SlackWebhook,
)
from prefect.types import SecretDict
from pydantic import BaseModel, SecretStr

from blocks import ALL_BLOCKS

SECRET = "kwarz-7f3a91c2"
"""Stands in every field that is secret, and in whatever breaks a field; nobody but the block may show it."""
EVERY_BLOCK: tuple[type[Block], ...] = (
    *ALL_BLOCKS,
    SlackWebhook,
    MicrosoftTeamsWebhook,
    CustomWebhookNotificationBlock,
    PagerDutyWebHook,
)
"""Ours, and those of Prefect's that a plan may name."""
_WRONG: dict[str, Any] = {
    "nothing": None,
    "empty": "",
    "a number": 7,
    "a truth": True,
    "a text": SECRET,
    "overlong": SECRET * 5000,
    "a list": [SECRET],
    "a dict": {SECRET: SECRET},
    "nested": {"value": {"aws_secret_access_key": [SECRET], "aws_client_parameters": SECRET}},
    "an address with an account": f"https://root:{SECRET}@127.0.0.1:1/wsman?pw={SECRET}#{SECRET}",
    "a bad address": f"https://root:{SECRET}@[::1/:port",
    "a private key": f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n",
    "a cut secret": f"{SECRET}\r\nX: {SECRET}\x1b[2J",
}


@dataclass(frozen=True)
class Broken:
    """kind: the block's class. data: the fields of its document. name: what is broken, and how."""

    kind: type[Block]
    data: dict[str, Any]
    name: str


def whole(kind: type[BaseModel]) -> dict[str, Any]:
    """A document that says something in every field, by its type."""
    return {name: _sample(name, field.annotation, field) for name, field in kind.model_fields.items()}


def broken(kind: type[Block]) -> Iterator[Broken]:
    """Every field left out, and filled in in every wrong way; a field too many; everything at once."""
    good = whole(kind)
    yield Broken(kind, {**good, "passwort": SECRET}, "a field too many")
    yield Broken(kind, {}, "nothing at all")
    yield Broken(kind, {**good, "block_type_slug": SECRET}, "another type")
    for how, value in _WRONG.items():
        yield Broken(kind, dict.fromkeys(good, value), f"every field {how}")
    for name in good:
        left = {key: value for key, value in good.items() if key != name}
        yield Broken(kind, left, f"{name} missing")
        for how, value in _WRONG.items():
            yield Broken(kind, {**good, name: value}, f"{name} {how}")


def _sample(name: str, kind: Any, field: Any) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is SecretStr:
        return SECRET
    if kind is SecretDict or "SecretDict" in str(kind):
        return {"token": SECRET, "more": {"deep": [SECRET]}}
    if isinstance(kind, type) and issubclass(kind, BaseModel) and not origin:
        return whole(kind)
    if origin in (Union, UnionType):
        return _sample(name, next(each for each in inner if each is not type(None)), field)
    if origin is typing.Annotated:
        return _sample(name, inner[0], field)
    if origin is Literal:
        return inner[0]
    if field.examples:
        return field.examples[0]
    if origin is dict:
        return {}
    if origin in (list, tuple, set):
        return []
    if kind in (int, float):
        return 5
    if kind is bool:
        return False
    if kind is datetime.datetime:
        return "2026-01-01T00:00:00Z"
    if "url" in name:
        return "https://127.0.0.1:1/"
    return field.default if isinstance(field.default, str) else "a-name"
