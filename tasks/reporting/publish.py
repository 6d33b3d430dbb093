"""What people are shown: the preflight, the end of a cutover, the rollback."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from mailmove.evidence import Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.report.cutover_report import CutoverReport
from mailmove.report.pictures import first_copy, landing, marks_of, propagation, timeline
from mailmove.report.svg import as_image
from mailmove.report.zone_diff import zone_diff
from mailmove.shown_text import one_line
from tasks.dns.mail_policies import keep_observed
from tasks.execution.context import Context
from tasks.items.item_report import forget
from tasks.ledger.names import previews_key
from tasks.parking.question_text import line_of
from tasks.preflight.inventory import Inventoried, keep_inventory
from tasks.reporting.closing_facts import close_books
from tasks.reporting.collect import report_of_customer
from tasks.reporting.expiring import keep_expiring
from tasks.runbook import STAGES


def show_preflight(cutover: Cutover, previews: list[Preview], inventory: Inventoried) -> None:
    """What preflight found, as a page `preflight-<customer>` and as tables for runbook and report."""
    context = Context(cutover, "preflight")
    keep_inventory(context, inventory)
    keep_observed(context, *previews)
    keep_expiring(context, previews)
    lines = [f"# {cutover.customer}: what the cutover would do", ""]
    for preview in previews:
        lines += [f"## {preview.stage}", ""]
        lines += [f"- {line_of(change)}" for change in preview.changes] or ["- nothing to change"]
        for finding in preview.findings:
            mark = "**stands in the way:** " if finding.blocks else ""
            lines.append(one_line(f"- {mark}{finding.subject}: {finding.seen}. {finding.means} {finding.todo}"))
        lines.append("")
    rows = [preview.model_dump(mode="json") for preview in previews]
    context.write_table(previews_key(cutover.customer), rows, description="for runbook and report")
    context.write_markdown(f"preflight-{cutover.customer}", "\n".join(lines), description="Nothing was changed.")


def report(cutover: Cutover) -> str:
    """The whole cutover from the ledger, as an artifact `report-<customer>`; returned as Markdown."""
    context = Context(cutover, "report")
    close_books(context)
    record = report_of_customer(cutover.customer, context.root)
    lines = [f"# {cutover.customer}: the cutover", "", *_pictures(record)]
    for step in record.steps:
        lines += [f"## {step.name}: {step.story}", "", *(f"- {line_of(change)}" for change in step.changes)]
        lines += [one_line(f"- {step.ended:%H:%M:%S} UTC: {fact}") for fact in step.facts if step.ended]
        lines += [f"- {step.left}"] if step.left else []
        lines.append("")
    decisions = [f"- {decision.stage}: {'; '.join(decision.words)}" for decision in record.decisions]
    lines += ["## Who decided", "", *decisions, ""] if decisions else []
    left = [f"- {line.stage}: {thing}; {line.words}" for line in record.left_out for thing in line.things]
    lines += ["## Left by decision", "", *left, ""] if left else []
    lines += ["## Afterwards, by hand", "", *(f"- {line}" for line in record.tidy), ""] if record.tidy else []
    lines.append(f"For the customer: `mailmove report {cutover.customer} --out report.html`.")
    lines.append(f"What became of each item: the artifact `items-{cutover.customer}`, and where it says.")
    lines.append(f"To undo: `mailmove rollback` with the plan of {cutover.customer}.")
    text = "\n".join(lines)
    context.write_markdown(
        f"report-{cutover.customer}", text, description="Every stage, what it changed, what was seen."
    )
    forget(context)  # not sooner: what was purged since is known from there alone
    return text


def _pictures(record: CutoverReport) -> list[str]:
    """The cutover as images that the Prefect UI shows in Markdown, and the zone as a difference."""
    zone = ZoneInfo(record.time_zone)
    drawn = {
        "The cutover, step by step": timeline(record, zone),
        "Where the mail arrived": landing(record.landed, marks_of(record), zone),
        "The first copy of each mailbox": first_copy(record.progress, zone) if record.progress else "",
        **{f"Who has the new MX of {name}": propagation(sweep, zone) for name, sweep in record.sweeps.items()},
    }
    lines = [line for words, drawing in drawn.items() if drawing for line in (as_image(drawing, words), "")]
    diff = zone_diff(change for step in record.steps for change in step.changes)
    return [*lines, *(["```diff", *diff, "```", ""] if diff else [])]


def show_rollback(cutover: Cutover, receipts: list[Receipt]) -> str:
    """What was put back and what remains, as an artifact `rollback-<customer>`."""
    lines = [f"# {cutover.customer}: put back", ""]
    for receipt in receipts:
        lines += [f"- {receipt.stage}: {line_of(change)}" for change in receipt.changes]
    remains = [f"- {receipt.stage}: {line}" for receipt in receipts for line in receipt.remains]
    lines += ["", "## Remains", "", *(remains or ["- nothing"])]
    text = "\n".join(lines)
    Context(cutover, "rollback").write_markdown(
        f"rollback-{cutover.customer}", text, description=f"{len(STAGES)} stages looked at."
    )
    return text
