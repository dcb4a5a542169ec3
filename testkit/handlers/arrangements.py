"""The state of the service before an event arrives, brought about by calls of the handlers."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.holders.quota import PLACEMENT_SERVERS
from gpu_capacity.providers.simulated import keys as server_keys
from gpu_capacity.reservations.provisioning import abandon_provisioning
from gpu_capacity.runtime import composition
from testkit.dynamodb import Died, dies
from testkit.handlers import sample_events
from testkit.handlers.remembering import remembered
from testkit.handlers.sample_events import SAMPLE_ID, SAMPLE_PLACEMENT
from testkit.placements import PLACEMENT_ID, placement
from testkit.sample_fleet import SAMPLE_ORGANIZATION, SAMPLE_RESERVATIONS, sample_fleet
from testkit.world import HOLDERS, INVENTORY, ORGANIZATION, SERVERS, set_quota

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage

SMALL_REGIONS: Final = ("uk-lon-1", "us-chi-1")
STEP: Final[dict[str, Any]] = {"organization": ORGANIZATION, "reservation": SAMPLE_ID}
SETTLE: Final[dict[str, Any]] = {"organization": ORGANIZATION, "placement": SAMPLE_PLACEMENT}


def publish(stage: Stage, sequence: int = 1, regions: tuple[str, ...] = SMALL_REGIONS) -> dict[str, Any]:
    """Publish the sample fleet without its large region; returns the document."""
    document = sample_fleet(sequence)
    document["regions"] = [region for region in document["regions"] if region["id"] in regions]
    stage.bucket.content = json.dumps(document).encode()
    return document


@remembered
def inventory(stage: Stage) -> None:
    """The sample fleet is in the inventory, and nothing is reserved."""
    publish(stage)
    stage.run_event("sync_inventory", "scheduled")


def wish(metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """Return the event of an ordinary request with other fields; a field that is ``None`` is omitted."""
    event = sample_events.read("create_reservation", "full")
    body = sample_events.body_of(event)
    for part, changes in (("metadata", metadata or {}), ("spec", spec)):
        changed = body[part] | changes
        body[part] = {name: value for name, value in changed.items() if value is not None}
    return sample_events.with_body(event, body)


@remembered
def sample(stage: Stage) -> None:
    """The sample fleet and the sample tenant's reservations: 4 free units in London, 3 of them adjacent."""
    inventory(stage)
    for reservation in SAMPLE_RESERVATIONS:
        event = wish(
            organizationId=reservation.organization,
            projectId=reservation.project,
            regionId=reservation.region,
            count=reservation.units,
        )
        token = stage.authority.token(
            sub="sample-tenant", organizations=[reservation.organization], projects=[reservation.project]
        )
        wanted = sample_events.with_headers(event, authorization=f"Bearer {token}")
        assert stage.request("create_reservation", wanted).status == 202


@remembered
def reserved(stage: Stage) -> None:
    """The reservation that the events name is pending."""
    sample(stage)
    assert stage.request_event("create_reservation", "accepted_with_idempotency_key").status == 202


def begun(stage: Stage) -> None:
    """Its provisioning has begun, and its hosts are being held."""
    reserved(stage)
    assert stage.run_step("provision_reservation", dict(STEP))["outcome"] == "waiting"


def up(stage: Stage) -> None:
    """Its hosts are held, and no step has looked at them yet."""
    begun(stage)
    stage.clock.advance(30)


def unfit(stage: Stage) -> None:
    """It is alone in its region, and one of its hosts is unfit and was checked again."""
    inventory(stage)
    assert stage.request_event("create_reservation", "accepted_with_idempotency_key").status == 202
    assert stage.run_step("provision_reservation", dict(STEP))["outcome"] == "waiting"
    stage.clock.advance(30)
    services = composition.services()
    found = services.reservations.get(ORGANIZATION, SAMPLE_ID)
    assert found is not None
    assert found.pod_id is not None
    (pod,) = services.inventory.pods({(found.region_id, found.pod_id)}).values()
    stage.settings["SIMULATED_FAILING_HOSTS"] = pod.between(found.positions[0], 1)[0].hosts[0].id
    stage.restart()
    assert stage.run_step("provision_reservation", dict(STEP))["outcome"] == "waiting"


@remembered
def provisioned(stage: Stage) -> None:
    """It is provisioned."""
    up(stage)
    assert stage.run_step("provision_reservation", dict(STEP))["outcome"] == "done"


