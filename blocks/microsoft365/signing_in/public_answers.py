"""What Microsoft's sign-in says of a domain to anybody: which tenant has it, and of what kind. No password is sent.

Sources: `getuserrealm.srf` (NameSpaceType Managed, Federated, Unknown; IsViral: a tenant that nobody administers, made
by self-service sign-up) and the OpenID configuration, which names the tenant (timmcmic, 2023-07-02; Microsoft's admin
takeover pages for what such a tenant is). Unverified on many tenants: docs/unverified.md.
"""

from __future__ import annotations

import re
from typing import Any

import httpx

from blocks.tls_roots import tls_context
from mailmove.errors import MailmoveError
from mailmove.tenant_state import DomainHolder, HolderKind
from mailmove.wire.http import client as client_of

_SECONDS = 6.0
"""Seconds for everything that is asked."""
_MOST = 100_000
"""Bytes of an answer that is read; Microsoft's have a few thousand."""
_ISSUER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_KINDS: dict[str, HolderKind] = {"managed": "managed", "federated": "federated", "unknown": "none"}


def holder_of(domain: str, login_url: str, extra_ca: str | None) -> DomainHolder:
    """Who has the domain. Never raises for what is answered, or is not: `trouble` says what was not seen."""
    base = login_url.rstrip("/")
    try:
        with client_of(tls_context(extra_ca), seconds=_SECONDS, most=_MOST) as client:
            realm = _json(client.get(f"{base}/getuserrealm.srf", params={"login": f"anyone@{domain}", "json": "1"}))
            kind = _KINDS.get(str(realm.get("NameSpaceType", "")).lower(), "")
            if kind in ("none", ""):
                return DomainHolder(kind=kind, trouble="" if kind else "Microsoft's answer about it is not understood")
            kind = "unmanaged" if str(realm.get("IsViral")).lower() == "true" else kind
            about = _json(client.get(f"{base}/{domain}/v2.0/.well-known/openid-configuration"))
    except (MailmoveError, httpx.HTTPError, OSError, ValueError, RecursionError) as error:
        return DomainHolder(trouble=f"Microsoft's sign-in does not answer about the domain ({type(error).__name__})")
    tenant = _ISSUER.search(str(about.get("issuer", "")))
    if tenant is None:
        return DomainHolder(kind=kind, trouble="Microsoft has the domain, and does not name its tenant")
    return DomainHolder(kind=kind, tenant_id=tenant.group(0).lower())


def _json(answer: httpx.Response) -> dict[str, Any]:
    content = answer.json()
    return content if isinstance(content, dict) else {}
