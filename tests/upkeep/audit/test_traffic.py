"""An audit during traffic: only real corruption is reported, in every order of the calls."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.capacity_claims.delete import delete_capacity_claim
from gpu_capacity.capacity_claims.resources import Resources
from gpu_capacity.capacity_claims.settle import Step, settle_capacity_claim
from gpu_capacity.capacity_claims.update import update_capacity_claim
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.upkeep.audit.bookkeeping import findings_of
from gpu_capacity.upkeep.audit.facts import Facts
from gpu_capacity.upkeep.audit.run import AuditReport, audit_holders
from testkit import reservations
from testkit.dynamodb import transaction_conflict
from testkit.interleaving import Schedule, every_interleaving
from testkit.world import INSTANCE_TYPE, ORGANIZATION, REGION, caller, pod, request
from tests.upkeep.audit.scene import CLAIM_ID
from tests.upkeep.audit.small import Small

if TYPE_CHECKING:
    from collections.abc import Callable

    Traffic = Callable[[Small], object]
    Rival = Callable[[Small], Traffic]
    """Prepares a service; what it returns changes a twin of it."""

pytestmark = pytest.mark.slow

INTERRUPTIONS = 2
PAGE = 3


def _resources(count: int) -> Resources:
    return Resources(INSTANCE_TYPE, count, (REGION,), "CAPACITY_TYPE_CUSTOMER")


def _settle(small: Small) -> None:
    while settle_capacity_claim(small.world.services, ORGANIZATION, CLAIM_ID) is Step.AGAIN:
        pass


def reserve(_: Small) -> Traffic:
    return lambda small: create_reservation(small.world.environment(), caller(), request(1))


def reserve_and_delete(_: Small) -> Traffic:
    def run(small: Small) -> None:
        made = create_reservation(small.world.services, caller(), request(1)).reservation.id
        delete_reservation(small.world.services, caller(), made, frozenset())
        reservations.tear_down(small.world, made)

    return run


def provision(small: Small) -> Traffic:
    made = create_reservation(small.world.services, caller(), request(1)).reservation.id
    return lambda small: reservations.provision(small.world, made)


def fail(small: Small) -> Traffic:
    made = create_reservation(small.world.services, caller(), request(1)).reservation.id
    return lambda small: reservations.fail(small.world, made)


def tear_down(small: Small) -> Traffic:
    made = create_reservation(small.world.services, caller(), request(1), idempotency_key="k").reservation.id
    reservations.provision(small.world, made)
    delete_reservation(small.world.services, caller(), made, frozenset())
    return lambda small: reservations.tear_down(small.world, made)


def claim(_: Small) -> Traffic:
    return lambda small: create_capacity_claim(small.world.services, caller(), _resources(9), name="mine")


def claim_and_delete(_: Small) -> Traffic:
    def run(small: Small) -> None:
        create_capacity_claim(small.world.services, caller(), _resources(3), claim_id=CLAIM_ID)
        delete_capacity_claim(small.world.services, caller(), CLAIM_ID)
        _settle(small)

    return run


def shrink_and_grow(small: Small) -> Traffic:
    create_capacity_claim(small.world.services, caller(), _resources(4), claim_id=CLAIM_ID)

    def run(small: Small) -> None:
        for count in (1, 9):
            update_capacity_claim(small.world.services, caller(), CLAIM_ID, _resources(count))
            _settle(small)

    return run


RIVALS = [
    reserve,
    reserve_and_delete,
    provision,
    fail,
    tear_down,
    claim,
    claim_and_delete,
    shrink_and_grow,
]


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.__name__)
def test_traffic_causes_no_findings(rival: Rival) -> None:
    schedules = 0
    prepared = Small()
    traffic = rival(prepared)
    for schedule in every_interleaving(INTERRUPTIONS):
        small = prepared.twin()
        audit = partial(audit_holders, small.auditor(PAGE))
        reports = schedule.run(small.world.db, [audit, partial(traffic, small)])
        report = reports[0]
        assert isinstance(report, AuditReport), report
        schedules += 1
        assert (report.reported, report.notices) == ((), ())
        assert not isinstance(reports[1], Exception), reports[1]
        assert audit_holders(small.auditor()).reported == ()
    assert schedules > 30


@pytest.mark.parametrize(
    "rival", [reserve, tear_down, claim, claim_and_delete, shrink_and_grow], ids=lambda rival: rival.__name__
)
def test_without_the_second_read_traffic_would_cause_findings(rival: Rival) -> None:
    prepared = Small()
    traffic = rival(prepared)

    def suspects(schedule: Schedule) -> bool:
        small = prepared.twin()
        read = small.auditor(PAGE).store.read_all
        facts, _ = schedule.run(small.world.db, [read, partial(traffic, small)])
        assert isinstance(facts, Facts)
        return bool(findings_of(facts))

    assert any(suspects(schedule) for schedule in every_interleaving(INTERRUPTIONS))


@pytest.mark.parametrize("rival", [reserve, reserve_and_delete, claim, shrink_and_grow, tear_down])
def test_a_real_leak_is_found_and_freed_during_traffic(rival: Rival) -> None:
    prepared = Small()
    traffic = rival(prepared)
    prepared.leak()
    for schedule in every_interleaving(1):
        small = prepared.twin()
        audit = partial(audit_holders, small.auditor(PAGE), fix=True)
        reports = schedule.run(small.world.db, [audit, partial(traffic, small)])
        assert isinstance(reports[0], AuditReport), reports[0]
        assert [one.result.value for one in reports[0].reported] == ["repaired"]
        assert audit_holders(small.auditor()).reported == ()


def test_an_audit_reads_every_page() -> None:
    small = Small()
    small.world.load(tuple(pod(f"pod{n}", 2) for n in range(2, 30)))
    small.leak("pod29")
    calls = small.world.db.requests["scan"]
    assert len(audit_holders(small.auditor(2)).reported) == 1
    assert small.world.db.requests["scan"] - calls > 40


def test_a_quota_of_a_busy_organization_is_left_undecided() -> None:
    """The quota is wrong, but holders come and go at every read; it can only be decided without traffic."""
    small = Small()
    small.drift()
    rivals = iter(range(1000))

    def come_and_go(_operation: str, parameters: dict[str, object]) -> None:
        made = create_capacity_claim(small.world.services, caller(), _resources(1), name=f"n{next(rivals)}")
        small.owned.append(made.id)

    small.world.db.after("query", come_and_go, times=None)
    report = audit_holders(small.auditor())
    assert report.reported == ()
    assert [finding.kind.value for finding in report.unjudged] == ["quota_drift"]
    assert small.world.telemetry.counts["AuditUnjudged"] == 1


def test_conflicts_are_retried() -> None:
    small = Small()
    small.leak()
    small.world.db.before("transact_get_items", transaction_conflict(2, at=0), times=3)
    assert len(audit_holders(small.auditor()).reported) == 1
    assert len(small.world.pause.attempts) == 3
