"""What holders read of maintenances, and how the owner of a reservation allows one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.capacity_claims.read import notices_of as of_claims
from gpu_capacity.errors import Forbidden, NotFound, StateConflict
from gpu_capacity.inventory.announcements import KEPT_SECONDS
from gpu_capacity.inventory.cordons import Target
from gpu_capacity.placements.api.models import placement_view
from gpu_capacity.placements.read import PlacementFilter, get_placement, list_placements
from gpu_capacity.reservations.allow_maintenance import allow_maintenance
from gpu_capacity.reservations.api.models import reservation_view
from gpu_capacity.reservations.read import ReservationFilter, get_reservation, list_reservations
from gpu_capacity.vms.read import notices_of as of_vms
from testkit.reservations import NOWHERE, reserve
from testkit.world import ORGANIZATION, REGION, caller
from tests.operations.maintained import HOUR, NOTICE, POD, Works, host, rack

if TYPE_CHECKING:
    from gpu_capacity.reservations.record import Reservation


@pytest.fixture
def works() -> Works:
    return Works()


def _shown(works: Works, reservation: Reservation) -> list[dict[str, Any]]:
    works.world.clock.advance(KEPT_SECONDS)
    observed = get_reservation(works.world.services, caller(), reservation.id, NOWHERE)
    found: list[dict[str, Any]] = reservation_view(observed)["status"].get("maintenances", [])
    return found


def _allow(works: Works, reservation: Reservation, maintenance_id: str, **who: Any) -> Any:
    return allow_maintenance(works.world.services, caller(**who), reservation.id, maintenance_id, NOWHERE)


# Reading


def test_a_holder_reads_of_a_maintenance_from_its_creation_on(works: Works) -> None:
    held = works.reservation()
    assert _shown(works, held) == []

    planned = works.planned(rack(0), rack(3), notice_seconds=NOTICE)

    (notice,) = _shown(works, held)
    assert notice == {
        "id": planned.id,
        "status": "planned",
        "startTime": notice["startTime"],
        "endTime": notice["endTime"],
        "reason": "new cables",
        "hosts": [host(0, 0), host(0, 1)],
        "forcedTime": notice["forcedTime"],
    }


def test_only_its_own_hosts_are_named(works: Works) -> None:
    held = works.reservation()
    works.planned(Target(host_id=host(0, 1)))
    assert [notice["hosts"] for notice in _shown(works, held)] == [[host(0, 1)]]


def test_who_has_none_of_the_hosts_reads_nothing(works: Works) -> None:
    held = works.reservation()
    works.planned(rack(1))
    assert _shown(works, held) == []


def test_it_is_not_shown_any_more_when_it_is_over(works: Works) -> None:
    held = works.reservation()
    opened = works.opened(POD)
    assert [notice["status"] for notice in _shown(works, held)] == ["open"]
    works.cancel(opened)
    assert [notice["status"] for notice in _shown(works, held)] == ["ending"]
    works.run(60)
    assert _shown(works, held) == []


def test_lists_show_the_same(works: Works) -> None:
    held, other = works.reservation(), works.reservation()
    works.planned(rack(0))
    found = list_reservations(works.world.services, caller(), ReservationFilter())
    assert {one.id: len(one.notices) for one in found} == {held.id: 1, other.id: 0}


def test_without_a_maintenance_in_its_pod_nothing_more_is_read(works: Works) -> None:
    held = works.reservation()
    before = works.world.db.requests.copy()
    get_reservation(works.world.environment(), caller(), held.id, NOWHERE)
    assert works.world.db.requests - before == {"batch_get_item": 2}


def test_a_placement_shows_what_is_about_its_hosts(works: Works) -> None:
    held = works.reservation(2)
    running = works.running(held, 1)
    on = works.world.services.provider.servers(running.server_owner)[0].host_id
    works.planned(Target(host_id=on))
    works.world.clock.advance(KEPT_SECONDS)

    services = works.world.services
    shown = get_placement(services, caller(), running.id, NOWHERE)
    (listed,) = list_placements(services, caller(), PlacementFilter())

    assert (
        [notice.hosts for notice in shown.notices] == [notice.hosts for notice in listed.notices] == [(on,)]
    )
    (view,) = placement_view(shown)["status"]["maintenances"]
    assert (view["hosts"], view["reason"]) == ([on], "new cables")


def test_claims_and_vms_are_told_by_the_same_rule(works: Works) -> None:
    works.planned(rack(1))
    allocation = _Like(zone=REGION, pod_id="pod1", position=1, hosts=0b10)
    vm = _Like(status="running", region_id=REGION, pod_id="pod1", position=1)
    claims = [_Like(allocations=(allocation,)), _Like(allocations=())]

    found = of_claims(works.world.services, claims)  # type: ignore[arg-type]

    assert [[notice.hosts for notice in notices] for notices in found] == [[(host(1, 1),)], []]
    ((notice,), ()) = of_vms(works.world.services, [vm, replace_position(vm, 2)])  # type: ignore[list-item]
    assert notice.hosts == (host(1, 0), host(1, 1))


class _Like:
    """Something with the attributes that are looked at."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


