"""Prefect's own UI, used as a person uses it: by the words on its labels and buttons."""

from __future__ import annotations

import re
import time
from datetime import date
from typing import Any

from playwright.sync_api import Locator, Page, Response, TimeoutError, expect

PATIENCE = 60_000
"""Milliseconds: a busy machine draws slowly."""

_SOON, _TRIES = 3_000, 10


class PrefectUi:
    """A browser window at the UI of a server."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        page.set_default_timeout(PATIENCE)
        page.on("response", self._heed)
        self._busy = False

    def _heed(self, answer: Response) -> None:
        self._busy = self._busy or (answer.status == 503 and answer.request.method == "POST")

    def sign_in(self, string: str, *, wait: bool = True) -> None:
        """At the page that the UI shows to who is not signed in; with `wait`, until it has let us in."""
        self.page.goto(f"{self.address}/")
        password = self.page.locator("input[type=password]")
        password.fill(string, timeout=PATIENCE)
        password.press("Enter")
        if wait:
            expect(password).to_have_count(0, timeout=PATIENCE)

    def open_custom_run(self, deployment: str) -> None:
        """From the front page to the form of a deployment."""
        self.page.goto(f"{self.address}/")
        self.page.get_by_role("link", name="Deployments", exact=True).click()
        self.page.get_by_role("link", name=deployment, exact=True).first.click()
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Custom run").click()
        expect(self.field("Customer")).to_be_visible(timeout=PATIENCE)

    def open_run(self, run: object, tab: str = "Logs") -> None:
        self.page.goto(f"{self.address}/v2/runs/flow-run/{run}?tab={tab}")

    # --- the parameter form -------------------------------------------------------------------------------------

    def field(self, label: str, within: Locator | None = None) -> Locator:
        """The part of a form under a label: label, control, complaints."""
        words = label if label.endswith(")") else rf"{re.escape(label)}( \(Optional\))?"
        named = self.page.locator("label").filter(has_text=re.compile(f"^{words}$"))
        return (within or self.page).locator("div.group", has=named).last

    def fill(self, label: str, value: object, within: Locator | None = None) -> None:
        self.field(label, within).locator("input, textarea").first.fill(str(value))

    def fill_list(self, label: str, values: list[str], within: Locator | None = None) -> None:
        listed = self.field(label, within)
        for place, value in enumerate(values):
            listed.get_by_role("button", name="Add item").click()
            listed.locator("textarea").nth(place).fill(value)

    def choose_block(self, label: str, kind: str, name: str, within: Locator | None = None) -> list[str]:
        """Choose a block from the list of its type; the names that the list offers."""
        part = self.field(label, within)
        part.get_by_role("tab", name=kind, exact=True).click()
        return [words for words in self._pick(part, name) if words != "Create new block"]

    def choose(self, label: str, value: str, within: Locator | None = None) -> None:
        self._pick(self.field(label, within), value)

    def _pick(self, part: Locator, value: str) -> list[str]:
        """Open the list of a field and click on one line. The form may draw itself anew meanwhile: then again."""
        opener = part.get_by_role("button", name=re.compile("^Select"))
        line = self.page.get_by_role("option", name=value, exact=True)
        for _ in range(_TRIES):
            if not line.is_visible():
                opener.click()
            try:
                line.wait_for(timeout=_SOON)
                offered = self.page.get_by_role("option").all_inner_texts()
                line.click(timeout=_SOON)
                expect(opener).to_have_text(value, timeout=_SOON)
            except (TimeoutError, AssertionError):
                continue
            return offered
        raise AssertionError(f"{value} could not be chosen")

    def fill_plan(self, plan: dict[str, Any]) -> None:
        """Everything that a town's plan holds, typed and chosen field by field."""
        self.fill("Customer", plan["customer"])
        self.fill_list("Domains", plan["domains"])
        source, dns, target = self.field("Source"), self.field("Dns"), self.field("Target")
        self.choose_block("Server", *plan["source"]["server"].split("/"), source)
        self.fill("Outlook Anywhere Host", plan["source"]["outlook_anywhere_host"], source)
        self.fill("Smtp Host", plan["source"]["smtp_host"], source)
        self.fill("Https Port", plan["source"]["https_port"], source)
        self.choose_block("Provider", *plan["dns"]["provider"].split("/"), dns)
        self.fill("Low Ttl", plan["dns"]["low_ttl"], dns)
        self.fill("Final Ttl", plan["dns"]["final_ttl"], dns)
        self.choose_block("Tenant", *plan["target"]["tenant"].split("/"), target)
        self.choose_block("Partner", *plan["target"]["partner"].split("/"), target)
        self.fill("Usage Location", plan["target"]["usage_location"], target)
        self.choose_block("Gateway", *plan["firewall"]["gateway"].split("/"))
        self.choose("Mode", plan["firewall"]["mode"])
        propagation, sweep = self.field("Propagation"), self.field("Sweep")
        self.fill_list("Resolvers", plan["propagation"]["resolvers"], propagation)
        self.fill("Patience Minutes", plan["propagation"]["patience_minutes"], propagation)
        self.fill("Dns Port", plan["propagation"]["dns_port"], propagation)
        self.fill("Quiet Minutes", plan["sweep"]["quiet_minutes"], sweep)
        self.fill("Smtp Port", plan["sweep"]["smtp_port"], sweep)

    # --- the start ----------------------------------------------------------------------------------------------

    def later(self, day: date, hour: str, half: str) -> None:
        """Not now, but on a day of this month at an hour such as ('11', 'PM')."""
        self.page.get_by_role("tab", name="Later").click()
        self.page.get_by_label("Start date").click()
        calendar = self.page.locator("[data-radix-popper-content-wrapper]").last
        calendar.locator(f'td[data-day="{day}"] button').click()
        times = calendar.get_by_role("button")
        times.get_by_text(hour, exact=True).last.click()
        times.get_by_text(half, exact=True).click()

    def close_calendar(self) -> None:
        """Until it is gone, the next click does nothing but close it."""
        self.page.keyboard.press("Escape")
        expect(self.page.locator("[data-radix-popper-content-wrapper]")).to_have_count(0)

    def press(self, button: Locator) -> None:
        """Press a button that goes away when the server has taken what was sent.

        A server on SQLite that is busy answers 503 and has done nothing: one presses again, as a person does.
        """
        red, end = self.page.locator(".text-destructive"), time.monotonic() + 2 * PATIENCE / 1000
        settled = time.monotonic() + 5  # complaints about what was mended since go away by and by
        self._busy = False
        button.click()
        while button.is_visible():
            now = time.monotonic()
            assert now < settled or (now < end and not red.count()), red.all_inner_texts()
            self.page.wait_for_timeout(300)
            if self._busy:
                self._busy = False
                button.click()

    def submit(self) -> None:
        self.press(self.page.get_by_role("button", name="Submit"))

    def complaints(self, within: Locator | None = None) -> list[str]:
        """What the form says is wrong, once it has said something."""
        red = (within or self.page).locator(".text-destructive")
        expect(red.first).to_be_visible(timeout=PATIENCE)
        return red.all_inner_texts()

    # --- a run --------------------------------------------------------------------------------------------------

    def menu(self, words: str) -> Locator:
        """Choose from the menu of the run that is shown; the dialog that it opens."""
        self.page.get_by_role("button", name="Open menu").first.click()
        self.page.get_by_role("menuitem", name=words, exact=True).click()
        dialog = self.page.get_by_role("dialog").or_(self.page.get_by_role("alertdialog"))
        expect(dialog).to_be_visible(timeout=PATIENCE)
        return dialog
