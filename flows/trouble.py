"""A stage cannot go on by itself: say why, park, and try again when a person has mended it."""

from __future__ import annotations

from prefect import flow

from tasks.engine.current import engine
from tasks.parking.forms import Plan, TroubleForm


@flow(flow_run_name="trouble: {name}")
def trouble(cutover: Plan, name: str, why: str) -> str:
    """Return who mended it, and how."""
    answer = engine().parking.last_answer(TroubleForm)
    if answer:
        return f"{answer.name or 'somebody'}: {answer.reason or 'try again'}"
    return engine().parking.park(
        TroubleForm,
        f"{cutover.customer} is held up at {name}. {why}\n\nMend it, then answer; the stage is tried again.",
    )
