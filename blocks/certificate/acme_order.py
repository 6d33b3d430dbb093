"""One ACME order over the wire (RFC 8555), by the `acme` library; its exceptions end here."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import josepy
import requests
from acme import challenges, client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from josepy.jwk import JWKRSA

from blocks.tls_roots import ContextAdapter, tls_context
from mailmove.certificates import Challenge
from mailmove.errors import Blocked, MailmoveError, Throttled, Transient

_AGENT = "mailmove"
_RAW = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
_LONGEST_WAIT = 60.0


def new_key() -> str:
    """RSA of 2048 bits, which every old Windows takes; PEM."""
    return rsa.generate_private_key(65537, 2048).private_bytes(*_RAW).decode()


def request_for(names: Sequence[str], key: str) -> bytes:
    """A certificate signing request, PEM."""
    private = serialization.load_pem_private_key(key.encode(), None)
    built = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    signed = built.add_extension(alternatives, critical=False).sign(private, hashes.SHA256())  # type: ignore[arg-type]
    return signed.public_bytes(serialization.Encoding.PEM)


class AcmeWire:
    """A signed conversation with one directory. Blocked, Throttled or Transient: nothing else comes out."""

    def __init__(self, directory_url: str, account_key: str, extra_ca: str | None) -> None:
        self._who = f"ACME at {directory_url}"
        # We made it, so nobody needs to prove anew that its numbers are prime, which takes 40 ms.
        key = serialization.load_pem_private_key(account_key.encode(), None, unsafe_skip_rsa_key_validation=True)
        net = client.ClientNetwork(JWKRSA(key=key), user_agent=_AGENT, timeout=20)
        net.session.trust_env = False  # the environment's CA bundles would override what the block says
        net.session.mount("https://", ContextAdapter(tls_context(extra_ca)))
        self._net = net
        with self.translated("its directory"):
            self._client = client.ClientV2(client.ClientV2.get_directory(directory_url, net), net)

    def sign_in(self, email: str | None) -> None:
        """Make the account of this key, or find it."""
        with self.translated("an account"):
            asked = messages.NewRegistration.from_data(email=email, terms_of_service_agreed=True)
            try:
                self._client.new_account(asked)
            except errors.ConflictError as known:
                account = messages.RegistrationResource(body=messages.Registration(), uri=known.location)
                self._net.account = account

    def order(self, names: Sequence[str], key: str) -> str:
        """A new order; its address."""
        with self.translated(f"an order for {', '.join(names)}"):
            return str(self._client.new_order(request_for(names, key)).uri)

    def read_order(self, url: str, request: bytes) -> messages.OrderResource | None:
        """The order as it stands, with its authorizations; None: there is none any more."""
        with self.translated("the order"):
            try:
                body = messages.Order.from_json(_object(self._client._post_as_get(url)))
            except messages.Error as gone:
                if gone.code in ("malformed", "unauthorized", None):
                    return None
                raise
            proofs = [self._proof(str(authorization)) for authorization in _listed(body.authorizations)]
            return messages.OrderResource(body=body, uri=url, authorizations=proofs, csr_pem=request)

    def _proof(self, url: str) -> messages.AuthorizationResource:
        """An authorization that is whole (RFC 8555 section 7.1.4): its status, its name and challenges with tokens."""
        response = self._client._post_as_get(url)
        _object(response)
        proof = self._client._authzr_from_response(response, uri=url)
        name, status = getattr(proof.body.identifier, "value", None), proof.body.status
        if not isinstance(name, str) or not name or status is None or not _listed(proof.body.challenges):
            raise ValueError("an authorization without its status, name or challenges")
        return proof

    def to_publish(self, order: messages.OrderResource) -> list[Challenge]:
        """TXT records of the authorizations that are pending."""
        records = []
        with self.translated("what to publish"):
            for proof in order.authorizations:
                if proof.body.status == messages.STATUS_PENDING:
                    name = f"_acme-challenge.{proof.body.identifier.value}."
                    records.append(Challenge(name=name, value=_dns01(proof).chall.validation(self._net.key)))
        return records

    def finish(self, order: messages.OrderResource) -> str:
        """Have pending proofs looked at, finalize, download: the chain in PEM."""
        deadline = dt.datetime.now() + dt.timedelta(seconds=_LONGEST_WAIT)  # naive, as the library counts
        with self.translated("the certificate"):
            for proof in order.authorizations:
                challenge = _dns01(proof) if proof.body.status == messages.STATUS_PENDING else None
                if challenge is not None and challenge.status == messages.STATUS_PENDING:
                    self._client.answer_challenge(challenge, challenge.chall.response(self._net.key))
            order = self._client.poll_authorizations(order, deadline)
            if order.body.status in (messages.STATUS_PENDING, messages.STATUS_READY):
                return str(self._client.finalize_order(order, deadline).fullchain_pem)
            return str(self._client.poll_finalization(order, deadline).fullchain_pem)

    @contextlib.contextmanager
    def translated(self, wanted: str) -> Iterator[None]:
        try:
            yield
        except MailmoveError:
            raise
        except errors.ValidationError as error:
            words = "; ".join(_why(proof) for proof in error.failed_authzrs)
            todo = "Look at the TXT records and CAA records of the zone at every name server; then try again."
            raise Blocked(self._who, wanted=wanted, seen=words, todo=todo) from None
        except messages.Error as error:
            words = f"{error.code or 'an error'}: {error.detail or ''}"
            if error.code == "rateLimited":
                todo = "It is asked again later; such limits last an hour to a week."
                raise Throttled(self._who, wanted=wanted, seen=words, todo=todo, retry_after=3600) from None
            if error.code in ("serverInternal", "badNonce", "orderNotReady"):
                raise Transient(self._who, wanted=wanted, seen=words, todo="It is asked again.") from None
            todo = "Read the authority's words; a CAA record may forbid it, or the account may be closed."
            raise Blocked(self._who, wanted=wanted, seen=words, todo=todo) from None
        except (errors.Error, requests.RequestException, OSError, ValueError, josepy.errors.Error) as error:
            words = str(error) or type(error).__name__
            raise Transient(self._who, wanted=wanted, seen=words[:300], todo="It is asked again.") from None
        except (LookupError, TypeError, AttributeError) as error:
            # The library trusts the form of the JSON, and fails in any way where it is another.
            words = f"an answer that is not of RFC 8555 ({type(error).__name__})"
            raise Transient(self._who, wanted=wanted, seen=words[:300], todo="It is asked again.") from None


def _object(response: requests.Response) -> dict[str, Any]:
    """The JSON object of an answer. ValueError: it is none."""
    body = response.json()
    if not isinstance(body, dict):
        raise ValueError("an answer that is no JSON object")  # noqa: TRY004  # it is the form that is wrong
    return body


def _listed(value: Any) -> list[Any]:
    """A list that the specification wants not to be empty. ValueError: it is none."""
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError("an answer that lacks a list")
    return list(value)


def _dns01(proof: Any) -> Any:
    for challenge in proof.body.challenges:
        if isinstance(challenge.chall, challenges.DNS01):
            return challenge
    raise Blocked(
        "ACME",
        wanted=f"a DNS-01 challenge for {proof.body.identifier.value}",
        seen="the authority offers none",
        todo="Use another authority.",
    )


def _why(proof: Any) -> str:
    reasons = [str(challenge.error.detail) for challenge in proof.body.challenges if challenge.error is not None]
    return f"{proof.body.identifier.value}: {'; '.join(reasons) or 'no reason given'}"
