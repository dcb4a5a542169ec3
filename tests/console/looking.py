"""Somebody who looks at the console."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

    from testkit.hostile.service import Service

FAR: Final = 4_102_444_800
"""2100: tokens of the stage are made by its own clock, which is not that of the browser."""

SERIOUS: Final = {"serious", "critical"}


@dataclass
class Looker:
    """Opens pages. ``complaints`` has what the browser wrote to its console, and errors of scripts."""

    browser: Browser
    service: Service
    address: str
    complaints: list[str] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, path: str = "/console", **options: Any) -> Page:
        """Open a page that keeps nothing of the others; ``options`` are those of a browser's context."""
        context = self.browser.new_context(**options)
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.address + path)
        return page

    def sign_in(self, person: str = "owner", view: str = "", **options: Any) -> Page:
        """Open the console by a link with a token, then a view."""
        token = self.service.token(person, exp=FAR)
        page = self.open(f"/console#token={token}", **options)
        page.get_by_role("button", name="Sign out").wait_for()
        if view:
            self.go(page, view)
        return page

    def go(self, page: Page, view: str) -> None:
        """Go to a view and wait for what it has read."""
        page.evaluate("hash => { location.hash = hash }", f"#/{view}")
        page.locator(f'#view[data-view="{view}"]', has_not_text="Reading …").wait_for()

    def end(self) -> None:
        for context in self._contexts:
            context.close()

    def _note(self, message: ConsoleMessage) -> None:
        # The browser notes each answer that is no success, whatever the page makes of it.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)


def serious(page: Page) -> list[str]:
    """What axe-core finds on a page that is serious or worse."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
