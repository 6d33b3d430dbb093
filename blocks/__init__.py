"""One file a provider: settings, secrets, wire. This package imports none of them before it is asked for.

A provider's library takes a second to import, and a resumed cutover is a new process that needs one or two of them.
To add a DNS provider: write `blocks/dns/<name>.py` and put one line here.
"""

from pkgutil import resolve_name
from typing import Any

_PLACES = {
    "acme-authority": "blocks.certificate.acme:AcmeAuthority",
    "approver": "blocks.approver:Approver",
    "mail-notice": "blocks.mail_notice:MailNotice",
    "manual": "blocks.dns.manual:Manual",
    "octodns": "blocks.dns.octodns:OctoDns",
    "rfc2136": "blocks.dns.rfc2136:Rfc2136",
    "route53": "blocks.dns.route53:Route53",
    "aws-security-group": "blocks.firewall.aws_security_group:AwsSecurityGroup",
    "manual-firewall": "blocks.firewall.manual_firewall:ManualFirewall",
    "ssh-gateway": "blocks.firewall.ssh_gateway:SshGateway",
    "windows-firewall": "blocks.firewall.windows_firewall:WindowsFirewall",
    "exchange-server": "blocks.exchange.exchange_server:ExchangeServer",
    "microsoft365": "blocks.microsoft365.microsoft365:Microsoft365",
    "partner-center": "blocks.partner.partner_center:PartnerCenter",
}
"""The slug of a block type, as in `route53/acme`, and where its class is."""

_NAMED = {place.partition(":")[2]: place for place in _PLACES.values()}


def block_class(slug: str) -> Any:
    """The class of a block type, imported now. None: it is not one of ours."""
    place = _PLACES.get(slug)
    return resolve_name(place) if place else None


def __getattr__(name: str) -> Any:
    """`ALL_BLOCKS`, which Prefect asks for by an entry point (pyproject.toml), or a class by its name."""
    if name == "ALL_BLOCKS":
        return tuple(map(resolve_name, _PLACES.values()))
    if name in _NAMED:
        return resolve_name(_NAMED[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What `prefect block register -m blocks` finds."""
    return [*globals(), "ALL_BLOCKS", *_NAMED]
