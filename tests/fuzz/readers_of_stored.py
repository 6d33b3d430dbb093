"""Readers of what people write and what we stored: plans as YAML, entries of the ledger, plans of runs, keys."""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml
from answers import Answer, Mutation, Shape
from mutate_json import json_mutation
from mutate_text import lines_mutation
from reader import Reader
from readers_of_texts import one_answer

from blocks.certificate.acme import AcmeAuthority
from lab.authority import Authority
from mailmove.errors import BadPlan, Transient
from mailmove.plan.load import load_plan
from tasks.ledger.entry import Entry, EntryKind, entry_of
from tasks.ledger.payloads import Approval, Cart, CartLine, Delivery, Interruption, LeftItem, Reconciliation, Topic
from tasks.ledger.stored_plan import notices_of, plan_of

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / "docs" / "plan.example.yaml").read_bytes()
_NOTHING: Counter[str] = Counter()


def yaml_mutation(dice: random.Random, body: bytes, shape: Shape) -> Mutation | None:
    """As JSON is spoiled, and written as YAML again."""
    plain = json.dumps(yaml.safe_load(body), default=str).encode()
    mutation = json_mutation(dice, plain, shape)
    if mutation is None:
        return None
    text = yaml.safe_dump(json.loads(mutation.answer.body), allow_unicode=True)
    return replace(mutation, answer=Answer(text.encode()))


def _plan(body: bytes) -> Any:
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(body)
        file.flush()
        return load_plan(Path(file.name))


def _plan_or_bad(body: bytes) -> Any:
    try:
        return _plan(body)
    except BadPlan as error:
        assert error.seen and error.todo
        raise


def _rows() -> bytes:
    cutover = uuid4()
    entries = [
        Entry(cutover=cutover, kind=EntryKind.APPROVAL, stage="switch_mail", topic=Topic.APPROVAL,
              payload=Approval(by="anna", digest="ab")),
        Entry(cutover=cutover, kind=EntryKind.EVIDENCE, stage="final", topic=Topic.DELIVERY, facts=["taken"],
              payload=Delivery(mailbox="a@b", message_id="<1@x>", taken=True)),
        Entry(cutover=cutover, kind=EntryKind.RECEIPT, stage="orders", topic=Topic.CART,
              payload=Cart(cart="c", lines=[CartLine(catalog_item="x", quantity=1, term="P1M", billing="monthly")])),
        Entry(cutover=cutover, kind=EntryKind.INTERRUPTION, stage="final", topic=Topic.INTERRUPTION,
              payload=Interruption(kind="trouble", why="no")),
        Entry(cutover=cutover, kind=EntryKind.EVIDENCE, stage="final", topic=Topic.RECONCILIATION,
              payload=Reconciliation(left=[LeftItem(mailbox="a", kind="m", folder="f", subject="s", reason="r")])),
    ]  # fmt: skip
    return json.dumps([entry.model_dump(mode="json") for entry in entries]).encode()


def _json(body: bytes) -> Any:
    """Prefect gives tables as JSON that is whole; a damaged one is its own error."""
    try:
        return json.loads(body)
    except ValueError as error:
        raise Transient("Prefect", wanted="a table", seen=str(error), todo="Ask again.") from None


def _entries(body: bytes) -> list[Entry]:
    rows = _json(body)
    if not isinstance(rows, list) or not rows:
        raise Transient("Prefect", wanted="a table", seen="none", todo="Ask again.")
    return [entry_of(row) for row in rows]


def _of_entries(entries: list[Entry]) -> Counter[str]:
    return Counter({"entries": len(entries), "payloads": sum(entry.payload is not None for entry in entries)})


def _stored_plan(body: bytes) -> Any:
    parameters = _json(body)
    if not isinstance(parameters, dict):
        raise Transient("Prefect", wanted="parameters", seen="none", todo="Ask again.")
    return plan_of(parameters)


class _Run:
    """As much of Prefect's FlowRun as is read."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self.id, self.parameters = uuid4(), parameters


def _notices(body: bytes) -> Any:
    parameters = _json(body)
    if not isinstance(parameters, dict):
        raise Transient("Prefect", wanted="parameters", seen="none", todo="Ask again.")
    run: Any = _Run(parameters)
    return notices_of(run)


def _kept(body: bytes) -> Any:
    from pydantic import SecretStr

    block = AcmeAuthority(
        directory_url="https://acme.example/directory", kept=SecretStr(body.decode("utf-8", "replace"))
    )
    return block.earlier_certificate(["mail.contoso.com"])


def _kept_bytes() -> bytes:
    leaf = Authority().issue("mail.contoso.com")
    chain = "".join(pem.bytes().decode() for pem in leaf.cert_chain_pems)
    issued = {"mail.contoso.com": {"chain": chain, "key": leaf.private_key_pem.bytes().decode()}}
    return json.dumps({"account": "key", "orders": {"x": {"url": "u", "key": "k"}}, "issued": issued}).encode()


_STORED = json.dumps({"plan": json.loads(json.dumps(yaml.safe_load(EXAMPLE), default=str))}).encode()

READERS: Sequence[Reader] = (
    Reader("plan", [one_answer("example", EXAMPLE, _plan_or_bad)], [yaml_mutation, lines_mutation],
           measure=lambda plan: _NOTHING),
    Reader("ledger", [one_answer("entries", _rows(), _entries)], [json_mutation], measure=_of_entries,
           optional=frozenset({"payload", "version"})),
    Reader("stored plan", [one_answer("plan", _STORED, _stored_plan), one_answer("notices", _STORED, _notices)],
           [json_mutation], measure=lambda plan: _NOTHING),
    Reader("kept certificates", [one_answer("issued", _kept_bytes(), _kept)], [json_mutation],
           measure=lambda issued: _NOTHING),
)  # fmt: skip