@remembered
def placed(stage: Stage) -> None:
    """It is provisioned, and the placement that the events name has hosts of it."""
    provisioned(stage)
    assert stage.request_event("create_placement", "accepted_with_idempotency_key").status == 202


@remembered
def placement_deleted(stage: Stage) -> None:
    """The same, and the deletion of the placement was accepted."""
    placed(stage)
    assert stage.request_event("delete_placement", "accepted").status == 202


@remembered
def provisioned_with_quota_of_one_server(stage: Stage) -> None:
    """It is provisioned, in an organization that may have one server of placements."""
    provisioned(stage)
    set_quota(stage.db, 1, PLACEMENT_SERVERS)


@remembered
def placed_and_deleted(stage: Stage) -> None:
    """It has a placement, and the deletion of the reservation was accepted."""
    placed(stage)
    assert stage.request_event("delete_reservation", "accepted").status == 202


@remembered
def deployed(stage: Stage) -> None:
    """The servers of the placement are booting."""
    placed(stage)
    assert stage.run_step("settle_placement", dict(SETTLE))["outcome"] == "waiting"


@remembered
def servers_up(stage: Stage) -> None:
    """The servers of the placement run."""
    deployed(stage)
    stage.clock.advance(60)
    assert stage.run_step("settle_placement", dict(SETTLE))["outcome"] == "done"


@remembered
def rolling(stage: Stage) -> None:
    """The same, and the servers are to get another image."""
    servers_up(stage)
    assert stage.request_event("update_placement", "image").status == 200


@remembered
def displaced(stage: Stage) -> None:
    """The servers of the placement run, and its deletion was accepted."""
    servers_up(stage)
    assert stage.request_event("delete_placement", "accepted").status == 202


@remembered
def provisioned_of_old(stage: Stage) -> None:
    """It is provisioned, and has the life that the unit ids in events were made of."""
    provisioned(stage)
    stage.db.update_item(
        TableName=HOLDERS,
        Key=keys.reservation(ORGANIZATION, SAMPLE_ID),
        UpdateExpression="SET life = :life",
        ExpressionAttributeValues=encode({":life": b"lifetime"}),
    )


@remembered
def provisioned_and_occupied(stage: Stage) -> None:
    """The same, and a placement has a host of each unit."""
    provisioned_of_old(stage)
    hosts = tuple((position, 1) for position in positions())
    services = composition.services()
    assert services.placements.create(placement(hosts=hosts, count=len(hosts)), 0) is None
    found = services.reservations.get(ORGANIZATION, SAMPLE_ID)
    assert found is not None
    services.reservations.change(found, found.with_placement(PLACEMENT_ID, hosts))


def abandoned(stage: Stage) -> None:
    """Its provisioning is being undone; hosts are still held."""
    begun(stage)
    abandon_provisioning(composition.services(), (ORGANIZATION, SAMPLE_ID), "a host is unfit")


@remembered
def abandoned_and_swept(stage: Stage) -> None:
    """The same, and no host is held any more."""
    abandoned(stage)
    assert stage.run_step("provision_reservation", dict(STEP))["outcome"] == "waiting"
    stage.clock.advance(30)


@remembered
def failed(stage: Stage) -> None:
    """It has ended in error."""
    abandoned_and_swept(stage)
    assert stage.run_step("provision_reservation", dict(STEP))["outcome"] == "done"


@remembered
def deleted(stage: Stage) -> None:
    """It was provisioned, and its deletion was accepted."""
    provisioned(stage)
    assert stage.request_event("delete_reservation", "accepted").status == 202


def deleted_at_once(stage: Stage) -> None:
    """Its deletion was accepted before anything was provisioned."""
    reserved(stage)
    assert stage.request_event("delete_reservation", "accepted").status == 202


@remembered
def deleted_and_swept(stage: Stage) -> None:
    """Its deletion was accepted, and no host is held any more."""
    deleted(stage)
    assert stage.run_step("release_reservation", dict(STEP))["outcome"] == "waiting"
    stage.clock.advance(30)


@remembered
def gone(stage: Stage) -> None:
    """It is gone; its tombstone is left."""
    deleted_and_swept(stage)
    assert stage.run_step("release_reservation", dict(STEP))["outcome"] == "done"


def quota(stage: Stage, limit: int = 8, used: int = 0) -> None:
    """The organization has a limit."""
    set_quota(stage.db, limit, used=used)


def sample_with_quota_of_one(stage: Stage) -> None:
    """The sample, and a limit of one unit for the organization."""
    sample(stage)
    quota(stage, limit=1)


