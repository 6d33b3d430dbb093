"""What people are shown: the dry run, the end of the night, the way back."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from prefect.artifacts import create_markdown_artifact

from mailmove.evidence import Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.report.cutover_report import CutoverReport
from mailmove.report.pictures import first_copy, landing, marks_of, propagation, timeline
from mailmove.report.svg import as_image
from mailmove.report.zone_diff import zone_diff
from tasks.items.item_report import forget
from tasks.ledger.artifact_tables import write_table
from tasks.ledger.ledger import Ledger, this_cutover
from tasks.ledger.names import previews_key
from tasks.parking.question_text import line_of
from tasks.reporting.closing_facts import close_books
from tasks.reporting.collect_night import night_of_customer
from tasks.runbook import STAGES


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
    rows = [preview.model_dump(mode="json") for preview in previews]
    write_table(previews_key(cutover.customer), rows, description="for runbook and report", flow_run=this_cutover())
    create_markdown_artifact("\n".join(lines), key=f"preflight-{cutover.customer}", description="Nothing was changed.")


def report(cutover: Cutover) -> str:
    """The whole night from the ledger, as an artifact `report-<customer>`; returned as Markdown."""
    ledger = Ledger(cutover.customer, this_cutover())
    close_books(cutover, ledger)
    night = night_of_customer(cutover.customer, ledger.cutover)
    lines = [f"# {cutover.customer}: the night", "", *_pictures(night)]
    for step in night.steps:
        lines += [f"## {step.name}: {step.story}", "", *(f"- {line_of(change)}" for change in step.changes)]
        lines += [f"- {step.ended:%H:%M:%S} UTC: {fact}" for fact in step.facts if step.ended]
        lines.append("")
    said = [f"- {one.stage}: {'; '.join(one.words)}" for one in night.decisions]
    lines += ["## Who said yes", "", *said, ""] if said else []
    lines += ["## Afterwards, by hand", "", *(f"- {line}" for line in night.tidy), ""] if night.tidy else []
    lines.append(f"For the customer: `mailmove report {cutover.customer} --out report.html`.")
    lines.append(f"What became of each item: the artifact `items-{cutover.customer}`, and where it says.")
    lines.append(f"To undo: `mailmove rollback` with the plan of {cutover.customer}.")
    text = "\n".join(lines)
    create_markdown_artifact(
        text, key=f"report-{cutover.customer}", description="Every stage, what it changed, what was seen."
    )
    forget(cutover)  # not sooner: what was purged since is known from there alone
    return text


def _pictures(night: CutoverReport) -> list[str]:
    """The night as images that the Prefect UI shows in Markdown, and the zone as a difference."""
    zone = ZoneInfo(night.time_zone)
    drawn = {
        "The night, step by step": timeline(night, zone),
        "Where the mail arrived": landing(night.landed, marks_of(night), zone),
        "The first copy of each mailbox": first_copy(night.progress, zone) if night.progress else "",
        **{f"Who has the new MX of {name}": propagation(seen, zone) for name, seen in night.sweeps.items()},
    }
    lines = [line for words, drawing in drawn.items() if drawing for line in (as_image(drawing, words), "")]
    diff = zone_diff(change for step in night.steps for change in step.changes)
    return [*lines, *(["```diff", *diff, "```", ""] if diff else [])]


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
