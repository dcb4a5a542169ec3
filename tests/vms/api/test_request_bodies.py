"""Valid and invalid request bodies, and how errors name the wrong fields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gpu_capacity.http.call import BODY_BYTES_MAX
from gpu_capacity.vms.api.models import PASSWORD_LENGTH_MAX, STORAGE_GB_MAX
from testkit.handlers.sample_events import with_query
from testkit.handlers.vm_stage import Stage, read, with_header

PASSWORD: dict[str, Any] = {"auth_method": "password", "password": "twelve chars"}
RESERVED: dict[str, Any] = {"rental_type": "reserved", "reservation_months": 6}


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"gpu_count": 3}, ["gpu_count"]),
        ({"gpu_count": 0}, ["gpu_count"]),
        ({"gpu_count": True}, ["gpu_count"]),
        ({"gpu_count": 2.5}, ["gpu_count"]),
        ({"gpu_count": "2"}, ["gpu_count"]),
        ({"storage_gb": 49}, ["storage_gb"]),
        ({"storage_gb": "100"}, ["storage_gb"]),
        ({"storage_gb": True}, ["storage_gb"]),
        ({"storage_gb": STORAGE_GB_MAX + 1}, ["storage_gb"]),
        ({"template_vmid": 0}, ["template_vmid"]),
        ({"template_vmid": 2**53}, ["template_vmid"]),
        ({"node": ""}, ["node"]),
        ({"node": 7}, ["node"]),
        ({"node": "n" * 64}, ["node"]),
        ({"gpu_type": None}, ["gpu_type"]),
        ({"rental_type": "spot"}, ["rental_type"]),
        ({"rental_type": None}, ["rental_type"]),
        ({"rental_type": "reserved"}, ["reservation_months"]),
        ({"rental_type": "reserved", "reservation_months": None}, ["reservation_months"]),
        ({"rental_type": "reserved", "reservation_months": 2}, ["reservation_months"]),
        ({"rental_type": "reserved", "reservation_months": True}, ["reservation_months"]),
        ({"reservation_months": 1}, ["reservation_months"]),
        ({"rental_type": "interruptible", "reservation_months": 1}, ["reservation_months"]),
        ({"auth_method": "none"}, ["auth_method"]),
        ({"auth_method": "password"}, ["password"]),
        ({"password": "twelve chars"}, ["password"]),
        ({"auth_method": "password", "password": "eleven char"}, ["password"]),
        ({"auth_method": "password", "password": "p" * (PASSWORD_LENGTH_MAX + 1)}, ["password"]),
        ({"auth_method": "password", "password": "two lines\nof it"}, ["password"]),
        ({"auth_method": "password", "password": "with a nul\x00 in"}, ["password"]),
        ({"gpu_count": 5, "storage_gb": 1, "node": None}, ["node", "gpu_count", "storage_gb"]),
    ],
)
def test_each_invalid_field_is_named_in_a_list(
    stage: Stage, changes: dict[str, Any], places: list[str]
) -> None:
    answer = stage.with_ssh_key().send("create_vm", "minimal", **changes)
    assert answer.status == 422, answer
    assert [problem["loc"] for problem in answer.json["detail"]] == [["body", place] for place in places]
    assert all(set(problem) == {"loc", "msg", "type"} for problem in answer.json["detail"])


@pytest.mark.parametrize("missing", ["node", "gpu_type", "gpu_count", "storage_gb", "template_vmid"])
def test_required_fields_are_required(stage: Stage, missing: str) -> None:
    event = read("create_vm", "minimal")
    body = json.loads(event["body"])
    del body[missing]
    answer = stage.with_ssh_key().send("create_vm", event=event | {"body": json.dumps(body)})
    assert answer.status == 422
    assert answer.json["detail"] == [{"loc": ["body", missing], "msg": "Field required", "type": "missing"}]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"rental_type": "on_demand", "reservation_id": None, "auto_restart": None}),
        ({"reservation_months": None, "password": None, "ssh_key_id": None}, {"rental_type": "on_demand"}),
        ({"gpu_count": 8, "storage_gb": 50}, {"gpu_count": 8, "storage_gb": 50}),
        ({"storage_gb": STORAGE_GB_MAX}, {"storage_gb": STORAGE_GB_MAX}),
        ({"rental_type": "interruptible"}, {"rental_type": "interruptible", "auto_restart": True}),
        (RESERVED, {"rental_type": "reserved"}),
        (PASSWORD, {"status": "creating"}),
        (PASSWORD | {"ssh_key_id": "some-key"}, {"status": "creating"}),
        ({"unknown": "ignored"}, {"status": "creating"}),
        ({"gpu_count": 2.0, "storage_gb": 100.0}, {"gpu_count": 2, "storage_gb": 100}),
    ],
)
def test_a_valid_body_is_accepted(stage: Stage, changes: dict[str, Any], expected: dict[str, Any]) -> None:
    answer = stage.with_ssh_key().send("create_vm", "minimal", **changes)
    assert answer.status == 201, answer
    assert {name: answer.json[name] for name in expected} == expected


def test_a_reserved_vm_has_a_reservation_id(stage: Stage) -> None:
    assert stage.with_ssh_key().send("create_vm", "minimal", **RESERVED).json["reservation_id"]


@pytest.mark.parametrize("body", ["", "{", "{not json", "\ud800"])
def test_a_body_that_is_not_json_is_reported_as_such(stage: Stage, body: str) -> None:
    answer = stage.send("create_vm", event=read("create_vm", "minimal") | {"body": body})
    assert answer.status == 422
    assert answer.json["detail"] == [{"loc": ["body"], "msg": "JSON decode error", "type": "json_invalid"}]


def test_json_that_is_not_an_object_is_reported_as_such(stage: Stage) -> None:
    answer = stage.send("create_vm", event=read("create_vm", "minimal") | {"body": "[]"})
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body"]


def test_a_body_that_is_too_large_is_refused_unread(stage: Stage) -> None:
    body = json.dumps({"node": "n" * BODY_BYTES_MAX})
    answer = stage.send("create_vm", event=read("create_vm", "minimal") | {"body": body})
    assert answer.status == 422
    assert answer.json["detail"][0]["type"] == "too_long"


def test_a_body_of_another_type_is_refused(stage: Stage) -> None:
    event = with_header(read("create_vm", "minimal"), "Content-Type", "text/plain")
    answer = stage.send("create_vm", event=event)
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["header", "content-type"]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": ["0"]},
        {"limit": ["201"]},
        {"limit": ["ten"]},
        {"limit": ["1.5"]},
        {"offset": ["-1"]},
        {"limit": ["5", "6"]},
        {"offset": ["1000001"]},
    ],
)
def test_page_numbers_are_whole_numbers_within_limits(stage: Stage, query: dict[str, list[str]]) -> None:
    answer = stage.send("list_vms", event=with_query(read("list_vms", "all"), **query))
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["query", next(iter(query))]


def test_a_list_is_split_into_pages_newest_first(stage: Stage) -> None:
    stage.with_ssh_key()
    made = []
    for _ in range(3):
        made.append(stage.send("create_vm", "minimal").json["id"])
        stage.clock.advance(1)

    def page(limit: int, offset: int) -> list[str]:
        query = {"limit": [str(limit)], "offset": [str(offset)]}
        answer = stage.send("list_vms", event=with_query(read("list_vms", "all"), **query))
        return [vm["id"] for vm in answer.json]

    assert page(50, 0) == made[::-1]
    assert page(2, 0) + page(2, 2) == made[::-1]
    assert page(2, 3) == []


def test_an_error_does_not_echo_the_request(stage: Stage) -> None:
    marker = "do-not-repeat-me"
    answer = stage.send(
        "create_vm", "minimal", node={"a": marker}, gpu_type=[marker], rental_type=marker, password=marker
    )
    assert answer.status == 422
    assert marker not in answer.text + stage.log


@pytest.mark.parametrize("label", ["n" * 101, "line\nbreak", None, 7])
def test_labels_of_keys_are_short_and_printable(stage: Stage, label: Any) -> None:
    answer = stage.send("create_ssh_key", "ed25519", label=label)
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body", "label"]


@pytest.mark.parametrize("label", ["", " ", "n" * 100, "mein Schlüssel"])
def test_any_other_label_is_kept_as_it_was_sent(stage: Stage, label: str) -> None:
    assert stage.send("create_ssh_key", "ed25519", label=label).json["label"] == label


def test_a_key_without_a_label_gets_the_published_default(stage: Stage) -> None:
    assert stage.send("create_ssh_key", "label_left_out").json["label"] == "Default SSH Key"


def test_a_public_key_has_at_most_sixteen_thousand_characters(stage: Stage) -> None:
    key = json.loads(read("create_ssh_key", "ed25519")["body"])["ssh_public_key"]
    longest = key + " " + "c" * (16_000 - len(key) - 1)
    too_long = stage.send("create_ssh_key", "ed25519", ssh_public_key=longest + "c")
    assert [problem["loc"] for problem in too_long.json["detail"]] == [["body", "ssh_public_key"]]
    assert stage.send("create_ssh_key", "ed25519", ssh_public_key=longest).status == 201


def test_an_invalid_public_key_is_named_as_a_field(stage: Stage) -> None:
    answer = stage.send("create_ssh_key", "not_a_key")
    assert [problem["loc"] for problem in answer.json["detail"]] == [["body", "ssh_public_key"]]


@pytest.mark.parametrize(
    "changes",
    [{"reservation_months": 2}, {"reservation_months": None}, {"gpu_count": 3}, {"storage_gb": 10}],
)
def test_the_calculator_accepts_what_the_api_rents(stage: Stage, changes: dict[str, Any]) -> None:
    answer = stage.send("calculate_reservation", "quoted", **changes)
    assert answer.status == 422
    assert [problem["loc"][1] for problem in answer.json["detail"]] == list(changes)


def test_the_calculator_writes_nothing(stage: Stage) -> None:
    before = stage.db.dump()
    stage.send("calculate_reservation", "quoted")
    assert stage.db.dump() == before
