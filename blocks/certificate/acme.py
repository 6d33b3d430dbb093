"""A public authority that issues certificates by ACME (RFC 8555): Let's Encrypt and others."""

from __future__ import annotations

from collections.abc import Sequence

from acme import messages
from pydantic import BaseModel, Field, SecretStr, ValidationError

from blocks.certificate.acme_order import AcmeWire, new_key, request_for
from blocks.provider_block import ProviderBlock
from mailmove.certificates import Challenge, Issued
from mailmove.errors import Blocked, MailmoveError
from mailmove.evidence import Finding
from mailmove.ports import CertificateAuthority, Checkable


class _KeptOrder(BaseModel):
    """An order that is open. url: empty while it is being made. key: of the certificate, PEM."""

    url: str
    key: str = Field(repr=False)


class _KeptCertificate(BaseModel):
    """A certificate that was issued, with its issuers, and its key; PEM."""

    chain: str
    key: str = Field(repr=False)


class _Kept(BaseModel):
    """What must outlive a killed run. orders, issued: by the names, sorted, with a space between."""

    account: str = Field(default="", repr=False)
    orders: dict[str, _KeptOrder] = {}
    issued: dict[str, _KeptCertificate] = {}


class AcmeAuthority(ProviderBlock, CertificateAuthority, Checkable):
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
        entry = self._kept().issued.get(_key(names))
        if entry is None:
            return None
        issued = Issued(chain=entry.chain, key=SecretStr(entry.key))
        try:
            return issued if issued.enough_for(list(names)) else None
        except ValueError:
            raise _unreadable("a certificate that is none") from None

    def begin(self, names: Sequence[str]) -> list[Challenge]:
        """Go on with the order for these names that is open; make one where there is none."""
        wire = self._wire()
        order = self._open_order(wire, names)
        if order is None:
            key = new_key()
            self._keep_order(names, _KeptOrder(url="", key=key))
            self._keep_order(names, _KeptOrder(url=wire.order(names, key), key=key))
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
        kept = self._kept()
        key = kept.orders[_key(names)].key
        issued = Issued(chain=wire.finish(order), key=SecretStr(key))
        kept.issued[_key(names)] = _KeptCertificate(chain=issued.chain, key=key)
        del kept.orders[_key(names)]
        self._keep(kept)
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
        known = self._kept().orders.get(_key(names))
        if known is None or not known.url:
            return None
        try:
            request = request_for(names, known.key)
        except (ValueError, TypeError):
            raise _unreadable("the key of an order that is none") from None
        order = wire.read_order(known.url, request)
        if order is None or order.body.status == messages.STATUS_INVALID:
            self._keep_order(names, None)
            return None
        return order

    def _wire(self) -> AcmeWire:
        kept = self._kept()
        if not kept.account:
            kept.account = new_key()
            self._keep(kept)
        try:
            wire = AcmeWire(self.directory_url, kept.account, self.extra_ca)
        except (ValueError, TypeError):
            raise _unreadable("an account's key that is none") from None
        wire.sign_in(self.email)
        return wire

    def _kept(self) -> _Kept:
        """Blocked: somebody wrote something else there."""
        try:
            return _Kept.model_validate_json(self.kept.get_secret_value() or "{}")
        except ValidationError:  # which shows what stands there
            raise _unreadable("something else") from None

    def _keep_order(self, names: Sequence[str], order: _KeptOrder | None) -> None:
        """None: there is none any more."""
        kept = self._kept()
        if order is None:
            kept.orders.pop(_key(names), None)
        else:
            kept.orders[_key(names)] = order
        self._keep(kept)

    def _keep(self, kept: _Kept) -> None:
        """Write it down where any worker finds it."""
        self.kept = SecretStr(kept.model_dump_json())
        if self._block_document_name:
            self.save(self._block_document_name, overwrite=True)


def _unreadable(seen: str) -> Blocked:
    return Blocked(
        "Block",
        wanted="what Mailmove keeps of orders and certificates (`kept`)",
        seen=seen,
        todo="Put back what stood there. If it is lost, write {} into `kept`: a new account and certificate are made.",
    )


def _key(names: Sequence[str]) -> str:
    return " ".join(sorted(name.lower() for name in names))
