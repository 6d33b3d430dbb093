"""What dnspython and a name server say against a signed message, as our errors."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dns.exception
import dns.rcode
import dns.tsig
import dns.xfr

from blocks.dns.read_by_query import NotServed
from mailmove.errors import Blocked, Drifted, MailmoveError, Refused, Transient

_DRIFTED = {dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN}
TSIG_CODES: dict[type[Exception], str] = {
    dns.tsig.PeerBadKey: "BADKEY",
    dns.tsig.PeerBadSignature: "BADSIG",
    dns.tsig.PeerBadTime: "BADTIME",
}
"""TSIG errors by the exception that dnspython makes of them (RFC 8945 section 5.3.2)."""


@dataclass(frozen=True)
class ServerErrors:
    """who: the server, in words for people. key_name: of the TSIG key; never its secret."""

    who: str
    key_name: str

    @contextmanager
    def translated(self, wanted: str) -> Iterator[None]:
        """Turn dnspython's exceptions into ours."""
        try:
            yield
        except (dns.tsig.PeerError, dns.tsig.BadSignature, dns.tsig.BadTime, dns.tsig.BadKey) as error:
            raise self.refused(wanted, f"{type(error).__name__}: {error}", TSIG_CODES.get(type(error))) from None
        except dns.exception.FormError as error:
            raise self.refused(wanted, f"an answer that is not signed or not well formed: {error}") from None
        except binascii.Error:
            raise self.refused(wanted, "a TSIG secret that is not base64 (it was not sent)") from None
        except dns.xfr.TransferError as error:
            raise self.from_rcode(error.rcode, wanted) from None
        except NotServed as error:
            raise self.from_rcode(error.rcode, error.question) from None
        except ValueError as error:  # of ours or of the zone: asked again it would be the same
            todo = "Mend the record that it names."
            raise Blocked(self.who, wanted=wanted, seen=str(error), todo=todo) from None
        except (dns.exception.DNSException, OSError, EOFError) as error:
            words = f"{type(error).__name__}: {error}"
            todo = "Check the way to it by TCP; ask again."
            raise Transient(self.who, wanted=wanted, seen=words, todo=todo) from None

    def from_rcode(self, rcode: dns.rcode.Rcode, wanted: str) -> MailmoveError:
        """The error that a response code stands for."""
        code = dns.rcode.to_text(rcode)
        if rcode in _DRIFTED:
            todo = "Nothing was changed. Look again: someone else edits this zone."
            return Drifted(self.who, wanted=wanted, seen=f"{code}: a record set is not as it was", todo=todo, code=code)
        if rcode == dns.rcode.REFUSED:
            return self.refused(wanted, code, code)
        if rcode == dns.rcode.SERVFAIL:
            return Transient(self.who, wanted=wanted, seen=code, todo="Look at the server's log; ask again.", code=code)
        todo = "Check that this server is the primary of the zone and that the zone's name is right."
        return Blocked(self.who, wanted=wanted, seen=code, todo=todo, code=code)

    def refused(self, wanted: str, seen: str, code: str | None = None) -> Refused:
        """The key is not taken, or may not do this."""
        todo = (
            f"Check key {self.key_name}, its secret, its algorithm, both clocks, and what the server lets the key do."
        )
        return Refused(self.who, wanted=wanted, seen=seen, todo=todo, code=code)

    def no_such_zone(self, zone: str) -> Blocked:
        """The server holds no zone of that name."""
        todo = "Check the zone's name and server."
        return Blocked(self.who, wanted=f"zone {zone}", seen="no SOA record of that name", todo=todo)
