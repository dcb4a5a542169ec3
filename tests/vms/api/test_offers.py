"""What /search shows to everybody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from testkit.handlers.sample_events import with_query
from testkit.handlers.vm_stage import read
from testkit.world import ORGANIZATION, PROJECT

if TYPE_CHECKING:
    from testkit.handlers.vm_stage import Stage


def search(stage: Stage, **query: str) -> list[dict[str, Any]]:
    event = with_query(read("search_offers", "all"), **{name: [value] for name, value in query.items()})
    found: list[dict[str, Any]] = stage.send("search_offers", event=event).json
    return found


def free(stage: Stage, node: str) -> dict[int, int]:
    return {offer["gpu_count"]: offer["available"] for offer in search(stage) if offer["node"] == node}


def test_every_node_offers_every_size_that_it_has_room_for(stage: Stage) -> None:
    offers = search(stage)
    assert len({offer["node"] for offer in offers}) == 11
    assert free(stage, "vm01") == {1: 8, 2: 4, 4: 2, 8: 1}
    assert free(stage, "vm09") == {1: 4, 2: 2, 4: 1}
    assert free(stage, "vm10") == {1: 2, 2: 1}
    assert free(stage, "vm11") == {1: 1}
    assert {offer["location"] for offer in offers} == {"eu-ams-1"}


def test_offers_are_filtered_by_type_and_size(stage: Stage) -> None:
    assert {offer["node"] for offer in search(stage, gpu_type="6000pro")} == {"vm07", "vm08"}
    assert {offer["gpu_count"] for offer in search(stage, gpu_count="4")} == {4}
    assert search(stage, gpu_type="3090") == []


def test_a_vm_removes_its_slice_from_the_offers(stage: Stage) -> None:
    stage.with_vm()
    assert free(stage, "vm01") == {1: 6, 2: 3, 4: 1, 8: 0}
    assert free(stage, "vm02") == {1: 8, 2: 4, 4: 2, 8: 1}


def test_a_smaller_node_is_rented_whole_and_in_slices(stage: Stage) -> None:
    stage.with_ssh_key()
    rented = [
        stage.send("create_vm", "minimal", node="vm09", gpu_type="4090", gpu_count=n) for n in (2, 1, 1)
    ]
    rented.append(stage.send("create_vm", "minimal", node="vm10", gpu_type="5090", gpu_count=2))

    assert [answer.status for answer in rented] == [201] * 4
    assert [(answer.json["ram_gb"], answer.json["cpu_cores"]) for answer in rented] == [
        (256, 32),
        (128, 16),
        (128, 16),
        (384, 48),
    ]
    assert free(stage, "vm09") == {1: 0, 2: 0, 4: 0}
    assert free(stage, "vm10") == {1: 0, 2: 0}
    too_many = stage.send("create_vm", "minimal", node="vm11", gpu_type="5090", gpu_count=2)
    assert (too_many.status, too_many.json["detail"]) == (400, "gpu_count: the node has only 1 GPU")


def test_a_reserved_node_offers_no_slice(stage: Stage) -> None:
    event = read("create_reservation", "full")
    body = json.loads(event["body"])
    body["spec"] = {
        "organizationId": ORGANIZATION,
        "projectId": PROJECT,
        "regionId": "eu-ams-1",
        "accelerator": "4090",
        "unit": "NODE",
        "count": 2,
    }
    assert stage.send("create_reservation", event=event | {"body": json.dumps(body)}).status == 202
    assert free(stage, "vm05") == free(stage, "vm06") == {1: 0, 2: 0, 4: 0, 8: 0}


def test_nodes_of_restricted_regions_are_not_shown_to_everybody(stage: Stage) -> None:
    key = {"pk": {"S": "CATALOG"}, "sk": {"S": "REGION#eu-ams-1"}}
    stage.db.update_item(
        TableName="inventory",
        Key=key,
        UpdateExpression="SET organizations = :o",
        ExpressionAttributeValues={":o": {"L": [{"S": ORGANIZATION}]}},
    )
    stage.restart()
    assert search(stage) == []


def test_a_gpu_type_without_a_price_is_neither_offered_nor_rented(stage: Stage) -> None:
    prices = {
        "gpuHourly": {"5090": "1"},
        "storageGbHourly": "0",
        "interruptibleDiscount": "0.5",
        "reservedDiscounts": {"1": "0", "3": "0", "6": "0"},
        "hoursPerMonth": 730,
    }
    stage.settings["PRICE_LIST"] = json.dumps(prices)
    stage.restart()
    assert {offer["gpu_type"] for offer in search(stage)} == {"5090"}
    refused = stage.with_ssh_key().send("create_vm", "minimal", node="vm05", gpu_type="4090")
    assert refused.status == 400
    assert refused.json["detail"] == "gpu_type: not rented, there are 5090"
