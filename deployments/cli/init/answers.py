"""The answers of a script: one YAML file, read whole, with every fault of it at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect.blocks.core import Block
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deployments.cli.block.fields import block_kind, fields_of, split_reference
from deployments.cli.block.make import try_block
from deployments.cli.init.lookup import Ways
from mailmove.errors import BadPlan, Blocked, faults_listed
from mailmove.plan.load import faults_of, read_yaml


class GivenAnswers(BaseModel):
    """What an answers file holds."""

    model_config = ConfigDict(extra="forbid")

    questions: dict[str, str] = Field(default={}, description="Question -> answer, as init would ask it")
    plan: dict[str, Any] = Field(default={}, description="Part of a plan, laid over what the questions give")
    blocks: dict[str, dict[str, Any]] = Field(default={}, description="type/name -> field -> value or source")
    lookup: Ways = Field(default_factory=Ways, description="Where to look; other than the world only in a rehearsal")
    preflight: bool = Field(default=True, description="False: leave the preflight out")


def read_answers(path: Path, questions: set[str]) -> GivenAnswers:
    """The answers in a file. BadPlan: it is none; every unknown field is named."""
    data = read_yaml(path, "answers")
    try:
        answers = GivenAnswers.model_validate(data)
        faults: list[str] = []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        answers, faults = (
            GivenAnswers(),
            [f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in details],
        )
    known = ", ".join(sorted(questions))
    faults += [
        f"questions.{key}: nobody asks that. Write one of: {known}" for key in answers.questions if key not in questions
    ]
    if faults:
        raise _bad(str(path), faults)
    return answers


def tried_answers(
    origin: str, plan: dict[str, Any] | None, answers: GivenAnswers, exists: set[str], wanted: list[str]
) -> dict[str, Block]:
    """The blocks that the answers make, not saved, those that others name first. BadPlan: every fault at once.

    plan: raw; None: it is an edited one, and was read already. exists: blocks that are there already; they are left
    alone. wanted: blocks that the plan names.
    """
    faults = [] if plan is None else [f"plan.{fault}" for fault in faults_of(plan)]
    made: dict[str, Block] = {}
    for reference in sorted(answers.blocks, key=_names_others):
        if reference in exists:
            continue
        try:
            block, wrong = try_block(reference, _with_new(answers.blocks[reference], made))
        except Blocked as error:
            block, wrong = None, [str(error)]
        faults += [f"blocks.{reference}.{fault}" for fault in wrong]
        if block is not None:
            made[reference] = block
    faults += [
        f"blocks.{reference}: the plan names it, and it is neither at the server nor among the answers"
        for reference in wanted
        if reference not in exists and reference not in answers.blocks
    ]
    if faults:
        raise _bad(origin, faults)
    return made


def _names_others(reference: str) -> tuple[bool, str]:
    """Sorts blocks that name others after those."""
    try:
        fields = fields_of(block_kind(split_reference(reference)[0]))
    except Blocked:
        return True, reference
    return any(field.nested for field in fields.values()), reference


def _with_new(values: dict[str, Any], made: dict[str, Block]) -> dict[str, Any]:
    return {name: made.get(value, value) if isinstance(value, str) else value for name, value in values.items()}


def _bad(origin: str, faults: list[str]) -> BadPlan:
    return BadPlan(
        origin,
        wanted="answers without faults",
        seen=faults_listed(faults),
        todo="Mend all of them; nothing was written or saved.",
    )
