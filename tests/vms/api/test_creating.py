"""Creating VMs: idempotency keys, dry runs and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import Misconfigured
from gpu_capacity.operations.set_quota import QuotaSetter
from gpu_capacity.runtime import composition
from gpu_capacity.runtime.settings import Environment
from testkit.handlers.sample_events import read
from testkit.handlers.vm_stage import SAMPLE_VM, Stage, with_header
from testkit.world import HOLDERS, ORGANIZATION, set_quota

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testkit.handlers.stage import Answer

KEY = "order-0815"


def create(
    stage: Stage,
    case: str = "on_demand",
    key: str | None = KEY,
    authorization: str | None = None,
    **changes: Any,
) -> Answer:
    event = read("create_vm", case)
    if key is not None:
        event = with_header(event, "Idempotency-Key", key)
    return stage.send("create_vm", event=event, authorization=authorization, **changes)


def dry(case: str = "on_demand", value: str = "true", name: str = "dryRun") -> dict[str, Any]:
    event = read("create_vm", case)
    event["queryStringParameters"] = {name: value}
    event["multiValueQueryStringParameters"] = {name: [value]}
    return event


def listed(stage: Stage) -> list[str]:
    return [vm["id"] for vm in stage.send("list_vms", "all").json]


def test_a_repeat_under_the_same_key_returns_the_first_vm(stage: Stage) -> None:
    stage.with_ssh_key()
    first, again = create(stage), create(stage)

    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    assert listed(stage) == [first.json["id"]]
    # Without the key, or under another one, it is another VM.
    assert (
        len({create(stage, key=None).json["id"], create(stage, key="other").json["id"], first.json["id"]})
        == 3
    )


def test_a_repeat_is_answered_even_if_the_ssh_key_and_the_capacity_are_gone(stage: Stage) -> None:
    stage.with_ssh_key()
    first = create(stage, gpu_count=8)
    stage.send("delete_ssh_key", "found")
    assert create(stage, key=None, gpu_count=8).status == 400

    assert create(stage, gpu_count=8).json["id"] == first.json["id"]


def test_another_body_under_the_same_key_is_a_conflict_that_names_the_vm(stage: Stage) -> None:
    stage.with_ssh_key()
    first = create(stage)
    refused = create(stage, gpu_count=1)

    assert refused.status == 409
    made = first.json["id"]
    assert refused.json == {"detail": f"the idempotency key was used with another request, which made {made}"}


def test_another_password_is_another_body_and_is_stored_nowhere(stage: Stage) -> None:
    first = create(stage, "with_password")
    assert first.status == 201

    assert create(stage, "with_password").json["id"] == first.json["id"]
    assert create(stage, "with_password", password="another password").status == 409
    assert "another password" not in str(stage.db.dump())


def test_a_repeat_returns_its_vm_even_if_it_was_destroyed(stage: Stage) -> None:
    stage.with_ssh_key()
    made = create(stage).json["id"]
    event = read("destroy_vm", "found")
    event["pathParameters"] = {"id": made}
    event["path"] = f"/vms/{made}"
    assert stage.send("destroy_vm", event=event).status == 200

    again = create(stage)
    assert (again.status, again.json["id"], again.json["status"]) == (201, made, "destroyed")
    assert len(listed(stage)) == 1


def test_once_the_record_has_expired_the_key_is_free_though_the_database_still_has_it(stage: Stage) -> None:
    stage.with_ssh_key()
    made = create(stage).json["id"]
    record = stage.db.get_item(TableName=HOLDERS, Key=keys.vm(ORGANIZATION, made))["Item"]
    ended = {"status": {"S": "destroyed"}, "ttl_sweep_at": {"N": str(stage.clock.now())}}
    stage.db.put_item(TableName=HOLDERS, Item=record | ended)

    again = create(stage, gpu_count=1)
    assert (again.status, again.json["id"], again.json["gpu_count"]) == (201, made, 1)


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "with\ttab"])
def test_a_malformed_key_is_refused(stage: Stage, key: str) -> None:
    assert create(stage.with_ssh_key(), key=key).status == 422


def test_a_dry_run_shows_the_vm_and_writes_nothing(stage: Stage) -> None:
    stage.with_ssh_key().ids.chosen = [SAMPLE_VM]
    before = stage.db.dump()
    shown = stage.send("create_vm", event=dry())

    assert (shown.status, shown.json["status"], shown.json["gpu_count"]) == (200, "creating", 2)
    assert stage.db.dump() == before
    stage.ids.chosen = [SAMPLE_VM]
    assert create(stage, key=None).json == shown.json


def test_a_dry_run_is_refused_where_the_request_would_be(stage: Stage) -> None:
    stage.with_ssh_key()
    set_quota(stage.db, 1, "vm_gpus")
    assert stage.send("create_vm", event=dry()).status == 403
    assert stage.send("create_vm", event=dry("node_unknown")).status == 400
    assert stage.send("create_vm", event=dry(value="yes")).status == 422
    assert stage.send("create_vm", event=dry(name="dryrun")).status == 422
    assert listed(stage) == []


@pytest.mark.parametrize(("subject", "most", "requested"), [("vm_gpus", 3, 2), ("vms", 1, 1)])
def test_a_vm_beyond_the_limit_is_refused_with_figures(
    stage: Stage, subject: str, most: int, requested: int
) -> None:
    stage.with_ssh_key()
    set_quota(stage.db, most, subject)
    assert create(stage, key=None).status == 201

    refused = create(stage, key=None)
    assert refused.status == 403
    used = requested
    noun = {"vms": "VMs", "vm_gpus": "GPUs of VMs"}[subject]
    assert refused.json == {
        "detail": f"quota exceeded: {requested} {noun} requested, {used} of {most} in use",
        "quota": {"subject": subject, "requested": requested, "limit": most, "used": used},
    }


def test_members_read_their_limits_and_their_use(stage: Stage) -> None:
    stage.with_ssh_key()
    set_quota(stage.db, 3, "vm_gpus")
    assert create(stage, key=None).status == 201

    shown = stage.send("list_vm_quotas", "all")
    assert (shown.status, shown.json) == (200, [{"subject": "vm_gpus", "limit": 3, "used": 2}])


def test_a_default_limit_applies_to_organizations_without_one_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(monkeypatch, DEFAULT_QUOTAS="vms=1, vm_gpus=8").with_ssh_key()
    assert stage.send("list_vm_quotas", "all").json == [
        {"subject": "vms", "limit": 1, "used": 0},
        {"subject": "vm_gpus", "limit": 8, "used": 0},
    ]
    assert create(stage, key=None).status == 201
    refused = create(stage, key=None)
    assert (refused.status, refused.json["quota"]["limit"], refused.json["quota"]["used"]) == (403, 1, 1)

    # Its own limit replaces the default, and includes what the default has counted.
    QuotaSetter.of(composition.services(), "operator").set(ORGANIZATION, "vms", 2)
    assert create(stage, key=None).status == 201
    assert create(stage, key=None).json["quota"] == {"subject": "vms", "requested": 1, "limit": 2, "used": 2}
    QuotaSetter.of(composition.services(), "operator").set(ORGANIZATION, "vms", None)
    assert create(stage, key=None).json["quota"]["limit"] == 1
    stage.restart()


@pytest.mark.parametrize("text", ["vms", "vms=", "=3", "vms=-1", "vms=x", "vms=1.5"])
def test_a_malformed_default_is_reported_by_name(text: str) -> None:
    with pytest.raises(Misconfigured, match="DEFAULT_QUOTAS"):
        Environment({"DEFAULT_QUOTAS": text}).amounts("DEFAULT_QUOTAS")


@pytest.fixture
def forgiving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Equal requests within a minute count as one."""
    stage = Stage(monkeypatch, REPEAT_SECONDS="60").with_ssh_key()
    yield stage
    stage.restart()


def test_an_equal_request_without_a_key_is_a_repeat_within_the_configured_time(forgiving: Stage) -> None:
    first = create(forgiving, "with_password", None, gpu_count=1).json["id"]
    forgiving.clock.advance(59)
    assert create(forgiving, "with_password", None, gpu_count=1).json["id"] == first
    # Another body, another caller, or a key makes another VM.
    other = f"Bearer {forgiving.authority.token(sub='another@example.com')}"
    made = {
        create(forgiving, "with_password", None, gpu_count=2).json["id"],
        create(forgiving, "with_password", None, other, gpu_count=1).json["id"],
        create(forgiving, "with_password", KEY, gpu_count=1).json["id"],
    }
    assert len(made | {first}) == 4

    forgiving.clock.advance(1)
    assert create(forgiving, "with_password", None, gpu_count=1).json["id"] not in made | {first}
