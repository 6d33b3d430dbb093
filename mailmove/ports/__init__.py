"""The ports: abstract classes of the systems outside; `blocks/` implements each for one vendor.

They are ABCs, not Protocols: Prefect's Block has a metaclass of its own. Every method is a blocking call that
may raise only errors from `mailmove.errors`. Every method that changes something is idempotent: it reads
first, changes only the difference, and returns when the other side has confirmed.
"""

from __future__ import annotations

from mailmove.items.copy.mover_port import Mover
from mailmove.ports.checks import Checkable
from mailmove.ports.clock import HasClock
from mailmove.ports.dns import CertificateAuthority, DnsProvider
from mailmove.ports.firewall import Firewall
from mailmove.ports.messages import MessageStore
from mailmove.ports.partner import Partner
from mailmove.ports.sign_in import TakesSignIn
from mailmove.ports.source import HasRpcProxyFeature, HoldsCertificates, SourceServer
from mailmove.ports.tenant import Tenant, TenantItems

__all__ = [
    "CertificateAuthority",
    "Checkable",
    "DnsProvider",
    "Firewall",
    "HasClock",
    "HasRpcProxyFeature",
    "HoldsCertificates",
    "MessageStore",
    "Mover",
    "Partner",
    "SourceServer",
    "TakesSignIn",
    "Tenant",
    "TenantItems",
]
