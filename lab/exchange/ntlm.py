"""The server's side of NTLMv2 (MS-NLMP) for HTTP, on pyspnego's message and key functions.

pyspnego's own acceptor takes its users from a file named in the environment, which is one for the whole process;
two towns in one process need two.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping

from spnego._ntlm_raw.crypto import hmac_md5, ntowfv1, ntowfv2, rc4init, rc4k, sealkey, signkey
from spnego._ntlm_raw.messages import Authenticate, AvId, Challenge, FileTime, Negotiate, NegotiateFlags, TargetInfo
from spnego._ntlm_raw.security import seal, sign

_OFFERED = (
    NegotiateFlags.unicode
    | NegotiateFlags.request_target
    | NegotiateFlags.ntlm
    | NegotiateFlags.always_sign
    | NegotiateFlags.target_info
    | NegotiateFlags.target_type_server
    | NegotiateFlags.extended_session_security
)


def account_named(accounts: Mapping[str, str], name: str) -> str | None:
    """The account that `user`, `DOMAIN\\user` or `user@domain` names."""
    plain = name.rpartition("\\")[2].lower()
    for account in accounts:
        if plain == account.lower() or plain == account.lower().partition("@")[0]:
            return account
    return None


class Acceptor:
    """One sign-in: `challenge(negotiate)`, then `account(authenticate)`."""

    def __init__(self, accounts: Mapping[str, str], server: str) -> None:
        self._accounts = accounts
        self._server = server
        self._challenge = os.urandom(8)
        self.seal: Seal | None = None  # once `account` has proved somebody who asked for it

    def challenge(self, token: bytes) -> bytes:
        """Answer the client's NEGOTIATE_MESSAGE. ValueError: it is none."""
        asked = Negotiate.unpack(token)
        flags = (asked.flags | _OFFERED) & ~(NegotiateFlags.oem | NegotiateFlags.lm_key | NegotiateFlags.version)
        info = TargetInfo()
        info[AvId.nb_computer_name] = info[AvId.nb_domain_name] = self._server
        info[AvId.dns_computer_name] = self._server.lower()
        info[AvId.timestamp] = FileTime.now()
        message: bytes = Challenge(flags, self._challenge, target_name=self._server, target_info=info).pack()
        return message

    def account(self, token: bytes) -> str | None:
        """Whom the AUTHENTICATE_MESSAGE proves; None: wrong name or password, or no NTLMv2."""
        answer = Authenticate.unpack(token)
        name = account_named(self._accounts, answer.user_name or "")
        proof = answer.nt_challenge_response or b""
        if name is None or len(proof) <= 24:
            return None
        key = ntowfv2(answer.user_name or "", ntowfv1(self._accounts[name]), answer.domain_name)
        wanted = hmac_md5(key, self._challenge + proof[16:])
        if not hmac.compare_digest(wanted, proof[:16]):
            return None
        if answer.flags & NegotiateFlags.seal:
            session = hmac_md5(key, proof[:16])
            if answer.flags & NegotiateFlags.key_exch:
                session = rc4k(session, answer.encrypted_random_session_key or b"")
            self.seal = Seal(answer.flags, session)
        return name


class Seal:
    """The server's side of a sealed conversation (MS-NLMP 3.4)."""

    def __init__(self, flags: int, session: bytes) -> None:
        self._flags = flags
        self._keys = {usage: signkey(flags, session, usage) for usage in ("initiate", "accept")}
        self._handles = {usage: rc4init(sealkey(flags, session, usage)) for usage in ("initiate", "accept")}
        self._count = {"initiate": 0, "accept": 0}

    def close(self, head: bytes, body: bytes, trailer: bytes) -> tuple[bytes, bytes]:
        """(sealed body, signature over all three)."""
        number, self._count["accept"] = self._count["accept"], self._count["accept"] + 1
        sealed, signature = seal(
            self._flags, self._handles["accept"], self._keys["accept"], number, body, to_sign=head + body + trailer
        )
        return bytes(sealed), bytes(signature)

    def open(self, head: bytes, body: bytes, trailer: bytes, signature: bytes) -> bytes:
        """The body in the clear. ValueError: the signature is wrong."""
        number, self._count["initiate"] = self._count["initiate"], self._count["initiate"] + 1
        clear = bytes(self._handles["initiate"].update(body))
        wanted = sign(self._flags, self._handles["initiate"], self._keys["initiate"], number, head + clear + trailer)
        if not hmac.compare_digest(bytes(wanted), signature):
            raise ValueError("the signature is wrong")
        return clear
