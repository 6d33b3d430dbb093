"""A page of another origin, open in the browser of somebody who is signed in to the box, gets and changes nothing."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from prefect_ui import PATIENCE, PrefectUi
from real_parts import require
from windows import Window

from deployments.server.box import Box
from deployments.server.kept_secrets import API_STRING

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Its server only: nothing else is asked."""
    require("chromium")
    running = Box(tmp_path_factory.mktemp("box") / "home")
    try:
        running.start_server()
        yield running
    finally:
        running.stop()


class Blank(BaseHTTPRequestHandler):
    """A page with nothing on it, whose scripts the test writes."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>evil</title>")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """Port of a web server that is not ours."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Blank)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


ATTACKS = """
async ([api, socket, basic]) => {
  const seen = {};
  const attempt = async (name, work) => {
    try { seen[name] = await work(); } catch (error) { seen[name] = "refused"; }
  };
  const signed = {"Authorization": basic, "Content-Type": "application/json"};
  const flow = JSON.stringify({name: "evil"});
  await attempt("read", async () => (await fetch(api + "/admin/version", {credentials: "include"})).status);
  await attempt("read signed", async () => (await fetch(api + "/admin/version", {headers: signed})).status);
  await attempt("blocks", async () => (await fetch(api + "/block_documents/filter", {
    method: "POST", body: JSON.stringify({include_secrets: true}), headers: signed})).status);
  await attempt("simple post", async () => (await fetch(api + "/flows/", {
    method: "POST", body: flow, mode: "no-cors", credentials: "include",
    headers: {"Content-Type": "text/plain"}})).type);
  await attempt("signed post", async () => (await fetch(api + "/flows/", {
    method: "POST", body: flow, headers: signed})).status);
  await attempt("token", async () => (await fetch(api + "/csrf-token?client=evil", {headers: signed})).status);
  const frame = document.createElement("iframe");
  frame.src = api.replace("/api", "/");
  document.body.append(frame);
  for (const path of ["/events/in", "/events/out", "/logs/out"])
    await attempt(path, () => new Promise((said, failed) => {
      const line = new WebSocket(socket + path, "prefect");
      line.onopen = () => said("open");
      line.onerror = () => failed();
    }));
  return seen;
}
"""


def flows(box: Box) -> int:
    wanted = urllib.request.Request(
        f"{box.ui}/api/flows/count", b"{}", {**box.headers(), "Content-Type": "application/json"}
    )
    with urllib.request.urlopen(wanted, timeout=60) as answer:
        return int(json.load(answer))


def test_signed_in_or_not_a_foreign_page_gets_nothing(box: Box, elsewhere: int, window: Window) -> None:
    page = window()
    ui = PrefectUi(page, box.ui)
    string = (box.home / API_STRING).read_text("ascii")
    ui.sign_in(string)
    expect(page.get_by_role("link", name="Deployments", exact=True)).to_be_visible(timeout=PATIENCE)
    assert "/login" not in page.url
    seen = page.evaluate(  # the sign-in of the UI is not a cookie, so nothing goes along by itself
        "async () => [document.cookie, (await fetch('/api/admin/version', {credentials: 'include'})).status]"
    )
    assert seen[1] == 401 and string not in seen[0]

    basic = box.headers()["Authorization"]
    # localhost is another site, 127.0.0.1 another port of the same one, and the string is known: the hardest case.
    for host in ("127.0.0.1", "localhost"):
        foreign = page.context.new_page()
        foreign.goto(f"http://{host}:{elsewhere}/")
        for given in ("", basic):
            told = foreign.evaluate(ATTACKS, [f"{box.ui}/api", f"ws://127.0.0.1:{box.port}/api", given])
            assert told.pop("simple post") == "opaque", "it was sent, and the page is told nothing"
            assert set(told.values()) == {"refused"} and len(told) == 8, told
        foreign.close()
    assert flows(box) == 0, "nothing was made"


def test_a_name_that_leads_here_is_refused_to_a_browser(box: Box, chromium: Any) -> None:
    """DNS rebinding: the page's own origin is a name that somebody points at this machine."""
    with_name = chromium.browser_type.launch(
        executable_path=require("chromium"),
        args=["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP evil.example 127.0.0.1"],
    )
    try:
        page = with_name.new_page()
        answer = page.goto(f"http://evil.example:{box.port}/")
        assert answer is not None and answer.status == 421
        told = page.evaluate(
            "async (basic) => (await fetch('/api/admin/version', {headers: {Authorization: basic}})).status",
            box.headers()["Authorization"],
        )
        assert told == 421
    finally:
        with_name.close()


def test_the_sign_in_wants_the_string(box: Box, window: Window, tmp_path: Path) -> None:
    page = window()
    PrefectUi(page, box.ui).sign_in("mailmove:wrong", wait=False)
    page.wait_for_timeout(3000)
    assert page.get_by_role("link", name="Deployments", exact=True).count() == 0 or "/login" in page.url
