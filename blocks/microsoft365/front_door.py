"""Where a service is asked: at its front door, or at the regional host to which that hands a tenant on.

Some tenants' admin endpoint answers with a redirect to a regional host (cisagov/ScubaGear, June 2026). It is followed
with the same body, and remembered as long as the client lives (terraprovider/go-exoscc, adminapi/transport.go); port
446, which such an answer may name, is the back end's, and its public port is 443 (the same file). Our token goes where
an address leads, so every other host is refused by name.
"""

from __future__ import annotations

import ipaddress

import httpx

from mailmove.errors import Blocked

FOLLOWED = {301, 302, 307, 308}
MOST_HOPS = 8
_BACK_END = 446
ELSEWHERE = "LeadsElsewhere"
"""Code of an error: an answer leads to a host that does not belong to the service."""


class FrontDoor:
    """who: the service's name in messages. base: every path is below it.

    regions: domains of its cloud below which its regional hosts lie; None: no redirect of it is followed at all.
    """

    def __init__(self, who: str, base: str, regions: tuple[str, ...] | None = None) -> None:
        self._who, self._front, self._regions = who, httpx.URL(base), regions
        self._now = self._front

    def url(self, path: str) -> str:
        """Address of a path, or of a whole URL that belongs to the service. Blocked: it leads elsewhere."""
        if path.startswith(("http://", "https://")):
            return str(self._own(path, "the next page", "a link to"))
        root = self._now.copy_with(path=self._front.path) if self._front.path else self._now
        return f"{str(root).rstrip('/')}/{path.lstrip('/')}"

    def moved(self, response: httpx.Response, wanted: str) -> str | None:
        """Where a redirect leads; None: the answer is none that is followed. Blocked: it leads to another host."""
        if self._regions is None or not 300 <= response.status_code < 400 or response.status_code == 304:
            return None
        place = response.headers.get("Location", "")
        words = f"a redirect ({response.status_code}) to"
        if not place or response.status_code not in FOLLOWED:
            raise self._elsewhere(wanted, f"{words} {place[:200] or 'nowhere'}")
        asked = response.request.url
        target = self._own(place, wanted, words, asked)
        if target.path.lower() == asked.path.lower():
            self._now = target.copy_with(raw_path=b"/")
        return str(target)

    def forget(self) -> None:
        """Ask at the front door again: the regional host is not to be reached."""
        self._now = self._front

    def _own(self, address: str, wanted: str, words: str, below: httpx.URL | None = None) -> httpx.URL:
        """below: where a relative address was seen."""
        try:
            url = below.join(address) if below else httpx.URL(address)
        except (httpx.InvalidURL, ValueError):
            raise self._elsewhere(wanted, f"{words} no address: {address[:200]}") from None
        if url.port == _BACK_END and self._front.port != _BACK_END and self._regions is not None:
            url = url.copy_with(port=None)
        same = (url.scheme, url.host, url.port) in [(at.scheme, at.host, at.port) for at in (self._front, self._now)]
        if not same and not self._regional(url):
            raise self._elsewhere(wanted, f"{words} another host than {self._front.host}: {address[:200]}")
        return url

    def _regional(self, url: httpx.URL) -> bool:
        """Another port of the same host, or a host of the same cloud at its usual port; by TLS only."""
        if self._regions is None or url.scheme != "https" or url.userinfo:
            return False
        if url.host == self._front.host:
            return True
        domains = {*self._regions} if _is_address(self._front.host) else {*self._regions, self._front.host}
        return url.port is None and any(url.host == domain or url.host.endswith(f".{domain}") for domain in domains)

    def _elsewhere(self, wanted: str, seen: str) -> Blocked:
        return Blocked(
            self._who,
            wanted=wanted,
            seen=seen,
            todo="This is not how the service behaves: see what stands between it and this worker.",
            code=ELSEWHERE,
        )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
