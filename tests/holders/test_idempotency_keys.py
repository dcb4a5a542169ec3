"""The same idempotency key and body always return the same holder."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_capacity.dynamodb.tombstones import TOMBSTONE_SECONDS
from gpu_capacity.errors import Conflict
from testkit.dynamodb import timeout_after
from testkit.kinds import OTHER_ORGANIZATION, Claims, Kind, Reservations, Vms, writes

KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"

of = pytest.mark.parametrize
WRITES: list[tuple[type[Kind], int]] = [(Reservations, 3), (Claims, 2), (Vms, 1)]


def test_a_repeat_returns_the_first_holder_and_writes_nothing(kind: Kind) -> None:
    made = kind.create(key=KEY)
    before = kind.world.db.dump()
    # Long after the time in which a request without a key counts as a repeat.
    kind.world.clock.advance(3_600)

    assert kind.create(key=KEY, services=kind.world.environment()) == made
    assert kind.world.db.dump() == before


def test_another_body_under_the_same_key_is_refused_and_writes_nothing(kind: Kind) -> None:
    made = kind.create(key=KEY)
    before = kind.world.db.dump()

    for dry_run in (False, True):
        with pytest.raises(Conflict, match="key was used with another request") as refused:
            kind.create(1, key=KEY, dry_run=dry_run)
        assert isinstance(kind, Reservations) or f"which made {made.id}" in str(refused.value)
    assert kind.world.db.dump() == before


def test_a_key_belongs_to_one_organization_and_one_subject(kind: Kind) -> None:
    made = {
        kind.create(key=KEY).id,
        kind.create(key=KEY, organization=OTHER_ORGANIZATION).id,
        kind.create(key=KEY, subject="user-2").id,
    }
    assert len(made) == 3
    kind.check()


def test_a_request_with_another_key_or_without_one_makes_another_holder(kind: Kind) -> None:
    assert len({kind.create(key=key).id for key in (KEY, "another", None, None)}) == 4


def test_a_repeat_returns_its_holder_even_if_capacity_has_run_out(kind: Kind) -> None:
    made = kind.create(8, key=KEY)
    if kind.full is not None:
        with pytest.raises(kind.full):
            kind.create(8, key="another")

    assert kind.create(8, key=KEY).id == made.id
    assert kind.held() == 8


@of("of_kind", [Reservations, Vms])
def test_a_request_refused_for_lack_of_capacity_may_be_repeated_under_its_key(of_kind: type[Kind]) -> None:
    kind = of_kind()
    assert kind.full is not None
    blocking = kind.create(8)
    with pytest.raises(kind.full):
        kind.create(key=KEY)
    kind.end(blocking)

    made = kind.create(key=KEY)
    assert (kind.there(), kind.held()) == ([made.id], 2)


@of(("of_kind", "number"), [(kind, n) for kind, count in WRITES for n in range(count)])
def test_a_timeout_after_the_write_makes_no_second_holder(of_kind: type[Kind], number: int) -> None:
    kind = of_kind()
    kind.world.db.after("*", timeout_after(), only=writes, skip=number)
    made = kind.create(key=KEY)

    assert kind.create(key=KEY).id == made.id
    assert kind.there() == [made.id]
    assert kind.held() == 2
    kind.check()


def test_of_two_concurrent_requests_with_one_key_only_one_makes_a_holder(kind: Kind) -> None:
    rival = kind.world.environment()
    made: list[Any] = []
    kind.world.db.before("*", lambda *_: made.append(kind.create(key=KEY, services=rival)), only=writes)

    assert kind.create(key=KEY).id == made[0].id
    assert kind.there() == [made[0].id]
    assert kind.held() == 2
    kind.check()


def test_a_concurrent_request_with_the_same_key_and_another_body_is_a_conflict(kind: Kind) -> None:
    rival = kind.world.environment()
    kind.world.db.before("*", lambda *_: kind.create(1, key=KEY, services=rival), only=writes)

    with pytest.raises(Conflict, match="another request"):
        kind.create(key=KEY)
    assert kind.held() == 1


@of("of_kind", [Reservations, Vms])
def test_a_repeat_starts_the_workflow_that_the_first_request_could_not_start_and_a_dry_run_starts_none(
    of_kind: type[Kind],
) -> None:
    kind = of_kind()
    kind.world.workflows.down = True
    made = kind.create(key=KEY)
    kind.world.workflows.down = False

    assert kind.create(key=KEY, dry_run=True).id == made.id
    assert len(kind.world.workflows) == 0
    for _ in range(2):
        kind.create(key=KEY)
    assert len(kind.world.workflows) == 1


def test_a_key_has_no_effect_on_a_dry_run(kind: Kind) -> None:
    planned = kind.create(key=KEY, dry_run=True)
    assert kind.there() == []

    made = kind.create(key=KEY)
    assert made.id == planned.id
    assert kind.place_of(made) == kind.place_of(planned)


@of("of_kind", [Reservations, Claims])
def test_a_key_belongs_to_its_holder_until_a_day_after_the_holder_is_gone(of_kind: type[Kind]) -> None:
    kind = of_kind()
    made = kind.create(key=KEY)
    kind.end(made)
    kind.world.clock.advance(TOMBSTONE_SECONDS - 1)
    with pytest.raises(Conflict, match="was deleted"):
        kind.create(key=KEY)
    with pytest.raises(
        Conflict, match="used with another request" if of_kind is Reservations else "was deleted"
    ):
        kind.create(1, key=KEY)
    assert kind.held() == 0

    # The database removes expired items days later; until then they count as absent.
    kind.world.clock.advance(1)
    assert kind.create(key=KEY).id == made.id
    kind.check()
