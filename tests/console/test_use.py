"""What people do at the console: by keyboard alone, with names of any kind, and while things change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from testkit.hostile.service import RESERVATIONS, Ask, reservation_body
from testkit.world import REGION

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.console.looking import Looker

MARKUP: Final = '<img src=x onerror="document.title=1"><b>"&amp;'
CHANGES_SHOW_MS: Final = 3_000
FOCUSED: Final = """(({ariaLabel, innerText, name}) => (ariaLabel || innerText || name || '').trim())
  (document.activeElement)"""
"""What the element with the focus is called."""


def _reserve(looker: Looker, name: str) -> str:
    body = reservation_body(metadata={"name": name})
    answer = looker.service.sent_by(Ask("POST", RESERVATIONS, json.dumps(body)), "owner")
    assert answer.status == 202, answer
    return str(answer.json["metadata"]["id"])


def _tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on what has this name."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = "document.activeElement"
        if (
            page.evaluate(f"({focused}.ariaLabel || {focused}.innerText || {focused}.name || '').trim()")
            == name
        ):
            return
    raise AssertionError(f"no way to {name} by keyboard")


def _renamed(route: Route) -> None:
    """Pass a request on, and let what is called training be called by markup in its answer."""
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace('"training"', json.dumps(MARKUP)))


def test_markup_in_names_is_shown_as_it_is(looker: Looker) -> None:
    page = looker.sign_in("owner")
    page.route("**/api/v2/**", _renamed)
    for view in (
        "holders",
        f"holder/reservation/{looker.service.ids['reservation of owner']}",
        f"map/{REGION}",
    ):
        looker.go(page, view)
        page.locator("#view").get_by_text(MARKUP).first.wait_for()
        assert page.locator("main img, main b").count() == 0
    assert "GPU capacity" in page.title()
    assert looker.complaints == []


def test_what_others_do_appears_without_a_reload(looker: Looker) -> None:
    page = looker.sign_in("owner")
    page.clock.install(time=0)
    page.clock.pause_at(1)
    looker.go(page, "holders")
    made = page.get_by_role("link", name="made-elsewhere")
    _reserve(looker, "made-elsewhere")
    assert made.count() == 0
    page.clock.run_for(CHANGES_SHOW_MS)
    made.wait_for()


def test_racks_are_reserved_by_keyboard_alone(looker: Looker) -> None:
    page = looker.sign_in("owner", "overview")
    _tab_to(page, "Reserve")
    page.keyboard.press("Enter")
    page.locator("#lands").wait_for()
    _tab_to(page, "count")
    page.keyboard.type("2")
    _tab_to(page, "Reserve")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Reservation", exact=True).wait_for()
    _tab_to(page, "Delete")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    _tab_to(page, "Delete")
    page.keyboard.press("Enter")
    _tab_to(page, "Delete it")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Holders").wait_for()


def test_a_dry_run_shows_where_it_would_land_and_reserves_nothing(looker: Looker) -> None:
    page = looker.sign_in("owner", "reserve")
    page.get_by_label("How many").fill("2")
    page.locator("#lands", has_text=", ").wait_for()
    assert page.locator(".cell.lands").count() == 2
    before = looker.service.sent_by(Ask("GET", RESERVATIONS), "owner").json
    page.get_by_role("button", name="Reserve").click()
    page.get_by_role("heading", name="Reservation", exact=True).wait_for()
    assert len(looker.service.sent_by(Ask("GET", RESERVATIONS), "owner").json) == len(before) + 1


def test_what_does_not_fit_says_why_and_what_helps(looker: Looker) -> None:
    page = looker.sign_in("owner", "reserve")
    page.get_by_label("How many").fill("60")
    problem = page.get_by_role("alert")
    problem.get_by_text("insufficient capacity").wait_for()
    problem.get_by_text("It never fits").wait_for()
    assert page.get_by_role("button", name="Reserve").is_disabled()


def test_an_operator_cordons_a_rack_and_a_host_and_sees_the_impact_of_a_maintenance(looker: Looker) -> None:
    page = looker.sign_in("operator", f"map/{REGION}")
    rack = page.locator(".map .cell.free").first
    name = rack.get_attribute("data-rack")
    rack.click()
    page.get_by_role("button", name=f"Cordon {name}", exact=True).click()
    page.get_by_label("Reason").fill("coolant leak")
    page.get_by_role("dialog").get_by_role("button", name="Cordon").click()
    page.locator(f'.cell.cordoned[data-rack="{name}"]').wait_for()
    page.get_by_role("button", name=f"Uncordon {name}", exact=True).click()
    page.locator(f'.cell.free[data-rack="{name}"]').wait_for()
    page.get_by_role("button", name="Quarantine ").first.click()
    page.get_by_label("What failed").fill("xid 79")
    page.get_by_role("dialog").get_by_role("button", name="Quarantine").click()
    page.locator(f'.cell.quarantined[data-rack="{name}"]').wait_for()
    looker.go(page, "sale")
    page.get_by_text("xid 79").wait_for()
    page.get_by_role("button", name="Lift the quarantine").click()
    page.get_by_text("xid 79").wait_for(state="hidden")
    assert looker.complaints == []


def test_the_map_has_a_letter_for_each_holder(looker: Looker) -> None:
    page = looker.sign_in("owner", f"map/{REGION}")
    held = page.get_by_role("button", name="reservation training")
    assert held.first.inner_text() in {"A", "B"}
    held.first.click()
    page.get_by_role("heading", name="Rack ").wait_for()
    page.get_by_role("table", name="Hosts").wait_for()


def test_a_vm_is_rented_stopped_and_deleted(renter: Looker) -> None:
    page = renter.sign_in("owner", "rent")
    page.get_by_role("button", name="Rent it").click()
    page.get_by_role("heading", name="VM", exact=True).wait_for()
    renter.go(page, f"holder/vm/{renter.service.ids['vm of owner']}")
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("stopping").first.wait_for()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete it").click()
    page.get_by_role("heading", name="Holders").wait_for()
    assert renter.complaints == []


def test_instances_are_claimed_and_what_waits_is_told(looker: Looker) -> None:
    page = looker.sign_in("owner", "claim")
    page.get_by_label("Name").fill("batch")
    page.get_by_label("Instances").fill("3")
    page.get_by_role("button", name="Claim").click()
    page.get_by_role("heading", name="Capacity claim").wait_for()
    page.get_by_text("instances allocated").first.wait_for()
    looker.go(page, "holders")
    page.get_by_role("table", name="Capacity claims").get_by_role("link", name="batch").wait_for()
    assert looker.complaints == []
