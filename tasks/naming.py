"""Names that we give to things at Microsoft; the same plan always gives the same name."""

from __future__ import annotations

from mailmove.plan import Cutover


def batch_name(cutover: Cutover) -> str:
    return f"mailmove-{cutover.customer}"


def endpoint_name(cutover: Cutover) -> str:
    return cutover.target.endpoint or f"mailmove-{cutover.customer}"
