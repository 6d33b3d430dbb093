"""Making a migration endpoint for Outlook Anywhere, and what Microsoft's test of one says.

Sources: the pages of New-MigrationEndpoint and Test-MigrationServerAvailability (office-docs-powershell); KB 2975731
(members of the test's answer: Result, Message, ConnectionSettings, SupportsCutover, ErrorDetail); KB 2903050 (the
server's FQDN); the same cmdlets of Exchange 2013 as public repositories show them: a test by hand wants an address
(MigrationMustSpecifyEmailOrMailboxDN), and SupportsCutover is a trait of the tenant, whatever the result is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blocks.microsoft365.answers import Json, Rejected
from blocks.microsoft365.cmdlet_errors import WHO
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.fields import flag_or, text_or, word_or
from mailmove.errors import Blocked, Refused
from mailmove.ports import SourceServer
from mailmove.ports.tenant.migration import CUTOVER_NOT_SUPPORTED
from mailmove.tenant_state import Endpoint

# The pages disagree on the default (20 or 100), so it is always said.
MAX_CONCURRENT = "20"


def new_endpoint(
    exchange: ExchangeAdmin,
    public_key: str | None,
    endpoint: Endpoint,
    source: SourceServer,
    is_right: Callable[[], bool],
) -> None:
    """Make it by Microsoft's own Autodiscover, else by hand.

    is_right: whether what Autodiscover has led to is the server that the plan names. Blocked: neither way works; `seen`
    says why of both.
    """
    user, password = source.migration_account()
    wanted = f"a migration endpoint to {endpoint.rpc_proxy_server} as {user}"
    own = {"Name": endpoint.name, "MaxConcurrentMigrations": MAX_CONCURRENT}

    def given(**more: Any) -> Json:
        """Sealed anew each time: the service's key changes now and then."""
        common: Json = {"ExchangeOutlookAnywhere": True, "Credentials": exchange.credential(user, password, public_key)}
        return common | ({"EmailAddress": endpoint.email_address} if endpoint.email_address else {}) | more

    discovering = given(Autodiscover=True)
    not_discovered = "no mailbox is known by whose address Microsoft could ask Autodiscover"
    if endpoint.email_address:
        try:
            tested(exchange, discovering, wanted)
            _create(exchange, {**discovering, **own}, wanted)
        except Refused:
            raise
        except Blocked as error:
            if error.code == CUTOVER_NOT_SUPPORTED:
                raise
            not_discovered = error.seen
        else:
            if is_right():
                return
            not_discovered = f"it leads to another server than {endpoint.rpc_proxy_server}"
    if not endpoint.exchange_server:
        raise _unreachable(wanted, f"by Autodiscover: {not_discovered}; by hand: the server's full name is not known")
    described = given(ExchangeServer=endpoint.exchange_server, Authentication=endpoint.authentication)
    try:
        tested(exchange, {**described, "RPCProxyServer": endpoint.rpc_proxy_server}, wanted)
        _create(exchange, {**described, **own, "RpcProxyServer": endpoint.rpc_proxy_server}, wanted)
    except Refused:
        raise
    except Blocked as error:
        if error.code == CUTOVER_NOT_SUPPORTED:
            raise
        seen = f"by hand ({endpoint.exchange_server}): {error.seen}; by Autodiscover: {not_discovered}"
        raise _unreachable(wanted, seen) from None


def tested(exchange: ExchangeAdmin, parameters: Json, wanted: str) -> None:
    """Test-MigrationServerAvailability: a failure is a row that says so, not an error.

    Blocked with the code `CutoverNotSupported`: the server answers, and SupportsCutover is False. Unverified: that a
    good answer has a Result; one without counts as good, and making the endpoint verifies again. A SupportsCutover
    that is not shown says nothing.
    """
    try:
        rows = exchange.run("Test-MigrationServerAvailability", parameters, wanted=wanted)
    except Rejected as error:
        raise _unreachable(wanted, error.seen) from None
    for row in rows:
        if word_or(row, "Result", "Success").lower() != "success":
            raise _unreachable(wanted, f"{text_or(row, 'Message')} {text_or(row, 'ErrorDetail')}".strip())
        if not flag_or(row, "SupportsCutover", True):
            raise no_cutover(wanted, "the server answers, but SupportsCutover is False")


def serves(existing: Endpoint, wanted: Endpoint) -> bool:
    """Whether an endpoint leads to the server that is wanted, by whatever name Microsoft knows it inside.

    The name outside and the way to sign in must be the same. Inside, Autodiscover gives what the server says of itself:
    its FQDN, or from Exchange 2013 on <guid>@domain, which stands for the server, not for another one.
    """
    if existing.rpc_proxy_server.lower() != wanted.rpc_proxy_server.lower():
        return False
    if existing.authentication != wanted.authentication:
        return False
    names = [name.lower() for name in (existing.exchange_server, wanted.exchange_server)]
    if not all(names) or any("@" in name for name in names):
        return True
    return names[0].partition(".")[0] == names[1].partition(".")[0]


def no_cutover(wanted: str, seen: str) -> Blocked:
    return Blocked(
        WHO,
        wanted=wanted,
        seen=seen,
        todo="Microsoft takes no cutover batch in this tenant. Either directory synchronisation is on (Microsoft Entra "
        "admin centre, Connect: turn it off, it takes up to 72 hours), or another cutover batch exists (finish or "
        "remove it). Else let Mailmove copy the mailboxes itself: `mover: direct` in the plan.",
        code=CUTOVER_NOT_SUPPORTED,
    )


def _create(exchange: ExchangeAdmin, parameters: Json, wanted: str) -> None:
    try:
        exchange.run("New-MigrationEndpoint", parameters, wanted=wanted)
    except Rejected as error:
        raise _unreachable(wanted, error.seen) from None


def _unreachable(wanted: str, seen: str) -> Blocked:
    return Blocked(
        WHO,
        wanted=wanted,
        seen=seen,
        todo="Check from outside (`mailmove check-server`): Outlook Anywhere with Basic, a public certificate that "
        "covers the name, RPC proxy ports 6001, 6002 and 6004, and the account's rights on the mailboxes.",
    )
