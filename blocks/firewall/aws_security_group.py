"""An EC2 security group as the firewall before the old server's port 25."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from prefect_aws import AwsCredentials
from pydantic import Field

from blocks.firewall import aws_rules as rules_
from blocks.firewall.aws_errors import code_of, ours
from blocks.provider_block import ProviderBlock
from mailmove.errors import Blocked, NotYet
from mailmove.evidence import Finding
from mailmove.plan.values import Mode
from mailmove.ports import Checkable, Firewall
from mailmove.smtp.port_modes import mode_for

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

_READ_BACK_SECONDS = 20.0
"""EC2's readings are eventually consistent; a change is normally seen within a second or two."""


class AwsSecurityGroup(ProviderBlock, Firewall, Checkable):
    """The security group that stands before the old Exchange server.

    A group without a rule for a port drops what comes for it: EC2 sends no refusal. It cannot lock us out either: only
    rules for this one port are changed, and EC2's own API is not reached through the group.

    Rights needed: ec2:DescribeSecurityGroups, ec2:AuthorizeSecurityGroupIngress, ec2:RevokeSecurityGroupIngress and
    ec2:UpdateSecurityGroupRuleDescriptionsIngress. Errors: Refused, Blocked, Throttled, Transient.
    """

    _block_type_name = "AWS Security Group"
    _block_type_slug = "aws-security-group"
    _description = "The security group that lets mail in to the old server, and closes port 25."

    credentials: AwsCredentials = Field(description="Access key and region of the account that holds the group.")
    group_id: str = Field(
        pattern=r"^sg-[0-9a-f]+$", description="The security group.", examples=["sg-0a1b2c3d4e5f60718"]
    )

    def allowed(self, port: int) -> list[dict[str, Any]]:
        """Every inbound rule that lets the TCP port in, also those that let in more; one for each source.

        Shape: an EC2 IpPermission with exactly one source and its description; sorted.
        """
        return [rule for rule in self._inbound() if rules_.lets_in(rule, port)]

    def modes(self) -> frozenset[Mode]:
        return frozenset({"drop"})

    def set_allowed(self, port: int, rules: list[dict[str, Any]], mode: Mode | None = None) -> None:
        """Authorise what is missing, revoke what is too much, read back.

        Blocked, and nothing changed: a rule that would have to go or come covers more than this port.
        """
        if not rules:
            mode_for(self._who, self.modes(), mode)
        wanted = rules_.apart(rules)
        present = self.allowed(port)
        missing = _without(wanted, present)
        surplus = _without(present, wanted)
        self._refuse_wider(port, missing + surplus)
        if missing:
            self._change("authorize_security_group_ingress", missing, port, settled="InvalidPermission.Duplicate")
        if surplus:
            self._change("revoke_security_group_ingress", surplus, port, settled="InvalidPermission.NotFound")
        renamed = [rule for rule in _without(wanted, missing) if rule not in present]
        if renamed:
            self._change("update_security_group_rule_descriptions_ingress", renamed, port, settled="")
        self._read_back(port, wanted)

    def obstacles(self, port: int) -> list[Finding]:
        """Rules that would keep the port open, as they cover more and cannot be closed for one port alone."""
        return [
            Finding(
                subject=f"security group {self.group_id}",
                seen=f"a rule lets in {rules_.words(rule)}",
                means=f"port {port} cannot be closed without closing the rest of what this rule allows",
                todo=f"Replace it by rules for each port that is needed, one of them tcp {port} alone.",
                blocks=True,
            )
            for rule in self.allowed(port)
            if not rules_.only(rule, port)
        ]

    def findings(self) -> list[Finding]:
        """Reads the group, and asks EC2 by DryRun whether it would let us change it."""
        try:
            findings = self.obstacles(25)
        except Blocked as error:
            return [
                Finding(
                    subject=f"security group {self.group_id}",
                    seen=error.seen,
                    means="the old server's port 25 cannot be closed",
                    todo=error.todo,
                    blocks=True,
                )
            ]
        for action in ("authorize_security_group_ingress", "revoke_security_group_ingress"):
            findings += self._dry_run(action)
        return findings

    @property
    def _who(self) -> str:
        return f"EC2 security group {self.group_id}"

    @property
    def _ec2(self) -> EC2Client:
        client: EC2Client = self.credentials.get_client("ec2")
        return client

    def _inbound(self) -> list[rules_.Rule]:
        with ours(self._who, "its inbound rules"):
            answer = self._ec2.describe_security_groups(GroupIds=[self.group_id])
        return rules_.apart(rules_.permissions_of(self._who, answer, self.group_id))

    def _change(self, action: str, rules: list[rules_.Rule], port: int, *, settled: str) -> None:
        """Change the rules; `settled` is EC2's word for "it is so already", when another run was quicker.

        EC2 takes all rules of a request or none, so then each is sent by itself.
        """
        with ours(self._who, f"{action} for port {port}"):
            try:
                getattr(self._ec2, action)(GroupId=self.group_id, IpPermissions=rules)
            except ClientError as error:
                if not settled or code_of(error) != settled:
                    raise
                if len(rules) == 1:
                    return
                for rule in rules:
                    self._change(action, [rule], port, settled=settled)

    def _read_back(self, port: int, wanted: list[rules_.Rule]) -> None:
        deadline = time.monotonic() + _READ_BACK_SECONDS
        while (current := self.allowed(port)) != wanted:
            if time.monotonic() > deadline:
                raise NotYet(
                    self._who,
                    wanted=f"port {port} to be let in by: {_listed(wanted)}",
                    seen=_listed(current),
                    todo="It is read again; if this lasts, somebody else is changing the group.",
                )
            time.sleep(0.5)

    def _refuse_wider(self, port: int, changed: list[rules_.Rule]) -> None:
        wider = [rule for rule in changed if not rules_.only(rule, port)]
        if wider:
            raise Blocked(
                self._who,
                wanted=f"to change what lets in port {port}, and nothing else",
                seen=f"rules that cover more than that port: {_listed(wider)}",
                todo=f"Replace each by rules for the ports that are needed, one of them tcp {port} alone.",
            )

    def _dry_run(self, action: str) -> list[Finding]:
        # 192.0.2.0/24 is for documentation (RFC 5737). DryRun changes nothing in any case.
        rule = {"IpProtocol": "tcp", "FromPort": 25, "ToPort": 25, "IpRanges": [{"CidrIp": "192.0.2.1/32"}]}
        try:
            with ours(self._who, action):
                try:
                    getattr(self._ec2, action)(GroupId=self.group_id, IpPermissions=[rule], DryRun=True)
                except ClientError as error:
                    if code_of(error) != "DryRunOperation" and not code_of(error).startswith("InvalidPermission."):
                        raise
        except Blocked as error:
            right = "".join(part.capitalize() for part in action.split("_"))
            return [
                Finding(
                    subject=f"security group {self.group_id}",
                    seen=error.seen,
                    means="the old server's port 25 cannot be closed, or not be opened again",
                    todo=f"Give the access key the right ec2:{right} on this group.",
                    blocks=True,
                )
            ]
        return []


def _without(rules: list[rules_.Rule], others: list[rules_.Rule]) -> list[rules_.Rule]:
    """The rules whose like (description aside) is not among the others."""
    known = {rules_.identity(rule) for rule in others}
    return [rule for rule in rules if rules_.identity(rule) not in known]


def _listed(rules: list[rules_.Rule]) -> str:
    return "; ".join(rules_.words(rule) for rule in rules) or "no rule"
