"""The forms of what parks, the names of the flows that park, and the tag by which the watch finds them."""

from __future__ import annotations

from typing import Annotated

from prefect.input import RunInput
from pydantic import Field, SkipValidation, WithJsonSchema

from mailmove.plan.cutover import Cutover
from tasks.engine.prefect_runs import FLOWS, PARKED

__all__ = ["PARKED"]

WAIT_FLOW, GATE_FLOW, TROUBLE_FLOW = FLOWS
"""Names of the flows that park; each sub-flow run carries its own as a tag, beside PARKED."""

Plan = Annotated[Cutover, SkipValidation(), WithJsonSchema({"type": "object", "title": "Cutover"})]
"""The plan, as sub-flows are handed it: nobody starts one from a form. Prefect's form of it takes 25 ms for each."""


class WaitForm(RunInput):
    """The form of a wait. The watch answers it with the defaults when what is waited for has come."""

    go_on_anyway: bool = Field(default=False, description="Do not wait any longer; needs your name and the reason")
    name: str = Field(default="", description="Who says so")
    reason: str = Field(default="", description="Why; it is kept as evidence")


class GateForm(RunInput):
    """The form of a gate."""

    approve: bool = Field(description="Yes: do exactly what is shown. No: stay as it is")
    name: str = Field(min_length=1, max_length=200, description="Who decides")
    reason: str = Field(default="", max_length=2000, description="Why; it is kept as evidence")
    code: str = Field(default="", max_length=200, description="Only where the question asks for an approval code")
    automatic: bool = Field(default=False, description="Leave it: so the watch says that nobody has answered in time")


class TroubleForm(RunInput):
    """The form of a stage that cannot go on by itself. With its defaults: try the stage again."""

    leave_out: bool = Field(
        default=False, description="Go on without what the question lists; needs your name and the reason"
    )
    name: str = Field(default="", max_length=200, description="Who mended it, or decides to go on without it")
    reason: str = Field(default="", max_length=2000, description="What was mended, or why it is left out")


def unsigned(answer: WaitForm | TroubleForm) -> list[str]:
    """Which of name and reason an answer leaves empty. Whoever decides to go on without something gives both."""
    return [field for field in ("name", "reason") if not getattr(answer, field).strip()]
