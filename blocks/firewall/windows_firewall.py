"""Windows Firewall on the old server itself: a rule that blocks the port, by netsh (2008) or NetSecurity (2012 on).

A block rule beats every allow rule, so no rule of the customer's is touched. What stands is read from the registry,
in every language of Windows; the words of netsh are translated ones.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SecretStr

from blocks.exchange.powershell.shell import ExchangeShell
from blocks.provider_block import ProviderBlock
from mailmove.errors import Blocked, MailmoveError, NotYet, Transient
from mailmove.evidence import Finding
from mailmove.plan.values import Mode
from mailmove.ports import Checkable, Firewall
from mailmove.smtp.port_modes import mode_for

REOPENS_AFTER = 10
"""Minutes after which Windows opens the port again by itself, unless we have come back and told it not to."""

_POLICY = "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy\\"
_TASKS = "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree\\"
_PROFILES = {"DomainProfile": "domain", "StandardProfile": "private", "PublicProfile": "public"}


class WindowsFirewall(ProviderBlock, Firewall, Checkable):
    """The firewall of the Windows Server that the old Exchange runs on.

    Rights needed: a local administrator, by WinRM. It drops: Windows sends no refusal for a blocked port, nor (stealth
    mode) for one that nobody listens on. Errors: Refused, Blocked, Throttled, Transient, NotYet.

    Unverified: the registry's text of a rule (`v2.10|Action=Block|...`), which Microsoft documents for policies only.
    """

    _block_type_name = "Windows Firewall"
    _block_type_slug = "windows-firewall"
    _description = "The firewall of the old server's own Windows; it can block port 25 where no router can."

    shell_url: str = Field(
        pattern=r"^https?://",
        description="Where WinRM answers; Exchange's own /powershell cannot do this.",
        examples=["https://sbs2008.contoso.local:5986/wsman"],
    )
    username: str = Field(description="The account's name.", examples=["CONTOSO\\administrator"])
    password: SecretStr = Field(description="The account's password.")
    authentication: Literal["basic", "ntlm"] = Field(default="ntlm", description="How the account signs in.")
    extra_ca: str | None = Field(default=None, description="PEM of a root certificate to trust besides the system's.")

    def modes(self) -> frozenset[Mode]:
        return frozenset({"drop"})

    def allowed(self, port: int) -> list[dict[str, Any]]:
        """One entry: no rule of ours blocks the port, or Windows is about to take it away. Empty: blocked for good."""
        with self._shell() as shell:
            return _let_in(port) if not _blocked(shell, port) or _reopens(shell, port) else []

    def set_allowed(self, port: int, rules: list[dict[str, Any]], mode: Mode | None = None) -> None:
        """Add or remove our rule, and read back.

        Before it is added a task is scheduled that removes it; the task goes when a new session has been opened.
        """
        if rules and rules != _let_in(port):
            raise Blocked(
                self._who,
                wanted=f"port {port} to be let in as before",
                seen=f"rules that are not of this firewall: {rules}",
                todo="Name the block in the plan that closed the port.",
            )
        if rules:
            self._open(port)
        else:
            mode_for(self._who, self.modes(), mode)
            self._close(port)

    def obstacles(self, port: int) -> list[Finding]:
        """A firewall that is switched off blocks nothing."""
        with self._shell() as shell:
            off = [name for key, name in _PROFILES.items() if not _enabled(shell, key)]
        if not off:
            return []
        return [
            Finding(
                subject="Windows Firewall",
                seen=f"switched off for the {', '.join(off)} profile",
                means=f"a rule cannot close port {port} on such a network",
                todo="Switch it on (with rules for what the server serves), or close the port on the router.",
                blocks=len(off) == len(_PROFILES),
            )
        ]

    def findings(self) -> list[Finding]:
        """Sign in, read the rules, and see whether the firewall is on."""
        try:
            self.allowed(25)
            return self.obstacles(25)
        except MailmoveError as error:
            means = "the old server's port 25 cannot be closed"
            return [Finding(subject=self._who, seen=error.seen, means=means, todo=error.todo, blocks=True)]

    @property
    def _who(self) -> str:
        return f"Windows Firewall at {self.shell_url}"

    def _shell(self) -> ExchangeShell:
        return ExchangeShell(
            self.shell_url, "windows", self.username, self.password, self.authentication, self.extra_ca
        )

    def _close(self, port: int) -> None:
        with self._shell() as shell:
            if not _blocked(shell, port):
                undo = f"netsh.exe advfirewall firewall delete rule name={_rule(port)}"
                _run(
                    shell,
                    f'schtasks.exe /create /f /tn {_task(port)} /sc minute /mo {REOPENS_AFTER} /ru SYSTEM /tr "{undo}"',
                )
                self._must(_reopens(shell, port), "a task that would open the port again")
                _add(shell, port)
            elif not _reopens(shell, port):
                return
        try:
            with self._shell() as shell:  # a new session: are we still let in?
                _cancel(shell, port)
                self._must(_blocked(shell, port) and not _reopens(shell, port), f"a rule that blocks port {port}")
        except Transient as error:
            if isinstance(error, NotYet):
                raise
            raise Transient(
                self._who,
                wanted="a new session after the port was closed",
                seen=error.seen,
                todo=f"If this lasts, Windows opens the port again by itself within {REOPENS_AFTER} minutes.",
            ) from None

    def _open(self, port: int) -> None:
        with self._shell() as shell:
            if _blocked(shell, port):
                _remove(shell, port)
            _cancel(shell, port)
            self._must(not _blocked(shell, port), f"no rule that blocks port {port}")

    def _must(self, true: bool, wanted: str) -> None:
        if not true:
            raise NotYet(
                self._who,
                wanted=wanted,
                seen="it is not so",
                todo="It is tried again; if it stays, a group policy may rule over local rules.",
            )


def _rule(port: int) -> str:
    return f"Mailmove-closes-tcp-{port}"


def _task(port: int) -> str:
    return f"Mailmove-opens-tcp-{port}"


def _let_in(port: int) -> list[dict[str, Any]]:
    return [{"protocol": "TCP", "local_port": port, "blocked_by": None}]


def _blocked(shell: ExchangeShell, port: int) -> bool:
    wanted = {
        "Action": "Block",
        "Active": "TRUE",
        "Dir": "In",
        "Protocol": "6",
        "LPort": str(port),
        "Name": _rule(port),
    }
    for row in shell.run("Get-ItemProperty", Path=f"{_POLICY}FirewallRules"):
        for text in row.values():
            if wanted.items() <= dict(part.split("=", 1) for part in str(text).split("|") if "=" in part).items():
                return True
    return False


def _reopens(shell: ExchangeShell, port: int) -> bool:
    wanted = "whether a task opens the port again"
    values = [row.get("value") for row in shell.run("Test-Path", Path=f"{_TASKS}{_task(port)}")]
    if len(values) != 1 or not isinstance(values[0], bool):
        raise _unknown(shell, wanted, f"Test-Path gives {values}")
    return values[0]


def _enabled(shell: ExchangeShell, profile: str) -> bool:
    values = [row.get("EnableFirewall") for row in shell.run("Get-ItemProperty", Path=f"{_POLICY}{profile}")]
    if len(values) != 1 or values[0] not in (0, 1):
        raise _unknown(shell, f"whether the firewall is on ({profile})", f"EnableFirewall is {values}")
    return bool(values[0])


def _unknown(shell: ExchangeShell, wanted: str, seen: str) -> Transient:
    todo = "It is asked again; if it stays, look at the registry of the server."
    return Transient(f"Windows Firewall at {shell.url}", wanted=wanted, seen=seen, todo=todo)


def _add(shell: ExchangeShell, port: int) -> None:
    if _has_cmdlets(shell):
        shell.run(
            "New-NetFirewallRule",
            Name=_rule(port),
            DisplayName=_rule(port),
            Direction="Inbound",
            Action="Block",
            Protocol="TCP",
            LocalPort=str(port),
        )
    else:
        _run(
            shell,
            f"netsh.exe advfirewall firewall add rule name={_rule(port)} "
            f"dir=in action=block protocol=TCP localport={port}",
        )


def _remove(shell: ExchangeShell, port: int) -> None:
    if _has_cmdlets(shell):
        shell.run("Remove-NetFirewallRule", Name=_rule(port))
    else:
        _run(shell, f"netsh.exe advfirewall firewall delete rule name={_rule(port)}")


def _cancel(shell: ExchangeShell, port: int) -> None:
    if _reopens(shell, port):
        _run(shell, f"schtasks.exe /delete /f /tn {_task(port)}")


def _has_cmdlets(shell: ExchangeShell) -> bool:
    """NetSecurity came with Windows Server 2012."""
    try:
        shell.run("Import-Module", Name="NetSecurity")
    except Blocked:
        return False
    return True


def _run(shell: ExchangeShell, line: str) -> None:
    shell.run("Invoke-Expression", Command=line)