def replace_position(vm: _Like, position: int) -> _Like:
    return _Like(**{**vm.__dict__, "position": position})


# Allowing


def test_an_owner_lets_it_begin_on_its_hosts_before_the_window(works: Works) -> None:
    held = works.reservation()
    planned = works.planned(POD)

    allowed = _allow(works, held, planned.id)

    (notice,) = reservation_view(allowed)["status"]["maintenances"]
    assert notice["allowedTime"]
    works.run()
    assert works.maintained() == {host(0, 0), host(0, 1)}
    line = works.world.telemetry.audits[-1]
    assert (line.action, line.target) == ("allow_maintenance", planned.id)


def test_a_repeat_does_nothing(works: Works) -> None:
    held = works.reservation()
    planned = works.planned(POD)
    _allow(works, held, planned.id)
    before = works.read(planned)
    works.world.clock.advance(10)

    _allow(works, held, planned.id)

    assert works.read(planned) == before


def test_two_owners_allow_at_the_same_time(works: Works) -> None:
    held, other = works.reservation(), works.reservation()
    planned = works.planned(POD)
    works.world.db.before("put_item", lambda *_: _allow(works, other, planned.id))

    _allow(works, held, planned.id)

    permits = works.read(planned).permits
    assert {permit.holder_id for permit in permits} == {held.id, other.id}


def test_an_open_one_can_be_allowed_and_one_that_ends_cannot(works: Works) -> None:
    held = works.reservation()
    opened = works.opened(POD)
    works.cancel(opened)
    with pytest.raises(StateConflict, match="ending"):
        _allow(works, held, opened.id)
    again = works.opened(POD)
    _allow(works, held, again.id)
    assert works.read(again).permits


def test_only_its_owner_may_allow(works: Works) -> None:
    held = works.reservation()
    planned = works.planned(POD)
    operator = {"permissions": frozenset({"operator"}), "organizations": frozenset[str]()}
    reader = {"permissions": frozenset({"reservations:read"})}
    with pytest.raises(NotFound):
        allow_maintenance(
            works.world.services, caller(**operator), held.id, planned.id, frozenset({ORGANIZATION})
        )
    with pytest.raises(NotFound):
        _allow(works, held, planned.id, organizations=frozenset({"another"}))
    with pytest.raises(Forbidden):
        _allow(works, held, planned.id, **reader)
    assert works.read(planned).permits == ()


def test_a_maintenance_that_is_about_others_is_not_found(works: Works) -> None:
    held = works.reservation()
    planned = works.planned(rack(1))
    for maintenance_id in (planned.id, "unknown"):
        with pytest.raises(NotFound):
            _allow(works, held, maintenance_id)


def test_a_reservation_that_is_still_provisioned_cannot_allow(works: Works) -> None:
    pending = reserve(works.world).reservation
    planned = works.planned(POD)
    with pytest.raises(StateConflict, match="pending"):
        _allow(works, pending, planned.id)


def test_a_later_life_of_the_same_id_has_allowed_nothing(works: Works) -> None:
    held = works.reservation()
    planned = works.planned(POD, end=works.world.clock.now() + 9 * HOUR)
    _allow(works, held, planned.id)
    assert works.read(planned).permit_of(ORGANIZATION, held.id, held.life)
    assert not works.read(planned).permit_of(ORGANIZATION, held.id, replace(held, life=b"another1").life)
