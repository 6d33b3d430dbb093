"""See by real messages which way mail takes after the switch."""

from __future__ import annotations

from mailmove.evidence import Evidence, Preview, Receipt
from mailmove.plan import Cutover
from tasks.policies import change, look, make_sure, put_back
from tasks.probing import probes_landed, send_probes

NAME = "probe_after_switch"


@look
def check(cutover: Cutover) -> Preview:
    """It changes no settings: it sends a message for each way, and takes it away again."""
    return Preview(stage=NAME)


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Send, once each."""
    return send_probes(cutover, NAME)


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """Where each landed, and how long it took. It never stops the night: late is a fact, too."""
    return probes_landed(cutover, NAME)


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """The flow takes all probes away at once."""
    return Receipt(stage=NAME)
