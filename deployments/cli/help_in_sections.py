"""`mailmove --help`: commands by when they are needed, each in one sentence, in plain text.

Plain, because Typer's boxes import a Markdown parser and take half of the time until the first line is there.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from deployments.cli.output import STOPPED, fail

SECTIONS = {
    "First evening": (
        "rehearse",
        "init",
        "doctor",
        "preflight",
        "check-server",
        "tenant-check",
        "explain-permissions",
        "schema",
    ),
    "The night": (
        "start",
        "status",
        "board",
        "approve",
        "answer",
        "restart",
        "rollback",
        "report",
        "compare",
        "passwords",
    ),
    "The box": ("up", "register", "backup", "restore"),
    "Credentials and people": ("block", "sign-in", "new-approver"),
}
"""Heading -> commands below it, in the order in which they are needed."""
_STOPPED = (
    "Stopped by Ctrl-C. What runs at the server runs on: `mailmove status` shows it, `mailmove rollback` undoes it."
)
_LONGEST = 400
"""Characters of a command's first sentence that are shown; it is wrapped, not cut."""


class HelpInSections(TyperGroup):
    """A group of commands. What no section names stands below "Commands", so that nothing is hidden."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Ctrl-C ends it in words."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            fail(_STOPPED, STOPPED)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the sections."""
        listed = {name for names in SECTIONS.values() for name in names}
        others = tuple(name for name in self.list_commands(ctx) if name not in listed)
        width = max(map(len, self.list_commands(ctx)))
        for heading, names in (*SECTIONS.items(), ("Commands", others)):
            commands = {name: self.get_command(ctx, name) for name in names}
            rows = [
                (name.ljust(width), command.get_short_help_str(_LONGEST))
                for name, command in commands.items()
                if command is not None and not command.hidden
            ]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
