"""The block against moto's EC2, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from ec2_gate import gate
from prefect_aws import AwsCredentials
from prefect_aws.client_parameters import AwsClientParameters
from pydantic import SecretStr

from blocks.firewall import aws_errors, aws_rules
from blocks.firewall.aws_security_group import AwsSecurityGroup
from lab.dns.route53 import AwsServer
from lab.faults import Faults
from lab.mail.security_group import SecurityGroups
from mailmove.errors import Blocked, MailmoveError, Refused, Throttled, Transient

PORT = 2525


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    with AwsServer("127.0.0.1", Faults()) as server:
        yield server


@pytest.fixture
def group(aws: AwsServer) -> SecurityGroups:
    return SecurityGroups(aws, smtp_port=PORT)


def block_for(aws: AwsServer, group_id: str, endpoint_url: str = "") -> AwsSecurityGroup:
    return AwsSecurityGroup(
        credentials=AwsCredentials(
            aws_access_key_id=aws.access_key_id,
            aws_secret_access_key=SecretStr(aws.secret_access_key),
            region_name=aws.region,
            aws_client_parameters=AwsClientParameters(
                endpoint_url=endpoint_url or aws.endpoint_url, config=Config(retries={"max_attempts": 0})
            ),
        ),
        group_id=group_id,
    )


@pytest.fixture
def block(group: SecurityGroups) -> AwsSecurityGroup:
    return block_for(group.aws, group.group_id)


def add(group: SecurityGroups, **permission: Any) -> None:
    group.client().authorize_security_group_ingress(GroupId=group.group_id, IpPermissions=[permission])


def test_says_what_lets_the_port_in(block: AwsSecurityGroup) -> None:
    rules = block.allowed(PORT)
    assert [aws_rules.words(rule) for rule in rules] == [
        "tcp 2525 from 0.0.0.0/0 (mail from anywhere)",
        "tcp 2525 from ::/0 (mail from anywhere)",
    ]
    assert json.loads(json.dumps(rules)) == rules


def test_closes_and_puts_back_exactly(block: AwsSecurityGroup, group: SecurityGroups) -> None:
    first = group.picture()
    before = block.allowed(PORT)
    block.set_allowed(PORT, [])
    assert block.allowed(PORT) == []
    assert not group.is_open(PORT)
    assert group.is_open(443), "other ports are none of our business"
    block.set_allowed(PORT, [])
    block.set_allowed(PORT, json.loads(json.dumps(before)))
    block.set_allowed(PORT, before)
    assert group.is_open(PORT)
    assert group.picture() == first


def test_makes_only_the_difference(block: AwsSecurityGroup, group: SecurityGroups) -> None:
    before = block.allowed(PORT)
    office = {
        "IpProtocol": "tcp",
        "FromPort": PORT,
        "ToPort": PORT,
        "IpRanges": [{"CidrIp": "198.51.100.0/24", "Description": "the office"}],
    }
    block.set_allowed(PORT, [before[1], office])
    assert block.allowed(PORT) == aws_rules.apart([before[1], office])
    renamed = json.loads(json.dumps(before[1]).replace("mail from anywhere", "mail"))
    block.set_allowed(PORT, [renamed])
    assert block.allowed(PORT) == [renamed]


def test_a_source_group_survives_the_round_trip(block: AwsSecurityGroup, group: SecurityGroups) -> None:
    pair = {"GroupId": group.group_id, "Description": "filter in front"}
    add(group, IpProtocol="tcp", FromPort=PORT, ToPort=PORT, UserIdGroupPairs=[pair])
    before = block.allowed(PORT)
    assert len(before) == 3
    block.set_allowed(PORT, [])
    assert block.allowed(PORT) == []
    block.set_allowed(PORT, before)
    assert block.allowed(PORT) == before


@pytest.mark.parametrize(
    "wide",
    [
        {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65535, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "192.0.2.0/24"}]},
    ],
)
def test_a_wider_rule_is_never_removed(block: AwsSecurityGroup, group: SecurityGroups, wide: dict[str, Any]) -> None:
    add(group, **wide)
    first = group.picture()
    with pytest.raises(Blocked, match="rules for the ports that are needed") as caught:
        block.set_allowed(PORT, [])
    assert aws_rules.words(wide) in caught.value.seen
    assert group.picture() == first, "nothing was changed"
    assert [finding.blocks for finding in block.obstacles(PORT)] == [True]
    # With the wide rule left alone the narrow ones can go.
    block.set_allowed(PORT, [rule for rule in block.allowed(PORT) if not aws_rules.only(rule, PORT)])
    assert block.allowed(PORT) == aws_rules.apart([wide])


def test_a_half_done_change_is_finished(group: SecurityGroups) -> None:
    """Another run removes one of two rules between our look and our act: EC2 refuses the pair."""
    revoke = "RevokeSecurityGroupIngress"
    with gate(group.aws.endpoint_url) as opened:
        block = block_for(group.aws, group.group_id, opened.url)
        first, _ = block.allowed(PORT)
        client, removed = group.client(), {"GroupId": group.group_id, "IpPermissions": [first]}
        opened.before[revoke] = lambda: client.revoke_security_group_ingress(**removed)
        block.set_allowed(PORT, [])
        assert block.allowed(PORT) == []
    assert opened.actions.count(revoke) > 1, "the pair was refused, and what is left was removed"


def test_sound_rights_give_no_findings(block: AwsSecurityGroup, group: SecurityGroups) -> None:
    first = group.picture()
    assert block.findings() == []
    assert group.picture() == first, "a dry run changes nothing"


def test_a_missing_group_is_a_finding(aws: AwsServer) -> None:
    block = block_for(aws, "sg-0000000000000dead")
    with pytest.raises(Blocked, match="Check group_id and region"):
        block.allowed(PORT)
    (finding,) = block.findings()
    assert finding.blocks
    assert "InvalidGroup.NotFound" in finding.seen


def test_a_missing_right_is_a_finding(group: SecurityGroups) -> None:
    with gate(group.aws.endpoint_url) as opened:
        opened.refused.add("RevokeSecurityGroupIngress")
        block = block_for(group.aws, group.group_id, opened.url)
        first = group.picture()
        (finding,) = block.findings()
        assert finding.blocks
        assert "ec2:RevokeSecurityGroupIngress" in finding.todo
        assert group.picture() == first, "what is tried must not be done: it could not be taken back here"
        with pytest.raises(Refused):
            block.set_allowed(PORT, [])


def test_an_endpoint_that_is_away_is_transient(group: SecurityGroups) -> None:
    block = block_for(group.aws, group.group_id, "http://127.0.0.1:9")
    with pytest.raises(Transient) as caught:
        block.allowed(PORT)
    assert group.aws.secret_access_key not in str(caught.value)


def answer(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "words"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Operation"
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answer("UnauthorizedOperation", 403), Refused),
        (answer("AuthFailure", 401), Refused),
        (answer("RequestLimitExceeded", 503), Throttled),
        (answer("InvalidGroup.NotFound", 400), Blocked),
        (answer("InternalError", 500), Transient),
        (answer("NeverHeardOf", 503), Transient),
        (answer("InvalidParameterValue", 400), Blocked),
        (EndpointConnectionError(endpoint_url="https://ec2.eu-west-2.amazonaws.com"), Transient),
    ],
)
def test_every_error_is_one_of_ours(error: Exception, kind: type[MailmoveError]) -> None:
    with pytest.raises(MailmoveError) as caught, aws_errors.ours("EC2", "something"):
        raise error
    assert type(caught.value) is kind


def test_the_secret_shows_nowhere(block: AwsSecurityGroup, aws: AwsServer) -> None:
    assert aws.secret_access_key not in repr(block)
    assert aws.secret_access_key not in str(block.model_dump())
