"""Where the tenant blocks codes, the refusal says why, and a browser on this machine is the second way."""

from __future__ import annotations

import logging
import re
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cutover_walk import Walk, walking

from blocks.microsoft365.clouds import CLOUDS
from blocks.microsoft365.microsoft365 import Microsoft365
from blocks.microsoft365.signing_in.browser_sign_in import browser_sign_in_for
from blocks.microsoft365.signing_in.device_code import sign_in_error
from mailmove.errors import Blocked, NotYet, SignInRefused

pytestmark = pytest.mark.timeout(240)
SMALL: dict[str, Any] = {"users": 1, "shared": 0, "public_folders": 0, "messages": 4, "mail_per_second": 0.0}
ADMIN = "admin@northwindexample.onmicrosoft.com"


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    with walking(**SMALL) as walk:
        yield walk


@pytest.fixture
def block(walk: Walk) -> Microsoft365:
    kept: Any = walk.memory.blocks["microsoft365/northwind"]
    return Microsoft365(**{**dict(kept), "client_secret": None, "certificate": None, "refresh_token": None})


def link_in(words: str) -> str:
    found = re.search(r"https://\S+", words)
    assert found
    return found[0]


def opening(walk: Walk, user: str | None, first: Callable[[str], None] = lambda link: None) -> Callable[[str], None]:
    """What is shown a person opens in a browser, after `first`."""

    def show(words: str) -> None:
        def browse() -> None:
            first(link_in(words))
            walk.town.cloud.person_opens(link_in(words), user)

        threading.Thread(target=browse, daemon=True).start()

    return show


def test_a_code_that_is_blocked_names_the_second_way(walk: Walk, block: Microsoft365) -> None:
    walk.town.faults.set("hostile.device_code_blocked")

    def show(words: str) -> None:
        code = words.split(" code ")[1].split()[0]
        walk.town.cloud.person_signs_in(code, ADMIN)

    with pytest.raises(SignInRefused) as caught:
        block.sign_in(show)
    assert caught.value.code == "AADSTS53003" and "mailmove sign-in --browser" in caught.value.todo
    assert block.refresh_token is None and block.signed_in_at is None

    assert block.sign_in_by_browser(opening(walk, ADMIN)) == ADMIN
    assert block.domains.get("nowhere.example") is None, "what it left opens the tenant"
    assert block.refresh_token is not None and block.refresh_token.get_secret_value() not in repr(block)
    walk.town.faults.clear()


@pytest.mark.parametrize(
    ("number", "words"),
    [(53003, "--browser"), (530032, "--browser"), (530033, "--browser"), (53011, "administrator")],
)
def test_each_number_is_explained_and_another_is_not_taken_for_it(number: int, words: str) -> None:
    by_list = {"error": "invalid_grant", "error_description": "no", "error_codes": [number]}
    by_words = {"error": "invalid_grant", "error_description": f"AADSTS{number}: no", "error_codes": []}
    for answer in (by_list, by_words):
        error = sign_in_error(answer)
        assert error.code == f"AADSTS{number}" and words in error.todo
    other = sign_in_error({"error": "invalid_grant", "error_description": f"AADSTS{number}9: no"})
    assert "--browser" not in other.todo


def test_a_stranger_at_the_port_is_not_heard(walk: Walk, block: Microsoft365) -> None:
    def knock(link: str) -> None:
        back = parse_qs(urlsplit(link).query)["redirect_uri"][0]
        for query in ("", "?code=stolen", "?code=stolen&state=guessed", "?error=access_denied&state="):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(back + query, timeout=5)
        place = urlsplit(back)
        with socket.create_connection(("127.0.0.1", place.port or 0), 5) as rude:
            rude.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")

    assert block.sign_in_by_browser(opening(walk, ADMIN, knock)) == ADMIN


def test_who_declines_is_believed(walk: Walk, block: Microsoft365) -> None:
    with pytest.raises(SignInRefused, match="declined"):
        block.sign_in_by_browser(opening(walk, None))
    assert block.refresh_token is None


def test_nobody_came_and_a_taken_port_are_said(block: Microsoft365, caplog: pytest.LogCaptureFixture) -> None:
    shown: list[str] = []
    with pytest.raises(NotYet, match="nobody came back"):
        browser_sign_in_for(block, CLOUDS["global"], shown.append, patience=0.2)
    assert "code_challenge_method=S256" in shown[0] and "127.0.0.1" in shown[0]
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Blocked, match="on loopback"):
        block.sign_in_by_browser(shown.append, port=taken.getsockname()[1])


def test_the_code_stands_in_no_log(walk: Walk, block: Microsoft365, caplog: pytest.LogCaptureFixture,
                                   capfd: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    block.sign_in_by_browser(opening(walk, ADMIN))
    written = capfd.readouterr()
    ours = "".join(
        record.getMessage() for record in caplog.records if not record.name.startswith(("urllib3", "uvicorn"))
    )
    assert "GET /?" not in written.err + written.out and "code=" not in ours.replace("response_type=code", "")
