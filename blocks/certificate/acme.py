"""A public authority that issues certificates by ACME (RFC 8555): Let's Encrypt and others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from acme import messages
from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.certificate.acme_order import AcmeWire, new_key, request_for
from mailmove.certificates import Challenge, Issued
from mailmove.errors import Blocked, MailmoveError
from mailmove.evidence import Finding
from mailmove.ports import CertificateAuthority, Checkable


class AcmeAuthority(Block, CertificateAuthority, Checkable):
    """Where certificates are ordered, and what must outlive a killed run: keys, and the order that is open.

    Everything is saved in this block, as a secret, before the wire hears of it. By ordering you agree to the
    authority's terms of service. Errors: Blocked, Throttled, Transient.
    """

    _block_type_name = "ACME Authority"
    _block_type_slug = "acme-authority"

    directory_url: str = Field(
        default="https://acme-v02.api.letsencrypt.org/directory",
        pattern=r"^https://",
        description="The authority's directory.",
        examples=["https://acme-v02.api.letsencrypt.org/directory"],
    )
    email: str | None = Field(
        default=None, description="Where the authority writes before a certificate ends.", examples=["it@msp.example"]
    )
    extra_ca: str | None = Field(default=None, description="PEM of a root certificate to trust besides the system's.")
    kept: SecretStr = Field(
        default=SecretStr("{}"), description="Keys, the open order and what was issued. Mailmove writes it; leave it."
    )

    def earlier_certificate(self, names: Sequence[str]) -> Issued | None:
        """What was issued for exactly these names, while it is good for three weeks yet."""
        entry = self._kept()["issued"].get(_key(names))
        if entry is None:
            return None
        issued = Issued(chain=entry["chain"], key=SecretStr(entry["key"]))
        return issued if issued.enough_for(list(names)) else None

    def begin(self, names: Sequence[str]) -> list[Challenge]:
        """Go on with the order for these names that is open; make one where there is none."""
        wire = self._wire()
        order = self._open_order(wire, names)
        if order is None:
            key = new_key()
            self._keep(orders={_key(names): {"url": "", "key": key}})
            url = wire.order(names, key)
            self._keep(orders={_key(names): {"url": url, "key": key}})
            order = self._open_order(wire, names)
        if order is None:
            raise Blocked(self.directory_url, wanted="the order just made", seen="none", todo="Try again later.")
        return wire.to_publish(order)

    def finish(self, names: Sequence[str]) -> Issued:
        """Answer the challenges of the open order, and take what is issued."""
        if (known := self.earlier_certificate(names)) is not None:
            return known
        wire = self._wire()
        order = self._open_order(wire, names)
        if order is None:
            raise Blocked(self.directory_url, wanted="an open order", seen="none", todo="Begin again.")
        key = str(self._kept()["orders"][_key(names)]["key"])
        issued = Issued(chain=wire.finish(order), key=SecretStr(key))
        self._keep(issued={_key(names): {"chain": issued.chain, "key": key}}, orders={_key(names): None})
        return issued

    def findings(self) -> list[Finding]:
        """Does the directory answer, and know our account?"""
        try:
            self._wire()
        except MailmoveError as error:
            means = "No certificate can be had from there."
            return [Finding(subject=self.directory_url, seen=error.seen, means=means, todo=error.todo, blocks=True)]
        return []

    def _open_order(self, wire: AcmeWire, names: Sequence[str]) -> messages.OrderResource | None:
        """The order for these names that can still lead to a certificate; the one that cannot is forgotten."""
        known = self._kept()["orders"].get(_key(names))
        if not known or not known["url"]:
            return None
        order = wire.read_order(known["url"], request_for(names, known["key"]))
        if order is None or order.body.status == messages.STATUS_INVALID:
            self._keep(orders={_key(names): None})
            return None
        return order

    def _wire(self) -> AcmeWire:
        account = self._kept()["account"]
        if not account:
            account = new_key()
            self._keep(account=account)
        wire = AcmeWire(self.directory_url, account, self.extra_ca)
        wire.sign_in(self.email)
        return wire

    def _kept(self) -> dict[str, Any]:
        kept: dict[str, Any] = {"account": "", "orders": {}, "issued": {}}
        kept.update(json.loads(self.kept.get_secret_value() or "{}"))
        return kept

    def _keep(self, **changes: Any) -> None:
        """Write it down where any worker finds it. None takes an entry away."""
        kept = self._kept()
        for name, value in changes.items():
            kept[name] = {**kept[name], **value} if isinstance(value, dict) else value
        kept["orders"] = {names: order for names, order in kept["orders"].items() if order}
        self.kept = SecretStr(json.dumps(kept))
        if self._block_document_name:
            self.save(self._block_document_name, overwrite=True)


def _key(names: Sequence[str]) -> str:
    return " ".join(sorted(name.lower() for name in names))
