"""The page of the APIs shows the document and calls operations, under the policy of all pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.console.looking import Looker


@pytest.mark.slow
def test_an_operation_is_shown_and_called_where_the_page_is(looker: Looker) -> None:
    page = looker.open("/docs")
    page.get_by_role("heading", name="GPU capacity reservation service").wait_for()
    assert page.locator(".servers option").all_inner_texts() == [looker.address]
    page.goto(f"{looker.address}/docs#/Service/getVersion")
    page.reload()
    operation = page.locator(".opblock", has_text="/api/version")
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    operation.locator(".live-responses-table").get_by_text("200", exact=True).first.wait_for()
    assert looker.complaints == []
