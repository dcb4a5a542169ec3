"""The console's story in Chromium, on the deployed application, by the link that `make run` prints."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from testkit import browser as browsers
from tools.local_stack.first_calls import console_link
from tools.local_stack.issuer import OPERATOR_PERMISSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.e2e.stack import Stack

REGION: Final = "us-tex-1"
SETTLED_MS: Final = 120_000
PICTURE_BYTES_MAX: Final = 150_000
PICTURES: Final = Path(__file__).resolve().parents[2] / "docs" / "console"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsers.chromium() as browser:
        yield browser


def _signed_in(chromium: Browser, stack: Stack, *permissions: str) -> tuple[Page, list[str]]:
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(SETTLED_MS)
    page.goto(console_link(stack.state, stack.url, *permissions))
    return page, errors


def _picture(page: Page, name: str) -> None:
    """Save what is shown, where `make screenshots` asks for it."""
    if not os.environ.get("SCREENSHOTS"):
        return
    PICTURES.mkdir(exist_ok=True)
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=PICTURES / f"{name}.png")
    assert (PICTURES / f"{name}.png").stat().st_size <= PICTURE_BYTES_MAX


def test_racks_are_seen_reserved_used_and_given_back(stack: Stack, chromium: Browser) -> None:
    page, errors = _signed_in(chromium, stack)
    racks = page.get_by_role("table", name="Racks")
    racks.get_by_role("link", name=f"Reserve GB300 NVL72 in {REGION}").wait_for()
    _picture(page, "overview")
    racks.get_by_role("link", name=f"Reserve GB300 NVL72 in {REGION}").click()
    page.get_by_label("How many").fill("9")
    page.get_by_role("alert").get_by_text("it can never fit").wait_for()
    page.get_by_label("How many").fill("2")
    page.locator("#lands", has_text=", ").wait_for()
    assert page.locator(".cell.lands").count() == 2
    _picture(page, "reserve")
    page.get_by_role("button", name="Reserve").click()

    page.get_by_role("heading", name="Reservation", exact=True).wait_for()
    page.locator("dd", has_text=re.compile(r"\bprovisioned$")).wait_for()
    page.get_by_text("Place servers here").click()
    page.get_by_role("button", name="Place servers").click()
    page.get_by_role("heading", name="Placement", exact=True).wait_for()
    page.get_by_role("row", name="workers-3").get_by_text("Running").wait_for()
    page.get_by_role("button", name="Stop workers-0").click()
    page.get_by_role("row", name="workers-0").get_by_text("Stopped").wait_for()
    page.get_by_role("button", name="Start workers-0").click()
    page.get_by_role("row", name="workers-0").get_by_text("Running").wait_for()
    _picture(page, "placement")

    page.get_by_role("link", name="Map", exact=True).click()
    page.get_by_label("Region").select_option(REGION)
    mine = page.locator(".cell.mine[data-rack]")
    mine.first.click()
    page.get_by_role("table", name="Hosts").get_by_text("placement workers").first.wait_for()
    _picture(page, "map")
    page.get_by_role("link", name="Holders", exact=True).click()
    page.get_by_role("table", name="Reservations").get_by_role("link", name="training").first.click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete it").click()
    page.get_by_text("Reservations: none.").wait_for()
    assert errors == []


def test_an_operator_takes_hardware_out_of_sale_and_sees_whom_it_meets(
    stack: Stack, chromium: Browser
) -> None:
    page, errors = _signed_in(chromium, stack, OPERATOR_PERMISSION)
    page.get_by_role("link", name="Map", exact=True).click()
    page.get_by_label("Region").select_option(REGION)
    rack = page.locator('.map .cell.free[data-rack*="gb300"]').last
    name = rack.get_attribute("data-rack")
    rack.click()
    page.get_by_role("button", name=f"Cordon {name}", exact=True).click()
    page.get_by_label("Reason").fill("coolant leak")
    page.get_by_role("dialog").get_by_role("button", name="Cordon").click()
    page.locator(f'.cell.cordoned[data-rack="{name}"]').wait_for()
    _picture(page, "operators")
    page.get_by_role("button", name=f"Plan a maintenance of {name}").click()
    page.get_by_label("Reason").fill("new cables")
    page.get_by_role("button", name="Show the impact").click()
    page.get_by_role("dialog").get_by_text("Impact: 18 hosts, 18 of them free").wait_for()
    page.get_by_role("button", name="Leave it").click()
    page.get_by_role("button", name=re.compile("^Quarantine ")).first.click()
    page.get_by_label("What failed").fill("xid 79")
    page.get_by_role("dialog").get_by_role("button", name="Quarantine").click()
    page.locator(f'.cell.quarantined[data-rack="{name}"]').wait_for()

    page.get_by_role("link", name="Out of sale").click()
    for cause in ("quarantine", "cordon"):
        page.get_by_role("button", name=f"Lift the {cause}").click()
        page.get_by_role("button", name=f"Lift the {cause}").wait_for(state="hidden")
    page.get_by_role("link", name="Queues").click()
    page.get_by_role("heading", name="Queues").wait_for()
    page.get_by_role("link", name="All holders").click()
    page.get_by_role("table", name="Holders").wait_for()
    assert errors == []
