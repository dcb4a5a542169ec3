"""The operators' API: what an operator does reaches customers, and functions serve several operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.http.call import Reply
from gpu_capacity.runtime.apis.operators import operator_function
from testkit.handlers import arrangements as given
from testkit.handlers import sample_events

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage


def _free(stage: Stage) -> int:
    (unit,) = [
        unit
        for unit in stage.request_event("list_reservation_units", "all").json
        if unit["regionId"] == "uk-lon-1"
    ]
    available: int = unit["availableUnitCount"]
    return available


def test_a_cordoned_rack_is_not_for_sale_until_the_cordon_is_lifted(stage: Stage) -> None:
    given.sample(stage)
    before = _free(stage)

    change = stage.request_event("set_cordon", "domain").json

    assert change["podsWritten"] == 1
    assert change["cordons"] == [one for one in _cordons(stage) if one["source"] == "operator"]
    assert change["cordons"][0]["by"] == "operator@example.com"
    assert _free(stage) == before - 1
    assert stage.request_event("lift_cordon", "domain").json == {"cordons": [], "podsWritten": 1}
    assert _free(stage) == before


def _cordons(stage: Stage) -> list[dict[str, str]]:
    found: list[dict[str, str]] = stage.request_event("list_cordons", "all").json
    return found


def test_a_function_of_several_operations_answers_no_other_route(stage: Stage) -> None:
    given.sample(stage)
    event = sample_events.read("set_cordon", "domain")
    before = stage.db.dump()

    answer = stage.run("operator_reads", sample_events.with_tokens(event, stage.authority.token))

    assert answer["statusCode"] == 404
    assert stage.db.dump() == before


def test_a_log_line_names_the_operation_and_not_the_function(stage: Stage) -> None:
    given.sample(stage)
    stage.request_event("list_cordons", "all")

    assert stage.log_lines[-1]["request"]["operation"] == "list_cordons"


@pytest.mark.parametrize("name", ["get_version", "set_cordon"])
def test_a_function_has_to_serve_exactly_its_operations(name: str) -> None:
    with pytest.raises(ValueError, match=r"operator_cordons has to serve lift_cordon, set_cordon"):
        operator_function("operator_cordons", **{name: lambda _call: Reply(200)})
