"""How operators' commands find the API, and what they say when it refuses or does not answer."""

from __future__ import annotations

import pytest

from tools import operator_api
from tools.local_stack.errors import LaunchError
from tools.operator_api import OperatorApi, at, parsed


def test_a_refusal_is_said_in_the_words_of_the_api() -> None:
    with pytest.raises(LaunchError, match=r"^the region does not exist$"):
        parsed(404, b'{"error": "not_found", "error_description": "the region does not exist"}')
    for text in (b"", b"<html>", b"[]"):
        with pytest.raises(LaunchError, match=r"^the API answered 502$"):
            parsed(502, text)


def test_an_answer_is_its_body() -> None:
    assert parsed(200, b"[1]") == [1]
    assert parsed(202, b"") is None


def test_names_in_a_path_may_have_any_characters() -> None:
    assert at("organizations", "a/b c", "quotas") == "/organizations/a%2Fb%20c/quotas"


def test_a_stack_that_does_not_answer_is_named() -> None:
    with pytest.raises(LaunchError, match=r"^http://127\.0\.0\.1:9 does not answer: "):
        OperatorApi("http://127.0.0.1:9", "t").call("GET", "/regions")


def test_a_deployed_stack_needs_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN", raising=False)
    with pytest.raises(LaunchError, match="TOKEN is missing"):
        operator_api.operator_api("gpu-capacity", "")


def test_the_address_of_a_deployed_stack_is_one_of_its_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "signed")
    outputs = {"ApiUrl": "https://api.example/live"}
    monkeypatch.setattr(operator_api, "connect", lambda _stack, _state: (None, outputs))

    assert operator_api.operator_api("gpu-capacity", "") == OperatorApi("https://api.example/live", "signed")
