"""How requests for the console and the page of the APIs end. They carry no token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.errors import Misconfigured
from gpu_capacity.http.operations import PAGES
from gpu_capacity.runtime.apis.site import sign_in
from gpu_capacity.runtime.settings import Environment
from testkit.handlers import sample_events

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage

NAME = "serve_console"
CASES = [case for function, case in sample_events.files() if function == NAME]


def test_the_page_is_html_that_names_its_files_relatively(stage: Stage) -> None:
    answer = stage.request_event(NAME, "page")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert 'src="console/app.js"' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("case", "content_type"),
    [
        ("file", "text/css"),
        ("configuration", "application/json"),
        ("viewer", "text/html"),
        ("document", "application/json"),
    ],
)
def test_a_file_has_its_own_type(stage: Stage, case: str, content_type: str) -> None:
    answer = stage.request_event(NAME, case)
    assert (answer.status, answer.headers["content-type"]) == (200, f"{content_type}; charset=utf-8")


def test_the_document_is_that_of_the_repository(stage: Stage) -> None:
    published = json.loads((sample_events.FUNCTIONS.parent / "docs" / "openapi.json").read_text())
    assert stage.request_event(NAME, "document").json == published


def test_an_unknown_file_is_refused_in_the_shape_of_the_reservations_api(stage: Stage) -> None:
    answer = stage.request_event(NAME, "unknown")
    assert (answer.status, answer.json["error"]) == (404, "not_found")


def test_a_file_that_has_not_changed_is_not_sent_again(stage: Stage) -> None:
    first = stage.request_event(NAME, "page")
    event = sample_events.with_headers(
        sample_events.read(NAME, "page"), **{"if-none-match": first.headers["etag"]}
    )
    again = stage.request(NAME, event)
    assert (again.status, again.text) == (304, "")


def test_every_route_has_a_case() -> None:
    assert {sample_events.read(NAME, case)["resource"] for case in CASES} == {page.path for page in PAGES}


def test_the_console_signs_in_at_the_configured_issuer() -> None:
    settings = {
        "AUTH_AUDIENCE": "gpu",
        "AUTH_CLAIM_ORGANIZATIONS": "orgs",
        "CONSOLE_ISSUER": "https://login.example.com",
        "CONSOLE_CLIENT_ID": "console",
        "CONSOLE_ORIGINS": "https://tokens.example.com, https://keys.example.com",
    }
    found = sign_in(Environment(settings))
    assert found.origins == ("https://tokens.example.com", "https://keys.example.com")
    assert found.scope == "openid"
    assert found.claims == {
        "organizations": "orgs",
        "projects": "projects",
        "permissions": "permissions",
        "name": "email",
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"CONSOLE_ISSUER": "http://login.example.com"},
        {"CONSOLE_ORIGINS": "http://tokens.example.com"},
        {"CONSOLE_ORIGINS": "https://tokens.example.com/path"},
        {"CONSOLE_ORIGINS": "*"},
    ],
)
def test_an_address_that_is_no_https_origin_is_a_misconfiguration(wrong: dict[str, str]) -> None:
    with pytest.raises(Misconfigured):
        sign_in(Environment({"AUTH_AUDIENCE": "gpu"} | wrong))
