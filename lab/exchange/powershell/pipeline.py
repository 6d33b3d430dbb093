"""A pipeline of cmdlets in the lab's shell, object by object: `Get-Mailbox | Get-MailboxPermission | Select-Object`.

That is all a session in no-language mode can do in life, too: cmdlets in a row, no script between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.exchange import windows_firewall
from lab.exchange.powershell import (
    certificate_cmdlets,
    feature_cmdlets,
    mailbox_cmdlets,
    outlook_anywhere_cmdlets,
    recipient_cmdlets,
    remote_shell_cmdlets,
    transport_cmdlets,
)
from lab.exchange.powershell.cmdlet_contract import CmdletError, bind, named, takes_from_pipeline
from lab.exchange.recipients import Row
from lab.exchange.state import ExchangeState

CMDLETS = {
    **remote_shell_cmdlets.READERS,
    **recipient_cmdlets.CMDLETS,
    **mailbox_cmdlets.CMDLETS,
    **outlook_anywhere_cmdlets.CMDLETS,
    **certificate_cmdlets.CMDLETS,
    **feature_cmdlets.CMDLETS,
    **transport_cmdlets.CMDLETS,
    **windows_firewall.CMDLETS,
}
OF_WINDOWS = frozenset({*feature_cmdlets.CMDLETS, *windows_firewall.CMDLETS})
"""What an ordinary session has without Exchange's snap-in."""

Command = tuple[str, Mapping[str | None, Any]]


def stream(state: ExchangeState, commands: list[Command]) -> Iterator[Row | CmdletError]:
    """What comes out at the end, and each error that stops one object but not the rest.

    CmdletError: raised where it ends everything.
    """
    (cmdlet, given), *rest = commands
    name, parameters = bind(state.version, cmdlet, given)
    out: Iterator[Row | CmdletError] = _one(state, name, parameters)
    for cmdlet, given in rest:
        select = cmdlet.lower() == "select-object"
        out = _selected(out, given) if select else _fed(state, out, named(state.version, cmdlet), given)
    return out


def _one(state: ExchangeState, name: str, parameters: dict[str, Any]) -> Iterator[Row | CmdletError]:
    try:
        yield from CMDLETS[name](state, parameters)
    except CmdletError as error:
        if error.terminating:
            raise
        yield error


def _fed(
    state: ExchangeState, objects: Iterator[Row | CmdletError], cmdlet: str, given: Mapping[str | None, Any]
) -> Iterator[Row | CmdletError]:
    """Each object is bound to the parameter that takes pipeline input, by what names it in the directory."""
    taken = takes_from_pipeline(cmdlet)
    for row in objects:
        if isinstance(row, CmdletError):
            yield row
        elif taken is None or taken[1] not in row[1]:
            message = (
                "The input object cannot be bound to any parameters for the command either because the command does "
                "not take pipeline input or the input and its properties do not match any of the parameters."
            )
            kind = "System.Management.Automation.ParameterBindingException"
            yield CmdletError(message, kind, f"InputObjectNotBound,{cmdlet}", terminating=False)
        else:
            name, parameters = bind(state.version, cmdlet, {**given, taken[0]: row[1][taken[1]]})
            yield from _one(state, name, parameters)


def _selected(objects: Iterator[Row | CmdletError], given: Mapping[str | None, Any]) -> Iterator[Row | CmdletError]:
    unknown = [name for name in given if name and name.lower() != "property"]
    wanted = next((value for name, value in given.items() if name not in unknown), None)
    if wanted is None or unknown:
        message = f"A parameter cannot be found that matches parameter name '{next(iter(unknown), 'Property')}'."
        kind = "System.Management.Automation.ParameterBindingException"
        raise CmdletError(message, kind, "NamedParameterNotFound,Microsoft.PowerShell.Commands.SelectObjectCommand")
    names = [str(name) for name in (wanted if isinstance(wanted, (list, tuple)) else [wanted])]
    for row in objects:
        if isinstance(row, CmdletError):
            yield row
        else:
            kind, properties = row
            yield f"Selected.{kind}", {name: properties.get(name) for name in names}
