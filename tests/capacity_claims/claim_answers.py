"""What responses of the capacity claims API contain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.capacity_claims.claim_contract import STATUS, assert_is

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer


def violations(answer: Answer) -> list[str]:
    assert answer.status == 400, answer
    assert_is(STATUS, answer.json)
    assert answer.json["code"] == 3
    return [violation["field"] for violation in answer.json["details"][0]["fieldViolations"]]


def claim_of(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json["capacityClaim"]
    return found
