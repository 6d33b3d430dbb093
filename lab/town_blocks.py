"""The Prefect blocks with which production code reaches a town: the lab's only tie to Prefect."""

from __future__ import annotations

from prefect.blocks.core import Block
from prefect_aws import AwsCredentials
from prefect_aws.client_parameters import AwsClientParameters

from blocks.dns.rfc2136 import Rfc2136
from blocks.dns.route53 import Route53
from blocks.exchange.exchange_server import ExchangeServer
from blocks.firewall.aws_security_group import AwsSecurityGroup
from blocks.microsoft365.microsoft365 import Microsoft365
from blocks.partner.partner_center import PartnerCenter
from lab.town import DOMAIN, Town


def blocks_of(town: Town, credentials: AwsCredentials | None = None) -> dict[str, Block]:
    """Every block that `town.plan()` names, by that name (`type/name`); not saved."""
    settings = town.settings
    aws, update, source = settings["aws"], settings["rfc2136"], settings["exchange"]
    cloud, partner, trust = settings["microsoft365"], settings["partner"], settings["trust"]
    credentials = credentials or aws_credentials(town)
    made: dict[str, Block] = {
        f"aws-security-group/{town.name}": AwsSecurityGroup(credentials=credentials, group_id=aws["group_id"]),
        f"exchange-server/{town.name}": ExchangeServer(
            ews_url=source["ews_url"],
            username=source["username"],
            password=source["password"],
            shell_url=source["shell_url"],
            shell_kind=source["shell_kind"],
            **trust,
        ),
        f"microsoft365/{town.name}": Microsoft365(
            tenant_id=cloud["tenant_id"],
            client_id=cloud["client_id"],
            certificate=cloud["certificate"],
            exchange_public_key=cloud["exchange_public_key"],
            login_url=cloud["base_url"],
            graph_url=cloud["base_url"],
            exchange_url=cloud["base_url"],
            **trust,
        ),
        f"partner-center/{town.name}-msp": PartnerCenter(
            tenant_id=partner["tenant_id"],
            client_id=partner["client_id"],
            client_secret=partner["client_secret"],
            refresh_token=partner["refresh_token"],
            group=partner["group"],
            price_sheet_url=f"{partner['base_url']}/prices",
            login_url=partner["base_url"],
            graph_url=partner["base_url"],
            partner_center_url=f"{partner['base_url']}/partnercenter",
            **trust,
        ),
    }
    if town.dns.kind == "route53":
        made[f"route53/{town.name}"] = Route53(
            credentials=credentials, hosted_zone_id=next(iter(aws["hosted_zone_ids"].values()))
        )
    else:
        made[f"rfc2136/{town.name}"] = Rfc2136(
            server=update["server"],
            port=update["port"],
            key_name=update["key_name"],
            key_secret=update["key_secret"],
            algorithm=update["key_algorithm"],
            zones=[DOMAIN],
        )
    return made


def aws_credentials(town: Town) -> AwsCredentials:
    aws = town.settings["aws"]
    return AwsCredentials(
        aws_access_key_id=aws["access_key_id"],
        aws_secret_access_key=aws["secret_access_key"],
        region_name=aws["region"],
        aws_client_parameters=AwsClientParameters(endpoint_url=aws["endpoint_url"]),
    )


def save_blocks(town: Town) -> list[str]:
    """Save the blocks at the Prefect API in use, over those of an earlier town; returns their names."""
    credentials = aws_credentials(town)
    credentials.save(f"{town.name}-lab", overwrite=True)
    made = blocks_of(town, credentials)
    for ref, block in made.items():
        block.save(ref.partition("/")[2], overwrite=True)
    return sorted(made)
