"""The Windows feature RPC over HTTP Proxy, without which Outlook Anywhere of 2007 and 2010 answers nobody.

Whether it is there says the registry, in every language of Windows. Server 2008 installs by ServerManagerCmd.exe, 2008
R2 and later by a module. Exchange's own endpoint runs no such thing: an ordinary WinRM session is needed.
"""

from __future__ import annotations

from abc import abstractmethod

from blocks.exchange.powershell.shell import ExchangeShell
from mailmove.errors import Blocked, NotYet
from mailmove.ports import HasRpcProxyFeature

FEATURE = "RPC-over-HTTP-Proxy"
_REGISTRY = "HKLM:\\SOFTWARE\\Microsoft\\Rpc\\RpcProxy"


class ShellFeature(HasRpcProxyFeature):
    """The part of an Exchange server's block that handles the feature."""

    @abstractmethod
    def _shell(self) -> ExchangeShell: ...

    def rpc_proxy_feature(self) -> bool | None:
        """Installed? None: this session cannot tell."""
        with self._shell() as shell:
            return _installed(shell)

    def set_rpc_proxy_feature(self, wanted: bool) -> None:
        """Install or remove it, and read back; takes minutes. Blocked: this session may not."""
        with self._shell() as shell:
            if (now := _installed(shell)) == wanted:
                return
            if now is None:
                raise _by_hand(shell, wanted)
            if _has_module(shell):
                shell.run("Add-WindowsFeature" if wanted else "Remove-WindowsFeature", Name=FEATURE)
            else:
                verb = "-install" if wanted else "-remove"
                shell.run("Invoke-Expression", Command=f"ServerManagerCmd.exe {verb} {FEATURE}")
            if _installed(shell) != wanted:
                raise NotYet(
                    shell.url,
                    wanted=f"{FEATURE} {'installed' if wanted else 'removed'}",
                    seen="it is not so yet",
                    todo="It is looked at again; Windows may want a restart.",
                )


def _installed(shell: ExchangeShell) -> bool | None:
    if shell.kind != "winrm":
        return None
    try:
        return bool(shell.run("Get-ItemProperty", Path=_REGISTRY))
    except Blocked as error:
        if error.code != "ItemNotFoundException":
            raise
        return False


def _has_module(shell: ExchangeShell) -> bool:
    try:
        shell.run("Import-Module", Name="ServerManager")
    except Blocked:
        return False
    return True


def _by_hand(shell: ExchangeShell, wanted: bool) -> Blocked:
    todo = (
        f"On the server: ServerManagerCmd -install {FEATURE} (2008), Add-WindowsFeature {FEATURE} (2008 R2 and later)."
    )
    return Blocked(
        shell.url,
        wanted=f"{FEATURE} {'installed' if wanted else 'removed'}",
        seen="Exchange's own endpoint, which installs nothing",
        todo=todo,
    )
