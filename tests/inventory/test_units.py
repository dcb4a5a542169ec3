from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.inventory.model import Domain, Host, HostState, Offering, Pod
from gpu_capacity.inventory.snapshot import Ownership, Snapshot, UnitCounts
from gpu_capacity.inventory.units import Health, health_of, shape_of
from testkit.world import GB300, REGION, offering, pod, rack

OUT_OF_USE = [HostState.UNHEALTHY, HostState.OUT_OF_SERVICE, HostState.MISSING]


def _pod(*domains: Domain) -> Pod:
    return Pod(REGION, "pod1", GB300.id, 1, domains)


def _complete(domain: Domain, sold_as: Offering | None) -> bool:
    (shape,) = shape_of(_pod(domain), sold_as).domains
    return shape.complete


def _with_class(domain: Domain, slot: int, resource_class: str) -> Domain:
    hosts = [replace(h, resource_class=resource_class) if h.slot == slot else h for h in domain.hosts]
    return replace(domain, hosts=tuple(hosts))


def test_a_domain_whose_hosts_are_all_in_service_is_a_unit() -> None:
    assert _complete(rack("pod1", 0, hosts=18), offering(hosts_per_unit=18))


@pytest.mark.parametrize("state", OUT_OF_USE)
def test_one_host_out_of_service_makes_a_unit_incomplete(state: HostState) -> None:
    assert not _complete(rack("pod1", 0, hosts=18, states={7: state}), offering(hosts_per_unit=18))


@pytest.mark.parametrize("hosts", [17, 19])
def test_a_domain_with_too_few_or_too_many_hosts_is_no_unit(hosts: int) -> None:
    assert not _complete(rack("pod1", 0, hosts=hosts), offering(hosts_per_unit=18))


def test_a_host_of_another_resource_class_makes_a_unit_incomplete() -> None:
    assert not _complete(_with_class(rack("pod1", 0), 1, "B200_HOST"), offering())


def test_without_an_offering_there_are_no_units_but_hosts_of_any_class_are_usable() -> None:
    domain = _with_class(rack("pod1", 0), 1, "B200_HOST")

    (shape,) = shape_of(_pod(domain), None).domains

    assert not shape.complete
    assert shape.usable == 0b11


def test_a_cordoned_domain_stays_complete_and_is_marked_as_cordoned() -> None:
    (shape,) = shape_of(_pod(rack("pod1", 0, cordoned=True)), offering()).domains

    assert (shape.complete, shape.cordoned) == (True, True)


def test_usable_has_the_bit_of_every_slot_that_is_in_service() -> None:
    domain = rack("pod1", 0, hosts=4, states={1: HostState.UNHEALTHY, 3: HostState.MISSING})

    (shape,) = shape_of(_pod(domain), offering(hosts_per_unit=4)).domains

    assert (shape.hosts, shape.usable) == (4, 0b0101)


def test_slots_need_not_begin_at_zero() -> None:
    hosts = (
        Host(3, "a", "a", "GB300_HOST", HostState.IN_SERVICE),
        Host(9, "b", "b", "GB300_HOST", HostState.IN_SERVICE),
    )

    (shape,) = shape_of(_pod(rack("pod1", 0, hosts=0)), offering()).domains
    (spread,) = shape_of(_pod(replace(rack("pod1", 0), hosts=hosts)), offering()).domains

    assert not shape.complete
    assert spread.complete
    assert spread.usable == (1 << 3) | (1 << 9)


def test_a_shape_has_the_version_of_its_topology() -> None:
    assert shape_of(pod("pod1", 3, version=41), offering()).version == 41


def test_the_published_example_has_four_available_three_contiguous_and_eight_in_all() -> None:
    broken = rack("pod1", 8, states={0: HostState.UNHEALTHY})
    too_small = rack("pod1", 9, hosts=1)
    racks = tuple(rack("pod1", position) for position in range(8))
    shape = shape_of(_pod(*racks, broken, too_small), offering())

    snapshot = Snapshot.of([shape], [Ownership("pod1", 1, owned=0b1101_1000)])

    assert snapshot.counts() == UnitCounts(total=8, available=4, largest_run=3)


# Health.


def test_hardware_that_is_all_in_service_is_healthy() -> None:
    assert health_of([rack("pod1", 0), rack("pod1", 1)], 4) is Health.HEALTHY


@pytest.mark.parametrize("state", OUT_OF_USE)
def test_some_hosts_out_of_service_are_degraded_and_all_of_them_an_error(state: HostState) -> None:
    some = [rack("pod1", 0), rack("pod1", 1, states={0: state})]
    every = [rack("pod1", 0, states={0: state, 1: state})]

    assert health_of(some, 4) is Health.DEGRADED
    assert health_of(every, 2) is Health.ERROR


def test_a_missing_host_counts_as_unhealthy() -> None:
    assert health_of([rack("pod1", 0, hosts=1)], 2) is Health.DEGRADED
    assert health_of([rack("pod1", 0)], 4) is Health.DEGRADED


def test_hardware_that_was_never_in_the_inventory_is_unknown() -> None:
    assert health_of([], 4) is Health.UNKNOWN


def test_the_health_of_no_hosts_is_unknown() -> None:
    assert health_of([rack("pod1", 0)], 0) is Health.UNKNOWN


def test_a_cordon_does_not_change_health() -> None:
    assert health_of([rack("pod1", 0, cordoned=True)], 2) is Health.HEALTHY
