"""A read costs at most two units, even the first, and shows the same as a read of the full topology.

While hosts are not in service, the first read in an environment also reads their pod, to name them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.inventory.model import HostState
from gpu_capacity.inventory.units import Health
from gpu_capacity.reservations.api.details import explain_health
from gpu_capacity.reservations.observation import observe
from gpu_capacity.reservations.read import (
    ReservationFilter,
    get_reservation,
    list_reservations,
)
from testkit.reservations import NOWHERE, reserve
from testkit.world import GB300, HOLDERS, INVENTORY, ORGANIZATION, REGION, World, caller, pod, rack, zone

if TYPE_CHECKING:
    from gpu_capacity.inventory.model import Domain, Pod
    from gpu_capacity.reservations.observation import Observed
    from gpu_capacity.runtime.services import Services

HOSTS = 18
UNITS_OF_A_POD = 24
"""What it takes to read the full topology of 72 racks."""
OBSERVED_AT = 1_779_999_000


@pytest.fixture
def world() -> World:
    return World(pods=(pod("pod1", 72, hosts=HOSTS),))


def _get(world: World, services: Services, reservation_id: str) -> tuple[Observed, float]:
    before = world.db.read_units
    found = get_reservation(services, caller(), reservation_id, NOWHERE)
    return found, world.db.read_units - before


def _changed(world: World, *domains: Domain) -> Pod:
    """The pod in its next version, with other domains at the given positions."""
    (before,) = world.pods
    other = {domain.position: domain for domain in domains}
    after = replace(
        before, version=2, domains=tuple(other.get(domain.position, domain) for domain in before.domains)
    )
    world.load((after,))
    return after


@pytest.mark.parametrize("racks", [1, 8, 72])
def test_a_first_read_costs_two_units_whatever_the_reservations_size(world: World, racks: int) -> None:
    made = reserve(world, racks).reservation

    _, units = _get(world, world.environment(), made.id)

    assert units <= 2


def test_a_list_costs_half_a_unit_for_each_pod_beyond_its_records() -> None:
    world = World(pods=tuple(pod(f"pod{n}", 8, hosts=HOSTS) for n in range(6)))
    made = [reserve(world, 8) for _ in range(6)]
    before = world.db.read_units

    assert len(list_reservations(world.services, caller(), ReservationFilter())) == len(made)

    assert world.db.read_units - before == 1 + 6 * 0.5 + 0.5


@pytest.mark.parametrize("broken", [0, 1, HOSTS], ids=["none", "one", "all"])
def test_health_is_computed_from_the_current_state_of_the_hosts(world: World, broken: int) -> None:
    made = reserve(world, 1).reservation
    states = dict.fromkeys(range(broken), HostState.UNHEALTHY)
    after = _changed(world, rack("pod1", made.positions[0], hosts=HOSTS, states=states))

    found, units = _get(world, world.environment(), made.id)

    assert found == observe(made, after, zone(hosts=HOSTS))
    assert found.health is {0: Health.HEALTHY, 1: Health.DEGRADED, HOSTS: Health.ERROR}[broken]
    assert len(found.impaired) == broken
    assert units <= 2 + (UNITS_OF_A_POD if broken else 0)


def test_the_names_of_broken_hosts_are_read_once_for_a_version(world: World) -> None:
    made = reserve(world, 1).reservation
    _changed(world, rack("pod1", made.positions[0], hosts=HOSTS, states={3: HostState.UNHEALTHY}))
    services = world.environment()

    first, _ = _get(world, services, made.id)
    again, units = _get(world, services, made.id)

    assert first == again
    assert [host.id for host in first.impaired] == [f"pod1-rack{made.positions[0]:02}-tray03"]
    assert units <= 2


def test_a_quarantined_host_is_named_with_the_reason_and_nothing_else_costs_more(world: World) -> None:
    made, beside = reserve(world, 1).reservation, reserve(world, 1).reservation
    host = f"pod1-rack{made.positions[0]:02}-tray03"
    assert world.services.quarantine.set(REGION, host, "does not boot", "PXE timeout")
    services = world.environment()

    first, _ = _get(world, services, made.id)
    again, units = _get(world, services, made.id)
    other, other_units = _get(world, services, beside.id)

    assert first == again
    assert (first.health, first.topology_hash) == (Health.DEGRADED, made.topology_hash)
    assert [(one.id, one.quarantine) for one in first.impaired] == [(host, "does not boot")]
    assert explain_health(first)[1].endswith(f": {host} (in quarantine: does not boot)")
    assert other.health is Health.HEALTHY
    assert (units, other_units) == (2.5, 2)


def test_health_is_shown_where_the_names_of_broken_hosts_cannot_be_read(world: World) -> None:
    made = reserve(world, 1).reservation
    _changed(world, rack("pod1", made.positions[0], hosts=HOSTS, states={3: HostState.UNHEALTHY}))
    world.db.delete_item(TableName=INVENTORY, Key=keys.hosts(REGION, "pod1"))

    found, _ = _get(world, world.environment(), made.id)

    assert (found.health, found.impaired) == (Health.DEGRADED, ())
    assert found.topology_hash == made.topology_hash


def test_the_hash_changes_with_replaced_hardware_and_is_then_cached_by_version(world: World) -> None:
    made = reserve(world, 1).reservation
    domain = rack("pod1", made.positions[0], hosts=HOSTS)
    replaced = replace(domain.hosts[0], id="another-tray")
    after = _changed(world, replace(domain, hosts=(replaced, *domain.hosts[1:])))
    services = world.environment()

    first, _ = _get(world, services, made.id)
    again, units = _get(world, services, made.id)

    assert first == again == observe(made, after, zone(hosts=HOSTS))
    assert first.topology_hash != made.topology_hash
    assert units <= 2


def test_a_change_of_hardware_that_the_reservation_does_not_own_costs_nothing(world: World) -> None:
    made = reserve(world, 1).reservation
    beside = (made.positions[0] + 5) % 72
    domain = rack("pod1", beside, hosts=HOSTS)
    _changed(world, replace(domain, hosts=domain.hosts[1:]))

    found, units = _get(world, world.environment(), made.id)

    assert found.topology_hash == made.topology_hash
    assert units <= 2


@pytest.mark.parametrize(
    ("table", "key", "names"),
    [
        (HOLDERS, None, ("hash_of",)),
        (INVENTORY, keys.shape(REGION, GB300.id, "pod1"), ("identities", "serving")),
        (INVENTORY, keys.shape(REGION, GB300.id, "pod1"), ("v",)),
    ],
    ids=["record", "shape", "unreadable shape"],
)
def test_records_of_an_earlier_version_are_read_with_the_full_topology(
    world: World, table: str, key: keys.Key | None, names: tuple[str, ...]
) -> None:
    made = reserve(world, 2).reservation
    world.db.update_item(
        TableName=table,
        Key=key or keys.reservation(ORGANIZATION, made.id),
        UpdateExpression="REMOVE " + ", ".join(names),
    )

    found, _ = _get(world, world.environment(), made.id)

    assert (found.health, found.topology_hash) == (Health.HEALTHY, made.topology_hash)
    assert found.observed_at == OBSERVED_AT


def test_a_hash_of_an_earlier_version_is_not_shown(world: World) -> None:
    made = reserve(world, 2).reservation
    world.db.update_item(
        TableName=HOLDERS,
        Key=keys.reservation(ORGANIZATION, made.id),
        UpdateExpression="SET topology_hash = :hash, hardware = :hardware REMOVE #hash, hash_of",
        ExpressionAttributeNames={"#hash": "hash"},
        ExpressionAttributeValues={":hash": {"S": f"sha256:{'0' * 64}"}, ":hardware": {"B": made.hardware}},
    )

    found, _ = _get(world, world.environment(), made.id)

    assert found.topology_hash == made.topology_hash


def test_a_stale_read_of_the_hardware_shows_an_earlier_consistent_state(world: World) -> None:
    made = reserve(world, 1).reservation
    broken = {0: HostState.UNHEALTHY}
    _changed(world, rack("pod1", made.positions[0], hosts=HOSTS, states=broken))
    world.db.read_stale(lag_writes=10)

    found, _ = _get(world, world.environment(), made.id)

    assert found.reservation.id == made.id
    assert found.topology_hash == made.topology_hash
    assert found.health in (Health.HEALTHY, Health.DEGRADED)
