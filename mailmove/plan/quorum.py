"""Quorum: the weight of each resolver, and the share of the weight that must have the new records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mailmove.plan.public_resolvers import operator_of

PolicyKind = Literal["all", "quorum", "weights"]


class Policy(BaseModel):
    """When enough resolvers have the new records.

    all: every resolver. quorum: `share` of them. weights: `share` of the weight of their operators.

    A weight is an operator's, shared by its addresses; an operator that is not named weighs 1. The operator of a
    resolver that is not on the shipped list is its address.
    """

    model_config = ConfigDict(frozen=True)

    kind: PolicyKind = "quorum"
    share: float = Field(default=1.0, gt=0, le=1)
    weights: dict[str, float] = {}

    def needed(self) -> float:
        """The share of the whole weight that must have the new records."""
        return 1.0 if self.kind == "all" else self.share

    def weights_of(self, servers: Sequence[str]) -> list[float]:
        """Weight of each server (`ip:port`), in order; the sum is 1, or 0 if no server has a weight."""
        if self.kind == "weights":
            operators = [operator_of(server.rpartition(":")[0]) for server in servers]
            addresses = Counter(operators)
            each = [self.weights.get(name, 1.0) / addresses[name] for name in operators]
        else:
            each = [1.0] * len(servers)
        whole = sum(each)
        return [weight / whole for weight in each] if whole else each


def as_policy(policy: Policy | float) -> Policy:
    """The policy; a number becomes a quorum of that share."""
    return policy if isinstance(policy, Policy) else Policy(share=policy)
