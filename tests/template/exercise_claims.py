"""Lives of capacity claims that need every permission of their functions. Other tests check the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.http.operations import OPERATIONS
from testkit.dynamodb import throttled
from testkit.handlers import arrangements as given
from testkit.handlers import sample_events
from testkit.handlers.arrangements import STEP
from testkit.world import HOLDERS, ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.handlers.stage import Answer, Stage

ZONES: Final = ["us-chi-1", "uk-lon-1"]
OLDER: Final = "3f0e9a52-7c1b-4d6e-9f38-2b5a6c7d8e9f"
YOUNGER: Final = "5a6c7d8e-9f38-4b5a-8c7d-8e9f3f0e9a52"


def _ask(stage: Stage, function: str, claim_id: str | None = None, body: object = None) -> Answer:
    operation = OPERATIONS[function]
    event = sample_events.read("create_reservation", "full")
    path = operation.path.replace("{claimID}", claim_id or "")
    event = sample_events.with_body(sample_events.with_path(event, path, operation.method), body)
    event |= {"resource": operation.path, "pathParameters": {"claimID": claim_id} if claim_id else None}
    token = stage.authority.token(permissions=["capacityclaims:read", "capacityclaims:write"])
    answer = stage.request(function, sample_events.with_headers(event, authorization=f"Bearer {token}"))
    assert answer.status == 200, answer
    return answer


def _resources(count: int, zones: list[str]) -> dict[str, Any]:
    return {
        "instanceId": "gb300-4x",
        "instanceCount": count,
        "zones": zones,
        "capacityType": "CAPACITY_TYPE_CUSTOMER",
    }


def _create(stage: Stage, count: int, claim_id: str | None = None, zones: list[str] | None = None) -> str:
    body = {"resources": _resources(count, zones or ZONES), "id": claim_id}
    wanted = {name: value for name, value in body.items() if value is not None}
    identity: str = _ask(stage, "create_capacity_claim", body=wanted).json["capacityClaim"]["spec"]["id"]
    return identity


def _update(stage: Stage, claim_id: str, count: int, zones: list[str] | None = None) -> None:
    _ask(stage, "update_capacity_claim", claim_id, {"resources": _resources(count, zones or ZONES)})


def _settle(stage: Stage, claim_id: str) -> None:
    event = {"organization": ORGANIZATION, "claim": claim_id}
    while stage.run_step("settle_capacity_claim", event)["outcome"] == "again":
        pass


def _fill(stage: Stage, zones: list[str] | None = None) -> None:
    stage.run("fill_capacity_claims", {"zones": zones} if zones else {})


def _quota(stage: Stage) -> None:
    item = keys.quota(ORGANIZATION, "instances") | encode({"limit": 10_000, "used": 0})
    stage.db.put_item(TableName=HOLDERS, Item=item)


def _whole_life(stage: Stage) -> None:
    given.inventory(stage)
    identity = _create(stage, 20)
    assert _create(stage, 20, OLDER) == OLDER
    assert _create(stage, 20, OLDER) == OLDER
    _ask(stage, "get_capacity_claim", identity)
    _ask(stage, "list_capacity_claims")
    _ask(stage, "list_capacity_claim_parameters")
    _ask(stage, "list_capacity_claim_quotas")
    _update(stage, identity, 30)
    _update(stage, identity, 10)
    _update(stage, identity, 10, ["uk-lon-1"])
    _settle(stage, identity)
    for claim_id in (identity, OLDER):
        _ask(stage, "delete_capacity_claim", claim_id)
        _settle(stage, claim_id)


def _counted_life(stage: Stage) -> None:
    given.inventory(stage)
    _create(stage, 5, YOUNGER)
    _quota(stage)
    _create(stage, 20, OLDER)
    _update(stage, OLDER, 25)
    _update(stage, OLDER, 15)
    _update(stage, YOUNGER, 8)
    _settle(stage, OLDER)
    _ask(stage, "delete_capacity_claim", OLDER)
    _settle(stage, OLDER)


def _more_than_there_is(stage: Stage) -> None:
    """Two claims that wait, of which the older one gives up: a claim that leaves the queue wakes the next."""
    given.inventory(stage)
    for leave in (_shrink_to_nothing_pending, _delete_what_waits, _want_no_more_of_a_zone):
        _create(stage, 500, OLDER)
        stage.clock.advance(1)
        _create(stage, 500, YOUNGER)
        _fill(stage)
        leave(stage)
        _fill(stage, ZONES)
        for claim_id in (OLDER, YOUNGER):
            _ask(stage, "delete_capacity_claim", claim_id)
            _settle(stage, claim_id)
        stage.clock.advance(100_000)
        _forget_tombstones(stage)


def _shrink_to_nothing_pending(stage: Stage) -> None:
    _update(stage, OLDER, 10)
    _settle(stage, OLDER)


def _delete_what_waits(stage: Stage) -> None:
    _update(stage, OLDER, 600)
    _update(stage, OLDER, 1)
    _update(stage, OLDER, 600)


def _want_no_more_of_a_zone(stage: Stage) -> None:
    _update(stage, OLDER, 500, ["us-chi-1"])
    _settle(stage, OLDER)
    _update(stage, OLDER, 500)


def _forget_tombstones(stage: Stage) -> None:
    for claim_id in (OLDER, YOUNGER):
        stage.db.delete_item(TableName=HOLDERS, Key=keys.capacity_claim(ORGANIZATION, claim_id))


def _served_after_a_reservation_is_gone(stage: Stage) -> None:
    given.reserved(stage)
    _create(stage, 500)
    assert stage.request_event("delete_reservation", "accepted").status == 202
    stage.run_step("release_reservation", dict(STEP))
    _fill(stage, ["uk-lon-1"])


def _restarted(stage: Stage) -> None:
    given.inventory(stage)
    for down in (True, False):
        identity = _create(stage, 20)
        stage.step_functions.down = down
        _ask(stage, "delete_capacity_claim", identity)
        stage.step_functions.down = False
        stage.step_functions.end_all()
        stage.clock.advance(600)
        assert stage.run_event("reconcile_holders", "scheduled")["restarted"] >= 1


def _gone_from_under_its_queue(stage: Stage) -> None:
    """An entry whose claim is gone, as a crash may leave it."""
    given.inventory(stage)
    _create(stage, 500, OLDER, ["uk-lon-1"])
    stage.db.delete_item(TableName=HOLDERS, Key=keys.capacity_claim(ORGANIZATION, OLDER))
    _fill(stage)


def _deleted_while_it_was_served(stage: Stage) -> None:
    """The filler finds a claim that was deleted since it read the queue, and finishes it."""
    given.inventory(stage)
    _quota(stage)
    zone = ["uk-lon-1"]
    everything = _create(stage, 500, zones=zone)
    status = _ask(stage, "get_capacity_claim", everything).json["capacityClaim"]["status"]
    _update(stage, everything, status["allocatedInstances"], zone)
    for claim_id in (OLDER, YOUNGER):
        _create(stage, 5, claim_id, zone)
        stage.clock.advance(1)
    stage.db.before(
        "get_item",
        lambda *_: _ask(stage, "delete_capacity_claim", OLDER),
        only=lambda parameters: OLDER in parameters["Key"]["sk"]["S"],
    )
    _fill(stage)


def _left_to_the_workflow(stage: Stage) -> None:
    """The database throttles the first round, after the record was written, until it is given up."""
    given.inventory(stage)
    throttling = stage.db.before("transact_write_items", throttled(), times=None, skip=1)
    identity = _create(stage, 5)
    throttling.cancel()
    _settle(stage, identity)


def _overtaken_by_nobody(stage: Stage) -> None:
    """A younger claim enters the queue behind one being created, which wakes it when it leaves the queue."""
    given.inventory(stage)
    stage.db.before("transact_write_items", lambda *_: _create(stage, 5, YOUNGER, ["uk-lon-1"]), skip=1)
    _create(stage, 5, OLDER, ["uk-lon-1"])


def _listed_with_hosts(stage: Stage) -> None:
    given.inventory(stage)
    _create(stage, 5, None, ["uk-lon-1"])
    _ask(stage, "list_capacity_claims")


LIVES: Final[tuple[Callable[[Stage], None], ...]] = (
    _whole_life,
    _counted_life,
    _more_than_there_is,
    _served_after_a_reservation_is_gone,
    _restarted,
    _gone_from_under_its_queue,
    _deleted_while_it_was_served,
    _left_to_the_workflow,
    _overtaken_by_nobody,
    _listed_with_hosts,
)
