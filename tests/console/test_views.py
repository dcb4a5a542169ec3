"""Every view: readable for everybody, at phone width, light and dark, and silent in the browser's console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from testkit.world import ORGANIZATION, REGION
from tests.console.looking import serious

if TYPE_CHECKING:
    from tests.console.looking import Looker

OF_CUSTOMERS: Final = (
    "overview",
    f"map/{REGION}",
    "holders",
    "holder/reservation/reservation of owner",
    "holder/placement/placement of owner",
    "holder/capacityClaim/claim of owner",
    "reserve",
    "claim",
)
OF_OPERATORS: Final = (
    "overview",
    f"map/{REGION}",
    "search",
    f"held/{ORGANIZATION}/reservation/reservation of owner",
    "sale",
    "queues",
)
VIEWS: Final = [
    *(("owner", view) for view in OF_CUSTOMERS),
    *(("operator", view) for view in OF_OPERATORS),
]
PHONE: Final = {"width": 360, "height": 740}


def _named(looker: Looker, view: str) -> str:
    return "/".join(looker.service.ids.get(part, part) for part in view.split("/"))


@pytest.mark.slow
@pytest.mark.parametrize(("person", "view"), VIEWS)
def test_a_view_can_be_used_by_everybody(looker: Looker, person: str, view: str) -> None:
    page = looker.sign_in(person, _named(looker, view))
    assert page.get_by_role("alert").count() == 0, page.get_by_role("alert").inner_text()
    for scheme in ("light", "dark"):
        options: dict[str, Any] = {"color_scheme": scheme}
        page.emulate_media(**options)
        assert serious(page) == []
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert looker.complaints == []


@pytest.mark.slow
def test_a_rack_and_a_question_about_it_can_be_used_by_everybody(looker: Looker) -> None:
    page = looker.sign_in("operator", f"map/{REGION}")
    page.locator(".map .cell.free").first.click()
    page.get_by_role("table", name="Hosts").wait_for()
    assert serious(page) == []
    page.get_by_role("button", name="Plan a maintenance").click()
    page.get_by_role("dialog").wait_for()
    assert serious(page) == []
    assert looker.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize("view", ["overview", "holders", "rent", "holder/vm/vm of owner"])
def test_a_view_of_vms_can_be_used_by_everybody(renter: Looker, view: str) -> None:
    page = renter.sign_in("owner", _named(renter, view))
    assert page.get_by_role("alert").count() == 0, page.get_by_role("alert").inner_text()
    assert serious(page) == []
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert renter.complaints == []


def test_signing_in_can_be_used_by_everybody(looker: Looker) -> None:
    page = looker.open(viewport={"width": 360, "height": 740})
    page.get_by_role("heading", name="Sign in").wait_for()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert looker.complaints == []
