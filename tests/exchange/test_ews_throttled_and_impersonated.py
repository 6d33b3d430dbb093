"""The lab's EWS before exchangelib alone: nothing of it is replaced; it trusts the lab's root by the environment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import exchangelib
import pytest
from exchange_world import Server
from exchangelib import errors
from exchangelib.protocol import CachingProtocol

FAIL_FAST, PATIENT = exchangelib.FailFast(), exchangelib.FaultTolerance(max_wait=20)


@pytest.fixture(autouse=True)
def trusted(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = tmp_path / "root.pem"
    root.write_text(server.authority.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(root))
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    CachingProtocol.clear_cache()
    yield
    CachingProtocol.clear_cache()


def opened(
    server: Server, mailbox: str, *, who: str | None = None, access: str = exchangelib.DELEGATE, policy: Any = PATIENT
) -> Any:
    who = who or server.company.admin
    config = exchangelib.Configuration(
        service_endpoint=server.exchange.ews_url,
        credentials=exchangelib.Credentials(who, server.company.accounts[who]),
        auth_type=exchangelib.BASIC,
        retry_policy=policy,
        version=exchangelib.Version(exchangelib.Build(8, 3, 83, 6)),
    )
    return exchangelib.Account(mailbox, config=config, access_type=access, default_timezone=exchangelib.UTC)


def people(server: Server) -> list[str]:
    return [box.address for box in server.company.mailboxes if box.kind == "user"]


def subjects(account: Any, page: int = 100) -> list[str]:
    query = account.inbox.all().only("subject")
    query.page_size = page
    return sorted(item.subject or "" for item in query)


def stored(server: Server, mailbox: str) -> list[str]:
    return sorted(item.subject for item in server.exchange.store.snapshot(mailbox) if item.folder == "Inbox")


def test_a_busy_answer_between_pages_loses_and_doubles_nothing(server: Server) -> None:
    mailbox = people(server)[0]
    account = opened(server, mailbox)
    query = account.inbox.all().only("subject")
    query.page_size = 1
    pages = iter(query)
    first = next(pages)
    server.faults.set("exchange.ews_busy", times=3)
    started = time.monotonic()
    rest = list(pages)
    assert time.monotonic() - started >= 0.9, "three answers asked for 300 ms each"
    assert sorted(item.subject or "" for item in (first, *rest)) == stored(server, mailbox)
    assert len(rest) >= 3


def test_who_does_not_wait_is_told_for_how_long_to(server: Server) -> None:
    account = opened(server, people(server)[0], policy=FAIL_FAST)
    assert account.inbox.name == "Inbox"
    server.faults.set("exchange.ews_busy", times=1)
    with pytest.raises(errors.ErrorServerBusy) as caught:
        account.inbox.refresh()
    assert caught.value.back_off == pytest.approx(0.3)
    account.inbox.refresh()


@pytest.mark.parametrize("page", [1, 3, 1000])
def test_delegate_impersonated_and_owner_see_the_same(server: Server, page: int) -> None:
    mailbox = people(server)[1]
    delegate = subjects(opened(server, mailbox), page)
    impersonated = subjects(opened(server, mailbox, access=exchangelib.IMPERSONATION), page)
    CachingProtocol.clear_cache()
    owner = subjects(opened(server, mailbox, who=mailbox), page)
    assert delegate == impersonated == owner == stored(server, mailbox)
    assert len(owner) > 1


def test_acting_as_somebody_opens_their_mailbox_and_no_other(server: Server) -> None:
    first, second = people(server)[:2]
    account = opened(server, first, access=exchangelib.IMPERSONATION)
    assert account.inbox.total_count == len(stored(server, first))
    other = exchangelib.folders.DistinguishedFolderId(id="inbox", mailbox=exchangelib.Mailbox(email_address=second))
    service = exchangelib.services.GetFolder(account=account)
    found = list(service.call(folders=[other], additional_fields=[], shape="IdOnly"))
    assert isinstance(found[0], errors.ErrorAccessDenied)


def test_a_user_may_not_act_as_another(server: Server) -> None:
    first, second = people(server)[:2]
    with pytest.raises(errors.ErrorImpersonationDenied):
        _ = opened(server, second, who=first, access=exchangelib.IMPERSONATION).inbox


def test_the_server_searches_by_size(server: Server) -> None:
    mailbox = people(server)[0]
    sizes = [item.size for item in server.exchange.store.snapshot(mailbox) if item.folder == "Inbox"]
    limit = sorted(sizes)[len(sizes) // 2]
    found = opened(server, mailbox).inbox.filter(size__gt=limit).only("size")
    assert sorted(item.size for item in found) == sorted(size for size in sizes if size > limit)
