"""A limit that is set while its organization creates holders, in every order of the calls.

Every acknowledged holder is counted; a request that begins once the limit is written is checked against it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.capacity_claims.resources import Resources
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode
from gpu_capacity.dynamodb.tombstones import is_tombstone
from gpu_capacity.errors import QuotaExceeded
from gpu_capacity.holders import quotas
from gpu_capacity.holders.quota import INSTANCES, VM_GPUS, VMS
from gpu_capacity.operations.set_quota import QuotaSetter
from gpu_capacity.reservations import claiming
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.vms.create import create_vm
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.stop import stop_vm
from testkit.interleaving import every_interleaving
from testkit.vms.scene import ACCOUNT, REGION, Scene
from testkit.world import HOLDERS, ORGANIZATION, caller, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.runtime.services import Services

    Create = Callable[[Scene, Services], object]

INTERRUPTIONS_MAX = 2
"""Of one by the other: each goes on between any two calls of the other, up to any call of its own."""

ACCELERATOR = "5090"
SORTS = (keys.RESERVATION_PREFIX, keys.CLAIM_PREFIX, keys.VM_PREFIX)


def reserve(_scene: Scene, services: Services) -> object:
    return create_reservation(
        services, caller(), request(1, region_id=REGION, accelerator=ACCELERATOR, unit="NODE")
    )


def claim(_scene: Scene, services: Services) -> object:
    return create_capacity_claim(
        services, caller(), Resources("5090-8x", 1, (REGION,), "CAPACITY_TYPE_CUSTOMER")
    )


def rent(scene: Scene, services: Services) -> object:
    return create_vm(services, caller(), scene.request(1), ACCOUNT)


CREATES: dict[str, Create] = {ACCELERATOR: reserve, INSTANCES: claim, VMS: rent, VM_GPUS: rent}


def counted(scene: Scene, subject: str) -> tuple[int, int]:
    """The use that the quota has, and the number of holders: each uses one."""
    item = scene.world.db.get_item(TableName=HOLDERS, Key=keys.quota(ORGANIZATION, subject))["Item"]
    items = [decode(i) for i in scene.world.db.table(HOLDERS).items() if i["sk"]["S"].startswith(SORTS)]
    return decode(item)["used"], sum(not is_tombstone(item) for item in items)


def run_all(subject: str, *, limit: int, after: int) -> list[tuple[int, int, str]]:
    """One create concurrent with the operator, then ``after`` more: what is counted, what exists, how each
    ended.
    """
    found = []
    for schedule in every_interleaving(INTERRUPTIONS_MAX):
        scene = Scene(count=4)
        CREATES[subject](scene, scene.world.environment())
        first, operator = scene.world.environment(), QuotaSetter.of(scene.world.environment(), "operator")
        results = schedule.run(
            scene.world.db,
            [
                lambda scene=scene, first=first: CREATES[subject](scene, first),  # type: ignore[misc]
                lambda operator=operator: operator.set(ORGANIZATION, subject, limit),  # type: ignore[misc]
            ],
        )
        assert not isinstance(results[1], Exception), results
        ended = type(results[0]).__name__
        for _ in range(after):
            try:
                CREATES[subject](scene, scene.world.environment())
            except QuotaExceeded:
                ended += " then refused"
        found.append((*counted(scene, subject), ended))
    return found


@pytest.mark.parametrize("subject", CREATES)
def test_every_acknowledged_holder_is_counted_and_every_later_request_is_checked_against_the_limit(
    subject: str,
) -> None:
    found = run_all(subject, limit=2, after=1)

    assert len(found) > 20
    # The first exists before, the second is created concurrently, the third when all is written.
    assert {(used, held) for used, held, _ in found} == {(2, 2)}
    assert {ended.partition(" ")[2] for *_, ended in found} == {"then refused"}


@pytest.mark.parametrize("subject", CREATES)
def test_a_limit_that_is_already_used_up_applies_from_the_moment_it_is_written(subject: str) -> None:
    found = run_all(subject, limit=1, after=1)

    assert all(used == held for used, held, _ in found)
    # A holder from before the limit exceeds it, and a request after it is refused.
    assert {held for _, held, _ in found} == {1, 2}
    assert all("QuotaExceeded" in ended or held == 2 for _, held, ended in found)


@pytest.mark.parametrize("subject", CREATES)
def test_without_the_second_read_a_holder_would_not_be_counted(
    subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This shows that the tests above detect the mistake."""
    monkeypatch.setattr(quotas, "count_in", lambda *_: False)
    monkeypatch.setattr(claiming, "_quota_now", lambda *_: None)

    assert any(used < held for used, held, _ in run_all(subject, limit=9, after=0))


@pytest.mark.parametrize("subject", CREATES)
def test_a_create_that_begins_right_after_the_limit_is_written_finds_the_complete_count(
    subject: str,
) -> None:
    """Before the operator gets a response, and before anything could have counted the existing holders."""
    scene = Scene(count=4)
    CREATES[subject](scene, scene.world.environment())
    refused: list[bool] = []

    def create(*_: object) -> None:
        with pytest.raises(QuotaExceeded):
            CREATES[subject](scene, scene.world.environment())
        refused.append(True)

    scene.world.db.after("update_item", create, only=lambda sent: ":limit" in str(sent))
    QuotaSetter.of(scene.services, "operator").set(ORGANIZATION, subject, 1)

    assert refused == [True]
    assert counted(scene, subject) == (1, 1)


def test_a_stopped_vm_counts_and_a_destroyed_one_does_not() -> None:
    scene = Scene()
    QuotaSetter.of(scene.services, "operator").set(ORGANIZATION, VM_GPUS, 4)
    vm = scene.running(4)
    stop_vm(scene.services, caller(), vm.id, ACCOUNT)
    scene.engine.settle()
    assert scene.status(vm) == "stopped"
    with pytest.raises(QuotaExceeded) as caught:
        scene.create(1)
    refusal = caught.value
    assert (refusal.subject, refusal.requested, refusal.limit, refusal.used) == (VM_GPUS, 1, 4, 4)

    destroy_vm(scene.services, caller(), vm.id, ACCOUNT)
    scene.engine.settle()
    assert scene.create(4).counted == (VM_GPUS,)
    assert counted(scene, VM_GPUS)[0] == 4