def claimant_died(stage: Stage) -> None:
    """The claimant of the events' reservation has booked its run, and its time has passed."""
    inventory(stage)
    quota(stage)

    stage.db.before("put_item", dies, only=lambda put: put["Item"].get("status") == {"S": "pending"})
    with suppress(Died):
        stage.request_event("create_reservation", "accepted_with_idempotency_key")
    stage.clock.advance(120)


def hide_chicago(stage: Stage) -> None:
    """Only the sample tenant may see us-chi-1 from now on."""
    document = publish(stage, sequence=2)
    for region in document["regions"]:
        if region["id"] == "us-chi-1":
            region["organizations"] = [SAMPLE_ORGANIZATION]
    stage.bucket.content = json.dumps(document).encode()
    assert stage.run_event("sync_inventory", "scheduled")["refused"] is None
    # Catalogue entries are cached for a minute.
    stage.clock.advance(61)


def left_alone(stage: Stage) -> None:
    """Reserved long ago, and no execution was ever started."""
    stage.step_functions.down = True
    reserved(stage)
    stage.step_functions.down = False
    stage.clock.advance(600)


def crashed(stage: Stage) -> None:
    """Reserved long ago, and every execution has failed."""
    reserved(stage)
    stage.step_functions.end_all()
    stage.clock.advance(600)


def running(stage: Stage) -> None:
    """Reserved long ago, and the executions are still running."""
    reserved(stage)
    stage.clock.advance(600)


def published(stage: Stage) -> None:
    """The fleet manager has published its first document."""
    publish(stage)


def published_again(stage: Stage) -> None:
    """The fleet manager has published the document that is in use again."""
    inventory(stage)
    publish(stage)


def published_half_empty(stage: Stage) -> None:
    """The fleet manager has published a document without one region."""
    inventory(stage)
    publish(stage, sequence=2, regions=("uk-lon-1",))


def published_without_a_region(stage: Stage) -> None:
    """A region has left the fleet, and the sync has withdrawn it."""
    inventory(stage)
    stage.settings["FLEET_MAX_DROP_SHARE"] = "1"
    publish(stage, sequence=2, regions=("uk-lon-1",))
    stage.run_event("sync_inventory", "scheduled")


def published_late(stage: Stage) -> None:
    """The fleet manager has published an old document."""
    publish(stage, sequence=2)
    stage.run_event("sync_inventory", "scheduled")
    publish(stage, sequence=1)


def unpublished(stage: Stage) -> None:
    """The fleet manager has published nothing."""
    stage.bucket.content = None


def positions() -> list[int]:
    """Return the positions that the events' reservation owns."""
    found = composition.services().reservations.get(ORGANIZATION, SAMPLE_ID)
    assert found is not None
    return list(found.positions)


def with_a_leak(stage: Stage) -> None:
    """Correct reservations, and a domain whose owner has no record."""
    reserved(stage)
    pods = [item for item in stage.db.dump()[INVENTORY] if item["pk"]["S"].startswith("CLAIMS#")]
    free = next(pod for pod in pods if "d0" not in pod)
    stage.db.update_item(
        TableName=INVENTORY,
        Key={"pk": free["pk"], "sk": free["sk"]},
        UpdateExpression="SET d0 = :tag",
        ExpressionAttributeValues={":tag": {"B": b"nobody's"}},
    )


def with_a_server_of_nobody(stage: Stage) -> None:
    """A hold, a VM's server and a disk whose holders are gone."""
    begun(stage)
    times = {"started_at": 1, "ready_at": 1}
    for key, more in (
        (server_keys.HOSTS.hold("nobody-1", "uk-lon-1-nowhere"), times),
        (server_keys.vm_server("nobody-1"), times | {"host": "nowhere", "gpus": 1}),
        (server_keys.vm_disk("nobody"), {"storage_gb": 50}),
    ):
        stage.db.put_item(TableName=SERVERS, Item=key | encode(more))


def with_a_lost_claim(stage: Stage) -> None:
    """A reservation whose pod shows none of its domains."""
    reserved(stage)
    for item in stage.db.dump()[INVENTORY]:
        owned = {f"#b{n}": name for n, name in enumerate(item) if name[0] == "b"}
        if item["pk"]["S"].startswith("CLAIMS#") and owned:
            stage.db.update_item(
                TableName=INVENTORY,
                Key={"pk": item["pk"], "sk": item["sk"]},
                UpdateExpression="REMOVE " + ", ".join(owned),
                ExpressionAttributeNames=owned,
            )
