"""The operators' API: what an operator does reaches customers, and functions serve several operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.http.call import Reply
from gpu_capacity.runtime.apis.operators import operator_function
from testkit.handlers import arrangements as given
from testkit.handlers import claim_stage, sample_events

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


@pytest.mark.parametrize("name", ["get_version", "set_operator_quota"])
def test_a_function_has_to_serve_exactly_its_operations(name: str) -> None:
    others = {name: lambda _call: Reply(200), "list_holders": lambda _call: Reply(200)}
    with pytest.raises(ValueError, match=r"operator_quotas has to serve set_operator_quota"):
        operator_function("operator_quotas", **others)


def test_the_owner_reads_why_an_operator_has_deleted_a_reservation(stage: Stage) -> None:
    given.provisioned(stage)

    stage.request_event("force_delete_holder", "reservation")

    shown = stage.request_event("get_reservation", "found").json["metadata"]
    assert shown["provisioningStatus"] == "deprovisioning"
    assert "deleted by an operator: the contract has ended; " in shown["provisioningStatusDetail"]["message"]
    assert stage.request_event("get_holder", "reservation").json["removal"] == "the contract has ended"
    lines = [line["audit"] for line in stage.log_lines if "audit" in line]
    forced, deleted = lines[-2:]
    assert (forced["action"], forced["actor"]) == ("force_delete", "operator@example.com")
    assert forced["reason"] == "the contract has ended"
    assert deleted["action"] == "delete_reservation"
    assert [name for name in stage.step_functions.executions if "deprovision" in name]


def test_an_api_key_of_an_operator_opens_the_vm_api_and_is_in_no_log(stage: Stage) -> None:
    given.sample(stage)
    made = stage.request_event("make_operator_api_key", "read_only").json

    (listed,) = stage.request_event("list_operator_api_keys", "all").json
    assert listed == {name: value for name, value in made.items() if name != "key"}
    event = sample_events.with_headers(
        sample_events.read("list_vms", "all"), authorization=f"Bearer {made['key']}"
    )
    assert stage.request("list_vms", event).status == 200
    assert made["key"] not in stage.log


def test_lists_of_operators_come_in_pages(stage: Stage) -> None:
    given.placed(stage)
    for name in ("list_holders", "list_unsettled"):
        event = sample_events.read(name, "all")
        whole = stage.request(name, event).json
        assert len(whole) > 1
        paged, query = [], {"limit": ["1"]}
        while True:
            answer = stage.request(name, sample_events.with_query(event, **query))
            paged += answer.json
            if "link" not in answer.headers:
                break
            cursor = answer.headers["link"].partition("cursor=")[2].partition(">")[0]
            query = {"limit": ["1"], "cursor": [cursor]}
        assert paged == whole


def test_a_quarantined_host_is_on_the_map_and_out_of_sale_until_it_is_lifted(stage: Stage) -> None:
    given.sample(stage)
    before = _free(stage)
    stage.request_event("set_quarantine", "host")

    (pod,) = stage.request_event("get_region_map", "with_hosts").json["pods"]
    (rack,) = (one for one in pod["domains"] if one["id"] == "uk-lon-1-pod1-rack07")
    assert rack["states"] == ["free", "quarantined", "incomplete"]
    assert rack["hosts"][0]["states"] == ["free", "quarantined"]
    assert (rack["hostCount"], rack["freeHostCount"]) == (18, 17)
    (entry,) = stage.request_event("list_cordons", "quarantines").json
    assert (entry["cause"], entry["evidence"], entry["by"]) == (
        "quarantine",
        "Xid 79",
        "operator@example.com",
    )
    assert _free(stage) == before - 1
    assert stage.request_event("lift_quarantine", "host").json["cordons"] == []
    assert _free(stage) == before


def test_an_operator_lists_regions_that_no_customer_may_see(stage: Stage) -> None:
    given.sample(stage)
    given.hide_chicago(stage)

    listed = [region["regionId"] for region in stage.request_event("list_operator_regions", "all").json]
    assert listed == ["uk-lon-1", "us-chi-1"]


def test_a_quota_that_an_operator_sets_counts_what_there_is(stage: Stage) -> None:
    given.reserved(stage)

    change = stage.request_event("set_operator_quota", "accelerator").json

    assert (change["limit"], change["used"], change["countedIn"]) == (16, 2, 1)
    (listed,) = stage.request_event("list_operator_quotas", "all").json
    assert listed == {name: value for name, value in change.items() if name != "countedIn"}
    assert "limit" not in stage.request_event("set_operator_quota", "no_limit").json


def test_an_api_key_that_an_operator_revokes_opens_nothing(stage: Stage) -> None:
    given.sample(stage)
    made = stage.request_event("make_operator_api_key", "read_only").json
    event = sample_events.read("revoke_operator_api_key", "revoked")
    event["pathParameters"]["keyID"] = made["id"]

    assert stage.request("revoke_operator_api_key", event).json["id"] == made["id"]
    refused = sample_events.with_headers(
        sample_events.read("list_vms", "all"), authorization=f"Bearer {made['key']}"
    )
    assert stage.request("list_vms", refused).status == 401


def test_a_claim_that_waits_has_a_place_in_its_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = claim_stage.ClaimStage(monkeypatch)
    claim_stage.waiting(stage)

    queues = stage.request_event("list_queues", "all").json

    assert [queue["regionId"] for queue in queues] == ["uk-lon-1", "us-chi-1"]
    for queue in queues:
        assert [one["place"] for one in queue["waiting"]] == [1, 2]
        older, younger = queue["waiting"]
        assert older["creationTime"] <= younger["creationTime"]
        assert older["pendingInstanceCount"] > 0
    assert stage.request_event("list_queues", "of_zone").json == queues[:1]
