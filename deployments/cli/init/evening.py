"""The first evening, from a domain to a plan that has passed its preflight; every step may be left and come back to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import typer
from prefect.blocks.core import Block
from pydantic import BaseModel, TypeAdapter, ValidationError

from deployments.cli.block.check import check_block
from deployments.cli.block.work import Tried, add_block, load_block
from deployments.cli.doctor.server import server_trouble
from deployments.cli.init.answers import GivenAnswers, read_answers, tried_answers
from deployments.cli.init.block_proposals import block_proposals
from deployments.cli.init.files import Folder, Progress
from deployments.cli.init.lookup import Discovery, discover
from deployments.cli.init.plan_text import plan_text
from deployments.cli.init.preflight import PreflightOutcome, run_preflight
from deployments.cli.init.proposals import QUESTIONS, Question, laid_over, plan_of, proposed_answers, short_name
from deployments.display.safe_text import plain
from mailmove.errors import BadPlan, MailmoveError
from mailmove.plan.cutover import Cutover, HostName
from mailmove.plan.load import faults_of, load_plan
from mailmove.plan.values import split_address

Show = Callable[[str], None]
BlockState = Literal["made", "there already", "does not work", "left"]


class Outcome(BaseModel):
    """How far the evening came. plan_state `kept`: somebody has edited the plan, and it stays as it is."""

    plan: str
    plan_state: Literal["written", "unchanged", "kept", "left"]
    discovery: Discovery
    blocks: dict[str, BlockState] = {}
    preflight: PreflightOutcome = PreflightOutcome(state="left out")
    left: list[str] = []
    next: str = ""

    @property
    def complete(self) -> bool:
        """Is nothing left that somebody must answer?"""
        return not self.left


def run_init(
    domain: str,
    answers_file: Path | None,
    folder: Path | None,
    resolvers: Sequence[str] | None,
    show: Show,
    *,
    ask: bool = False,
) -> Outcome:
    """Do what can be done, and say what is left. BadPlan: a domain, an answer or an edited plan with faults.

    ask: with an answers file, ask a person for what it leaves out.
    """
    name, servers = _checked(domain, resolvers)
    known = {question.key for question in QUESTIONS}
    given = read_answers(answers_file, known) if answers_file else GivenAnswers()
    seen = discover(name, servers, given.lookup)
    show("\n".join(["", *map(plain, seen.lines()), ""]))
    place = Folder(folder or Path(given.questions.get("customer") or short_name(name)))
    progress = place.progress(name)
    if answers_file is None or ask:
        outcome = _asked(given, seen, place, progress, show)
    else:
        outcome = _answered(str(answers_file), given, seen, place, progress, show)
    _say_what_is_next(outcome, name, show)
    return outcome


def _checked(domain: str, resolvers: Sequence[str] | None) -> tuple[str, list[tuple[str, int]] | None]:
    try:
        name = TypeAdapter(HostName).validate_python(domain)
        servers = [split_address(address, 53) for address in resolvers] if resolvers else None
    except ValidationError:
        todo = "Write the part behind the @ of a mail address."
        raise BadPlan("mailmove init", wanted="a mail domain", seen=repr(domain), todo=todo) from None
    except ValueError as error:
        todo = "Write 1.1.1.1 or 127.0.0.1:5353."
        raise BadPlan("--resolver", wanted="addresses", seen=str(error), todo=todo) from None
    return name, servers


def _answered(
    origin: str, given: GivenAnswers, seen: Discovery, place: Folder, progress: Progress, show: Show
) -> Outcome:
    """All from a file: nothing is written or saved unless everything fits."""
    edited = place.edited(progress)
    answers = proposed_answers(seen, {**progress.answers, **given.questions})
    raw = laid_over(plan_of(seen, answers), given.plan)
    if edited:
        wanted = blocks_of(load_plan(place.plan))
    else:
        wanted = [] if faults_of(raw) else blocks_of(Cutover.model_validate(raw))
    trouble = server_trouble()
    exists = set() if trouble else {reference for reference in {*wanted, *given.blocks} if load_block(reference)}
    made = tried_answers(origin, None if edited else raw, given, exists, wanted)
    state: Literal["written", "unchanged", "kept"] = "kept"
    if not edited:
        progress.answers = {key: value for key, value in answers.items() if value}
        state = place.write_plan(plan_text(raw, seen), progress)
    outcome = Outcome(plan=str(place.plan), plan_state=state, discovery=seen)
    if trouble:
        outcome.left.append(f"the blocks and the preflight: {trouble[0]}. {trouble[1]}")
        return outcome
    outcome.blocks = {reference: "there already" for reference in wanted if reference in exists}
    for reference, block in made.items():
        outcome.blocks[reference] = _tested_and_saved(reference, block, show)
    return _with_preflight(outcome, load_plan(place.plan), show, wanted=given.preflight)


def _asked(given: GivenAnswers, seen: Discovery, place: Folder, progress: Progress, show: Show) -> Outcome:
    """Ask a person; each answer is kept as it comes, and Ctrl-C leaves the rest for another time."""
    outcome = Outcome(plan=str(place.plan), plan_state="kept", discovery=seen)
    try:
        if place.edited(progress):
            show(f"{place.plan} was edited; it stays as it is.")
        else:
            _ask_questions(given, seen, place, progress, show)
            raw = laid_over(plan_of(seen, progress.answers), given.plan)
            if faults := faults_of(raw):
                outcome.plan_state = "left"
                outcome.left += [str(fault) for fault in faults]
                return outcome
            outcome.plan_state = place.write_plan(plan_text(raw, seen), progress)
            show(f"\n{place.plan}: {outcome.plan_state}")
        plan = load_plan(place.plan)
        if trouble := server_trouble():
            outcome.left.append(f"the blocks and the preflight: {trouble[0]}. {trouble[1]}")
            return outcome
        for reference in blocks_of(plan):
            _ask_block(reference, given, seen, plan, outcome, show)
    except typer.Abort:
        outcome.left.append("what comes after the last answer")
        return outcome
    return _with_preflight(outcome, plan, show, wanted=given.preflight)


def _ask_questions(given: GivenAnswers, seen: Discovery, place: Folder, progress: Progress, show: Show) -> None:
    settled = _settled(given, seen, progress, show)
    progress.answers |= given.questions
    for question in QUESTIONS:
        if question.key in settled:
            continue
        proposal = progress.answers.get(question.key) or question.propose(seen, progress.answers)
        while True:
            progress.answers[question.key] = answer = _ask(question, proposal, show)
            raw = plan_of(seen, progress.answers)
            wrong = [fault.problem for fault in faults_of(raw) if answer and fault.path == question.path]
            if not wrong:
                break
            show(f"  {wrong[0]}.")
            proposal = ""
        place.keep(progress)


def _settled(given: GivenAnswers, seen: Discovery, progress: Progress, show: Show) -> set[str]:
    """Questions that nobody is asked again: what a file answers, and what was answered before, unless a person wants to
    go through it once more. What has a fault is asked.
    """
    file = set(given.questions)
    kept = {key: value for key, value in progress.answers.items() if key not in file}
    if not kept:
        return file
    show("\nAnswered before:\n" + "\n".join(f"  {key}: {plain(value) or '(none)'}" for key, value in kept.items()))
    if typer.confirm("  Go through these again?", default=False, err=True):
        return file
    wrong = {fault.path for fault in faults_of(plan_of(seen, progress.answers | given.questions))}
    return file | {question.key for question in QUESTIONS if question.key in kept and question.path not in wrong}


def _ask(question: Question, proposal: str, show: Show) -> str:
    show(f"\n{question.asks}\n  Why: {question.why}\n  Where: {question.where}")
    if question.choices:
        show(f"  One of: {', '.join(question.choices)}")
    while True:
        words = "  Answer" if proposal or not question.optional else "  Answer (Enter: none)"
        answer = str(typer.prompt(words, default=proposal, show_default=bool(proposal), err=True)).strip()
        if not answer or not question.choices or answer in question.choices:
            return answer
        show(f"  {answer} is none of them.")


def _ask_block(
    reference: str, given: GivenAnswers, seen: Discovery, plan: Cutover, outcome: Outcome, show: Show
) -> None:
    """Ask for a block's values until it opens, or the person leaves it. Blocks that it names come first."""
    if load_block(reference) is not None:
        outcome.blocks[reference] = "there already"
        return
    proposals, needs = block_proposals(reference, seen, plan)
    for other in needs:
        _ask_block(other, given, seen, plan, outcome, show)
    show(f"\n--- {reference} ---")
    if not typer.confirm("  Make it now?", default=True, err=True):
        outcome.blocks[reference] = "left"
        return
    try:
        tried: Tried = add_block(reference, given.blocks.get(reference, {}), ask=True, proposals=proposals)
    except MailmoveError as error:
        show(str(error))
        outcome.blocks[reference] = "left"
        return
    show("\n".join(tried.result.lines()))
    outcome.blocks[reference] = "made" if tried.saved else "does not work"


