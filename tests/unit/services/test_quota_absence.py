"""That an organization has no limit is remembered for a while; a limit never is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.dynamodb.database import Database
from gpu_capacity.dynamodb.quotas import QUOTA_ABSENCE_SECONDS_MAX, QuotaStore
from gpu_capacity.errors import QuotaExceeded
from gpu_capacity.services.create_reservation import create_reservation
from gpu_capacity.services.quotas import QuotaBook
from testkit.auditor import audit
from testkit.world import HOLDERS, ORGANIZATION, World, caller, pod, request
from tests.unit.services.ledger import reserve


@pytest.fixture
def world() -> World:
    return World(pods=(pod("pod1", 8),))


def _book(world: World) -> QuotaBook:
    """As the command builds it: without a clock, so that it believes nothing but the database."""
    services = world.services
    quotas = QuotaStore(Database(world.db), HOLDERS)
    return QuotaBook(quotas, services.reservations, services.claims, world.telemetry, actor="operator")


def test_an_absent_limit_is_read_once_for_many_claims(world: World) -> None:
    reserve(world)
    before = world.db.requests["get_item"]

    for _ in range(3):
        reserve(world)

    assert world.db.requests["get_item"] == before


def test_absence_is_looked_up_again_when_it_is_too_old(world: World) -> None:
    reserve(world)
    world.set_quota(1)

    world.clock.advance(QUOTA_ABSENCE_SECONDS_MAX - 1)
    assert not reserve(world).reservation.counted
    world.clock.advance(1)
    assert reserve(world).reservation.counted


def test_another_environment_sees_a_new_limit_at_once(world: World) -> None:
    reserve(world)
    world.set_quota(1)

    observed = create_reservation(world.environment(), caller(), request(1))

    assert observed.reservation.counted


def test_the_absences_of_several_subjects_are_remembered_beside_each_other(world: World) -> None:
    store = world.services.quotas
    subjects = [(ORGANIZATION, "GB300"), (ORGANIZATION, "H200"), ("another", "GB300")]
    for subject in subjects:
        store.expected(*subject)
    before = world.db.requests["get_item"]

    assert [store.expected(*subject) for subject in subjects] == [None, None, None]
    assert world.db.requests["get_item"] == before


def test_absence_is_remembered_for_one_accelerator_of_one_organization_only(world: World) -> None:
    store = world.services.quotas
    world.set_quota(5)

    assert store.expected(ORGANIZATION, "H200") is None
    assert store.expected("another", "GB300") is None
    assert store.expected(ORGANIZATION, "GB300") is not None


def test_a_limit_that_is_there_is_never_remembered(world: World) -> None:
    world.set_quota(5)
    assert world.services.quotas.expected(ORGANIZATION, "GB300") is not None
    world.set_quota(2, used=2)

    with pytest.raises(QuotaExceeded):
        reserve(world)


def test_setting_a_limit_again_counts_in_what_came_through_on_an_old_absence(world: World) -> None:
    reserve(world, 1)
    assert _book(world).set(ORGANIZATION, "GB300", 6).counted_in == 1
    assert not reserve(world, 2).reservation.counted

    world.clock.advance(QUOTA_ABSENCE_SECONDS_MAX)
    change = _book(world).set(ORGANIZATION, "GB300", 6)

    assert change.counted_in == 1
    assert change.quota is not None
    assert change.quota.used == 3
    assert audit(world.db) == []


def test_a_store_without_a_clock_remembers_nothing(world: World) -> None:
    services = replace(world.services, quotas=_book(world).quotas)
    create_reservation(services, caller(), request(1))
    world.set_quota(1)

    assert create_reservation(services, caller(), request(1)).reservation.counted


def test_what_is_remembered_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_capacity.dynamodb.quotas._ABSENCES_MAX", 3)
    store = world.services.quotas

    for number in range(10):
        store.expected(f"organization-{number}", "GB300")

    assert len(store._absent) <= 3
