"""What people are shown: the dry run, the end of the night, the way back."""

from __future__ import annotations

from prefect.artifacts import create_markdown_artifact

from mailmove.evidence import Preview, Receipt
from mailmove.plan import Cutover
from tasks.item_book import forget
from tasks.ledger import Ledger, this_cutover
from tasks.runbook import RUNBOOK, STAGES, Stage
from tasks.showing import line_of
from tasks.tidying import tidying


def show_preflight(cutover: Cutover, previews: list[Preview]) -> None:
    """The dry run as an artifact `preflight-<customer>`."""
    lines = [f"# {cutover.customer}: what the night would do", ""]
    for preview in previews:
        lines += [f"## {preview.stage}", ""]
        lines += [f"- {line_of(change)}" for change in preview.changes] or ["- nothing to change"]
        for found in preview.findings:
            mark = "**stands in the way:** " if found.blocks else ""
            lines.append(f"- {mark}{found.subject}: {found.seen}. {found.means} {found.todo}")
        lines.append("")
    create_markdown_artifact("\n".join(lines), key=f"preflight-{cutover.customer}", description="Nothing was changed.")


def report(cutover: Cutover) -> str:
    """The whole night from the ledger, as an artifact `report-<customer>`; returned as Markdown."""
    ledger = Ledger(cutover.customer, this_cutover())
    lines = [f"# {cutover.customer}: the night", ""]
    for step in RUNBOOK:
        lines += [f"## {step.name}: {step.story}", ""]
        if isinstance(step, Stage):
            lines += [f"- {line_of(change)}" for change in ledger.receipt(step.name).changes]
        evidence = ledger.evidence(step.name)
        if evidence:
            lines += [f"- {evidence.at:%H:%M:%S} UTC: {fact}" for fact in evidence.facts]
        lines.append("")
    tidy = tidying(cutover, ledger)
    lines += ["## Afterwards, by hand", "", *(f"- {line}" for line in tidy), ""] if tidy else []
    lines += [f"What became of each item: the artifact `items-{cutover.customer}`, and where it says.", ""]
    lines.append(f"To undo: `mailmove rollback` with the plan of {cutover.customer}.")
    text = "\n".join(lines)
    create_markdown_artifact(
        text, key=f"report-{cutover.customer}", description="Every stage, what it changed, what was seen."
    )
    forget(cutover)  # not sooner: what was purged since is known from there alone
    return text


def show_rollback(cutover: Cutover, receipts: list[Receipt]) -> str:
    """What was put back and what remains, as an artifact `rollback-<customer>`."""
    lines = [f"# {cutover.customer}: put back", ""]
    for receipt in receipts:
        lines += [f"- {receipt.stage}: {line_of(change)}" for change in receipt.changes]
    remains = [f"- {receipt.stage}: {one}" for receipt in receipts for one in receipt.remains]
    lines += ["", "## Remains", "", *(remains or ["- nothing"])]
    text = "\n".join(lines)
    create_markdown_artifact(text, key=f"rollback-{cutover.customer}", description=f"{len(STAGES)} stages looked at.")
    return text