def _tested_and_saved(reference: str, block: Block, show: Show) -> BlockState:
    result = check_block(reference, block)
    show("\n".join(result.lines()))
    if not result.good:
        return "does not work"
    block.save(reference.partition("/")[2])
    return "made"


def _with_preflight(outcome: Outcome, plan: Cutover, show: Show, *, wanted: bool = True) -> Outcome:
    outcome.left += [
        f"{reference}: {state}; `mailmove block add {reference}`, or init again"
        for reference, state in outcome.blocks.items()
        if state in ("left", "does not work")
    ]
    if outcome.left or not wanted:
        return outcome
    outcome.preflight = run_preflight(plan, show)
    if outcome.preflight.state == "blocked":
        outcome.left.append("what preflight names; mend it, then init again")
    elif outcome.preflight.state == "left out":
        outcome.left.append(f"preflight: {outcome.preflight.words}")
    return outcome


def _say_what_is_next(outcome: Outcome, domain: str, show: Show) -> None:
    for words in outcome.left:
        show(f"left: {words}")
    start = f"mailmove start {outcome.plan} --at 22:00"
    outcome.next = start if outcome.complete else f"mailmove init {domain}"
    show(f"\nNext: {outcome.next}")


def blocks_of(plan: Cutover) -> list[str]:
    """Blocks that a plan names, in the order in which they are best made."""
    gates = [getattr(plan.gates, name) for name in type(plan.gates).model_fields]
    named: list[Any] = [
        plan.source.server, plan.target.tenant, plan.dns.provider, plan.firewall.gateway, plan.target.partner,
        plan.source.obtain_certificate, *plan.notices.to, *(block for gate in gates for block in gate.approver_blocks),
    ]  # fmt: skip
    return [reference for reference in dict.fromkeys(named) if reference]
