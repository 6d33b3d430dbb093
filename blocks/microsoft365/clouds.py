"""Microsoft's clouds: one name in a block says which hosts, and which tokens, belong together.

Sources: learn.microsoft.com graph/deployments (sign-in and Graph), Connect-ExchangeOnline -ExchangeEnvironmentName
(Exchange), Partner Center developer pages for 21Vianet. A tenant lives in one cloud only; a token of one opens nothing
in another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CloudName = Literal["global", "gcc-high", "dod", "china"]


@dataclass(frozen=True)
class MicrosoftCloud:
    """Bases of its services, without a slash at the end. exchange_scope: whom a token for Exchange is made out to.

    exchange_regions: domains of its regional hosts; Unverified beyond the global cloud: derived from its names there.
    partner_center None: Microsoft has no such API there. traces: does Graph show message traces there?
    """

    login: str
    graph: str
    exchange: str
    exchange_scope: str
    exchange_regions: tuple[str, ...]
    portal: str
    partner_center: str | None = None
    prices: str | None = None
    traces: bool = False

    @property
    def graph_scope(self) -> str:
        return f"{self.graph}/.default"


CLOUDS: dict[CloudName, MicrosoftCloud] = {
    "global": MicrosoftCloud(
        login="https://login.microsoftonline.com",
        graph="https://graph.microsoft.com",
        exchange="https://outlook.office365.com",
        exchange_scope="https://outlook.office365.com/.default",
        exchange_regions=("outlook.office365.com", "outlook.office.com", "admin.protection.outlook.com"),
        portal="https://admin.microsoft.com",
        partner_center="https://api.partnercenter.microsoft.com",
        prices="https://api.partner.microsoft.com",
        traces=True,
    ),
    "gcc-high": MicrosoftCloud(
        login="https://login.microsoftonline.us",
        graph="https://graph.microsoft.us",
        exchange="https://outlook.office365.us",
        exchange_scope="https://outlook.office365.us/.default",
        exchange_regions=("outlook.office365.us", "admin.protection.office365.us"),
        portal="https://portal.office365.us",
    ),
    # Unverified: for whom Exchange's tokens are made out in DoD and China; Connect-ExchangeOnline signs in to these.
    "dod": MicrosoftCloud(
        login="https://login.microsoftonline.us",
        graph="https://dod-graph.microsoft.us",
        exchange="https://outlook-dod.office365.us",
        exchange_scope="https://webmail.apps.mil/.default",
        exchange_regions=("outlook-dod.office365.us", "webmail.apps.mil", "admin.protection.office365.us"),
        portal="https://portal.apps.mil",
    ),
    "china": MicrosoftCloud(
        login="https://login.partner.microsoftonline.cn",
        graph="https://microsoftgraph.chinacloudapi.cn",
        exchange="https://partner.outlook.cn",
        exchange_scope="https://partner.outlook.cn/.default",
        exchange_regions=("partner.outlook.cn",),
        portal="https://portal.partner.microsoftonline.cn",
        partner_center="https://partner.partnercenterapi.microsoftonline.cn",
    ),
}

LOGIN_HOSTS = frozenset(cloud.login.removeprefix("https://") for cloud in CLOUDS.values())


def consent_link(login_url: str, tenant: str, client_id: str) -> str:
    """Where an administrator of the tenant grants an application all that its registration asks for.

    Source: learn.microsoft.com entra grant-admin-consent.
    """
    return f"{login_url.rstrip('/')}/{tenant}/adminconsent?client_id={client_id}"
