"""The customer's firewall rule: an EC2 security group in moto, which the gateway obeys."""

from __future__ import annotations

from typing import Any

import boto3
from moto.ec2.models import ec2_backends

from lab.dns.route53 import AwsServer


class SecurityGroups:
    """A VPC with one security group that lets mail, HTTPS and SSH in, as an administrator would have left it."""

    def __init__(self, aws: AwsServer, *, smtp_port: int, name: str = "northwind-mail") -> None:
        self.aws, self.smtp_port = aws, smtp_port
        ec2 = self.client()
        vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        made = ec2.create_security_group(GroupName=name, Description="Exchange server of Northwind", VpcId=vpc)
        self.group_id: str = made["GroupId"]
        everyone: list[dict[str, Any]] = [
            _rule(smtp_port, "mail from anywhere"),
            _rule(443, "Outlook Anywhere and OWA"),
            {
                "IpProtocol": "tcp",
                "FromPort": 22,
                "ToPort": 22,
                "IpRanges": [{"CidrIp": "203.0.113.0/24", "Description": "the administrators"}],
            },
        ]
        ec2.authorize_security_group_ingress(GroupId=self.group_id, IpPermissions=everyone)

    def client(self) -> Any:
        """A boto3 client of the administrator."""
        return boto3.client(
            "ec2",
            endpoint_url=self.aws.endpoint_url,
            region_name=self.aws.region,
            aws_access_key_id=self.aws.access_key_id,
            aws_secret_access_key=self.aws.secret_access_key,
        )

    def is_open(self, port: int) -> bool:
        """Does a rule let the whole of IPv4 in to a TCP port? Reads moto's state in this process: microseconds."""
        return any(
            rule.cidr_ipv4 == "0.0.0.0/0"
            and (rule.ip_protocol == "-1" or (rule.ip_protocol == "tcp" and rule.from_port <= port <= rule.to_port))
            for rule in self._inbound()
        )

    def picture(self) -> list[dict[str, Any]]:
        """Every rule of the group, sorted; JSON-able."""
        rules = [
            {
                "protocol": rule.ip_protocol,
                "from": rule.from_port,
                "to": rule.to_port,
                "source": dict(rule.ip_range) or rule.source_group or rule.prefix_list_id,
            }
            for rule in self._inbound()
        ]
        return sorted(rules, key=str)

    def _inbound(self) -> list[Any]:
        group = ec2_backends[self.aws.account_id][self.aws.region].get_security_group_from_id(self.group_id)
        return list(group.ingress_rules) if group else []


def _rule(port: int, description: str) -> dict[str, Any]:
    return {
        "IpProtocol": "tcp",
        "FromPort": port,
        "ToPort": port,
        "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": description}],
        "Ipv6Ranges": [{"CidrIpv6": "::/0", "Description": description}],
    }
