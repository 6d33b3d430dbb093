"""The shipped list of public resolvers: reviewed, each with its reason; nobody who filters where a choice is."""

from __future__ import annotations

import ipaddress
from datetime import date

import pytest

from mailmove.plan.cutover import Propagation
from mailmove.plan.public_resolvers import Operator, has_ipv6, operator_at, public_addresses, shipped

OPERATORS = pytest.mark.parametrize("operator", shipped().operators, ids=lambda operator: operator.operator)


@OPERATORS
def test_each_has_its_reason_its_filtering_and_its_operators_page(operator: Operator) -> None:
    assert operator.reason and operator.filtering and operator.source.startswith("https://")
    assert len(operator.country) == 2 and operator.country.isupper()


@OPERATORS
def test_each_has_addresses_in_the_spelling_that_answers_come_with(operator: Operator) -> None:
    v4, v6 = ([ipaddress.ip_address(text) for text in texts] for texts in (operator.addresses, operator.ipv6))
    assert [str(address) for address in (*v4, *v6)] == [*operator.addresses, *operator.ipv6]
    assert {address.version for address in v4} == {4} and {address.version for address in v6} <= {6}
    assert all(address.is_global for address in (*v4, *v6))
    assert all(operator_at(text) == operator for text in (*operator.addresses, *operator.ipv6))


def test_the_world_is_covered() -> None:
    regions = [operator.region for operator in shipped().operators]
    assert sum("Europe" in region for region in regions) >= 5
    assert sum("Asia" in region for region in regions) >= 4
    assert sum(region == "world" for region in regions) >= 6
    assert date.fromisoformat(shipped().dated) >= date(2026, 11, 30)


def test_who_was_left_off_is_not_asked_and_has_a_reason() -> None:
    left = {address for entry in shipped().left_off for address in entry.addresses}
    assert left and not left & {*public_addresses(ipv6=True)} and all(entry.reason for entry in shipped().left_off)
    assert "9.9.9.10" in public_addresses() and "9.9.9.9" in left


def test_ipv6_is_asked_where_the_machine_has_it_and_last() -> None:
    with_it, without = public_addresses(ipv6=True), public_addresses(ipv6=False)
    assert with_it[: len(without)] == without and len(with_it) > len(without) + 10
    assert all(":" in address for address in with_it[len(without) :])
    assert public_addresses() == (with_it if has_ipv6() else without)
    assert Propagation(resolvers=with_it).servers == [(address, 53) for address in with_it]
