"""One file a provider: settings, secrets, wire. Importing this package makes every block known to Prefect.

To add a DNS provider: write `blocks/dns/<name>.py` and put one line here.
"""

from blocks.approver import Approver
from blocks.certificate.acme import AcmeAuthority
from blocks.dns.manual import Manual
from blocks.dns.octodns import OctoDns
from blocks.dns.rfc2136 import Rfc2136
from blocks.dns.route53 import Route53
from blocks.firewall.aws_security_group import AwsSecurityGroup
from blocks.firewall.manual_firewall import ManualFirewall
from blocks.firewall.ssh_gateway import SshGateway
from blocks.firewall.windows_firewall import WindowsFirewall
from blocks.mail_notice import MailNotice
from blocks.partner.partner_center import PartnerCenter
from blocks.source.exchange_server import ExchangeServer
from blocks.target.microsoft365 import Microsoft365

ALL_BLOCKS = (
    AcmeAuthority,
    Approver,
    MailNotice,
    Manual,
    OctoDns,
    Rfc2136,
    Route53,
    AwsSecurityGroup,
    ManualFirewall,
    SshGateway,
    WindowsFirewall,
    ExchangeServer,
    Microsoft365,
    PartnerCenter,
)

__all__ = [
    "ALL_BLOCKS",
    "AcmeAuthority",
    "Approver",
    "AwsSecurityGroup",
    "ExchangeServer",
    "MailNotice",
    "Manual",
    "ManualFirewall",
    "Microsoft365",
    "OctoDns",
    "PartnerCenter",
    "Rfc2136",
    "Route53",
    "SshGateway",
    "WindowsFirewall",
]
