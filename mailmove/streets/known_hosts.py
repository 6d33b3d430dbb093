"""Names of hosts that tell what they are: mail filters, providers of mailboxes, Microsoft, dynamic addresses.

The suffixes are those that the services tell their customers to put into the MX record, or that their hosts have. A
list is never whole: a filter that is not in it is known by evidence (`judge.py`).
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["filter", "provider", "microsoft", "dynamic"]

_FILTERS = {
    "Proofpoint": "pphosted.com ppe-hosted.com gpphosted.com",
    "Mimecast": "mimecast.com mimecast.co.za mimecast-offshore.com mimecast-us.com",
    "Barracuda": "barracudanetworks.com cudamail.com",
    "Hornetsecurity": "hornetsecurity.com antispameurope.com spamina.com zerospam.ca vadesecure.com",
    "Broadcom (MessageLabs)": "messagelabs.com messagelabs.net",
    "Cisco": "iphmx.com",
    "Sophos": "prod.hydra.sophos.com sophos.com reflexion.net",
    "Trend Micro": "trendmicro.com trendmicro.eu trendmicro.co.jp trendmicro.com.au",
    "Forcepoint": "mailcontrol.com blackspider.com",
    "N-able": "antispamcloud.com spamexperts.com spamexperts.eu spamexperts.net mtaroutes.com",
    "Retarus": "retarus.com retarus.de",
    "eXpurgate (eleven)": "expurgate.net expurgate.de expurgate.com eleven.de",
    "NoSpamProxy": "nospamproxy.com nospamproxy.cloud",
    "SEPPmail": "seppmail.cloud seppmail.ch",
    "OpenText (AppRiver, Zix)": "appriver.com arsmtp.com zixworks.com zixmail.net mxlogic.net",
    "TitanHQ": "spamtitan.com titanhq.com mailspamprotection.com",
    "Trustwave": "mailmax.trustwave.com trustwave.com m86security.com",
    "Fortinet": "fortimailcloud.com",
    "Check Point": "checkpointcloudsec.com cpcloudsec.net avanan.net",
    "Cloudflare": "mxrecord.io mxrecord.mx mx.cloudflare.net",
    "FireEye (Trellix)": "fireeyecloud.com",
    "MailRoute": "mailroute.net",
    "MX Guarddog": "mxguarddog.com ik2.com",
    "SpamHero": "spamhero.com mx-gateway.com",
    "Mailinblack": "mailinblack.com",
    "ALTOSPAM": "altospam.com oktey.com",
    "Libraesva": "libraesva.com esvacloud.com",
    "Heimdal": "comendosystems.com comendosystems.net staysecuregroup.com staysecuregroup.net",
    "Securence": "securence.com",
    "EveryCloud": "everycloudtech.com everycloudtech.us",
    "FuseMail": "mailanyone.net fusemail.net fusemail.com",
    "GoDaddy (SpamExperts)": "mailspam.secureserver.net",
    "Perception Point": "pointmx.com",
    "Junk Email Filter": "junkemailfilter.com mxthunder.com mxthunder.net",
}
_PROVIDERS = {
    "Google": "google.com googlemail.com",
    "IONOS (1&1)": "kundenserver.de ionos.com ionos.co.uk ionos.de ionos.fr ionos.es ionos.it 1and1.com 1and1.co.uk",
    "Strato": "rzone.de strato.de",
    "Telekom": "t-online.de tonline-mx.de",
    "Host Europe": "hosteurope.de",
    "GoDaddy": "secureserver.net",
    "OVH": "ovh.net mail.ovh.ca",
    "Gandi": "gandi.net",
    "Rackspace": "emailsrvr.com",
    "ALL-INKL": "kasserver.com",
    "Zoho": "zoho.com zoho.eu zoho.in",
    "Yandex": "yandex.net yandex.ru",
    "Fastmail": "messagingengine.com",
    "one.com": "one.com",
    "Hostinger": "hostinger.com titan.email",
    "Apple": "icloud.com",
    "Yahoo": "yahoodns.net",
    "Namecheap": "registrar-servers.com privateemail.com",
    "Infomaniak": "infomaniak.ch infomaniak.com",
    "Hetzner": "your-server.de",
    "mailbox.org": "mailbox.org",
    "Swisscom": "bluewin.ch",
    "BT": "btconnect.com",
    "Aruba": "aruba.it",
    "Loopia": "loopia.se",
    "Simply": "simply.com unoeuro.com",
}
_MICROSOFT = "protection.outlook.com mx.microsoft protection.outlook.de protection.partner.outlook.cn " \
    "protection.office365.us mail.eo.outlook.com bigfish.com"  # fmt: skip
_DYNAMIC = (
    "dyndns.org dyndns.com dyndns.info dyndns.biz dyndns.tv dyn.com homeip.net homelinux.org homelinux.com "
    "dnsalias.com dnsalias.net dnsalias.org gotdns.com gotdns.org ath.cx dyndns-office.com dyndns-remote.com "
    "dyndns-server.com "
    "is-a-geek.com selfip.com selfip.net selfip.org selfip.biz no-ip.org no-ip.com no-ip.biz no-ip.info ddns.net "
    "hopto.org zapto.org sytes.net myftp.org myftp.biz servebeer.com serveftp.com myvnc.com redirectme.net "
    "duckdns.org dynu.net dynu.com afraid.org mooo.com changeip.com dynv6.net ddnss.de spdns.de spdns.org "
    "my-firewall.org firewall-gateway.com firewall-gateway.de selfhost.eu "
    "selfhost.de selfhost.bz myfritz.net feste-ip.net "
    "goip.de "
    "dyndns1.de ddnsfree.com synology.me myqnapcloud.com remotewebaccess.com dynaccess.de dynalias.com dynalias.net "
    "dynalias.org nsupdate.info twodns.de dedyn.io sn.mynetname.net ipfire.org"
)
_DYNAMIC_LABELS = {
    "adsl", "cable", "dhcp", "dial", "dialin", "dialup", "dip", "dsl", "dyn", "dynamic", "dynamicip", "pool", "pools",
    "ppp", "pppoe", "vdsl", "dip0", "ipconnect", "customer-dynamic", "dynip",
}  # fmt: skip
"""Whole parts of the name that a provider gives to its dynamic addresses."""


def _table() -> dict[str, tuple[Kind, str]]:
    made: dict[str, tuple[Kind, str]] = {}
    for name, suffixes in _PROVIDERS.items():
        made |= dict.fromkeys(suffixes.split(), ("provider", name))
    for name, suffixes in _FILTERS.items():
        made |= dict.fromkeys(suffixes.split(), ("filter", name))
    made |= dict.fromkeys(_MICROSOFT.split(), ("microsoft", "Microsoft"))
    return made | {suffix: ("dynamic", suffix) for suffix in _DYNAMIC.split()}


_SUFFIXES = _table()


def known(host: str) -> tuple[Kind, str] | None:
    """(kind, whose) by the longest suffix that is known; None: none is."""
    labels = host.lower().rstrip(".").split(".")
    for first in range(len(labels)):
        entry = _SUFFIXES.get(".".join(labels[first:]))
        if entry:
            return entry
    return None


def is_dynamic_name(host: str) -> bool:
    """Whether the name of an address is one that providers give to dynamic ones: `p4fc12a.dip0.t-ipconnect.de`."""
    labels = host.lower().rstrip(".").split(".")[:-2]
    parts = {part for label in labels for part in (label, *label.split("-"))}
    return bool(parts & _DYNAMIC_LABELS)
