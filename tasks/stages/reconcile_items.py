"""Account for every item of every mailbox; deliver again, once each, what the service left behind."""

from __future__ import annotations

from mailmove.report import forecast_rules
from tasks.stages.shared import reconciliations

NAME = "reconcile_items"
FORECAST = forecast_rules.reconciliation

check, apply, verify, rollback = reconciliations(NAME)
