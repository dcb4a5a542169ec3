from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.inventory.merge import VACATED_MAX, Counts, StoredPod, merge
from gpu_capacity.inventory.model import (
    Domain,
    Flavor,
    Gpu,
    GpuVendor,
    Host,
    HostState,
    Offering,
    Pod,
)
from gpu_capacity.inventory.units import shape_of

FLAVOR = Flavor("flavor-a", 144, 960, 0, Gpu(GpuVendor.NVIDIA, "GB300", 4, 4, 288))
OFFERING = Offering("r1", "GB300", "NVL2", FLAVOR, "CLASS_A", 2)


def host(host_id: str, slot: int, state: HostState = HostState.IN_SERVICE) -> Host:
    return Host(slot, host_id, host_id, "CLASS_A", state)


def rack(position: int, domain_id: str | None = None, *, cordoned: bool = False) -> Domain:
    name = domain_id or f"rack{position}"
    return Domain(position, name, name, cordoned, (host(f"{name}-a", 0), host(f"{name}-b", 1)))


def pod(*domains: Domain, version: int = 0, pod_id: str = "p1") -> Pod:
    return Pod("r1", pod_id, "flavor-a", version, domains)


def stored(*domains: Domain, held: frozenset[int] = frozenset(), version: int = 5) -> StoredPod:
    known = pod(*domains, version=version)
    return StoredPod(known, shape_of(known, OFFERING), held)


def held(*positions: int) -> frozenset[int]:
    return frozenset(positions)


def with_state(domain: Domain, state: HostState, *slots: int) -> Domain:
    return replace(
        domain, hosts=tuple(replace(h, state=state) if h.slot in slots else h for h in domain.hosts)
    )


def test_a_new_pod_starts_at_version_one() -> None:
    change = merge(None, pod(rack(0), rack(1)), OFFERING)

    assert (change.changed, change.pod.version, change.shape.version) == (True, 1, 1)
    assert change.counts == Counts(added=4)
    assert [d.complete for d in change.shape.domains] == [True, True]


def test_the_same_report_changes_nothing_and_keeps_the_version() -> None:
    before = stored(rack(0), rack(1))

    change = merge(before, pod(rack(0), rack(1)), OFFERING)

    assert (change.changed, change.pod, change.counts) == (False, before.pod, Counts())


def test_a_change_of_health_raises_the_version_by_one() -> None:
    change = merge(stored(rack(0)), pod(with_state(rack(0), HostState.UNHEALTHY, 1)), OFFERING)

    assert (change.changed, change.pod.version) == (True, 6)
    assert change.counts == Counts(gone_unhealthy=1)
    assert not change.shape.domains[0].complete


def test_a_host_that_recovers_is_counted() -> None:
    before = stored(with_state(rack(0), HostState.OUT_OF_SERVICE, 0, 1))

    assert merge(before, pod(rack(0)), OFFERING).counts == Counts(recovered=2)


def test_a_cordon_is_a_change() -> None:
    change = merge(stored(rack(0)), pod(rack(0, cordoned=True)), OFFERING)

    assert (change.pod.version, change.counts) == (6, Counts(cordoned=1))
    assert change.shape.domains[0].cordoned


def test_a_changed_offering_alone_raises_the_version() -> None:
    change = merge(stored(rack(0)), pod(rack(0)), replace(OFFERING, hosts_per_unit=3))

    assert (change.changed, change.pod.version, change.counts) == (True, 6, Counts())
    assert not change.shape.domains[0].complete


def test_a_lost_shape_is_created_again() -> None:
    before = replace(stored(rack(0)), shape=None)

    assert merge(before, pod(rack(0)), OFFERING).changed


def test_a_domain_that_disappears_from_a_free_position_is_removed_if_it_is_still_free() -> None:
    change = merge(stored(rack(0), rack(1)), pod(rack(0)), OFFERING)

    assert [d.position for d in change.pod.domains] == [0]
    assert change.vacated == (1,)
    assert change.counts == Counts(removed=2)


def test_a_domain_that_disappears_from_a_held_position_stays_with_its_hosts_missing() -> None:
    change = merge(stored(rack(0), rack(1), held=held(1)), pod(rack(0)), OFFERING)

    kept = change.pod.domains[1]
    assert (kept.id, [h.state for h in kept.hosts]) == ("rack1", [HostState.MISSING] * 2)
    assert change.vacated == ()
    assert change.counts == Counts(missing=2)


def test_a_missing_domain_that_returns_recovers() -> None:
    before = stored(with_state(rack(0), HostState.MISSING, 0, 1), held=held(0))

    change = merge(before, pod(rack(0)), OFFERING)

    assert (change.pod.domains, change.counts) == ((rack(0),), Counts(recovered=2))


def test_a_missing_domain_is_removed_once_it_is_free() -> None:
    change = merge(stored(with_state(rack(0), HostState.MISSING, 0, 1)), None, OFFERING)

    assert (change.pod.domains, change.vacated) == ((), (0,))


def test_a_host_that_disappears_from_a_held_domain_is_missing() -> None:
    reported = replace(rack(0), hosts=(host("rack0-a", 0),))

    change = merge(stored(rack(0), held=held(0)), pod(reported), OFFERING)

    assert [(h.id, h.state) for h in change.pod.domains[0].hosts] == [
        ("rack0-a", HostState.IN_SERVICE),
        ("rack0-b", HostState.MISSING),
    ]


def test_a_host_that_disappears_from_a_free_domain_is_removed_if_the_domain_is_still_free() -> None:
    reported = replace(rack(0), hosts=(host("rack0-a", 0),))

    change = merge(stored(rack(0)), pod(reported), OFFERING)

    assert [h.id for h in change.pod.domains[0].hosts] == ["rack0-a"]
    assert change.vacated == (0,)


def test_a_held_slot_keeps_its_host_and_another_one_there_is_withheld() -> None:
    reported = replace(rack(0), hosts=(host("rack0-a", 0, HostState.UNHEALTHY), host("spare", 1)))

    change = merge(stored(rack(0), held=held(0)), pod(reported), OFFERING)

    (domain,) = change.pod.domains
    assert domain.hosts == (
        host("rack0-a", 0, HostState.UNHEALTHY),
        replace(rack(0).hosts[1], state=HostState.MISSING),
    )
    assert (change.withheld, change.waiting) == (("spare",), 1)
    assert change.counts == Counts(gone_unhealthy=1, missing=1)


def test_another_host_in_a_free_slot_requires_the_domain_to_be_still_free() -> None:
    reported = replace(rack(0), hosts=(host("rack0-a", 0), host("spare", 1)))

    change = merge(stored(rack(0)), pod(reported), OFFERING)

    assert (change.pod.domains, change.vacated, change.withheld) == ((reported,), (0,), ())


def test_a_host_that_changes_its_slot_within_a_held_domain_is_missing_from_the_first() -> None:
    reported = replace(rack(0), hosts=(host("rack0-a", 0), host("rack0-b", 2)))

    change = merge(stored(rack(0), held=held(0)), pod(reported), OFFERING)

    assert [(h.slot, h.id, h.state) for h in change.pod.domains[0].hosts] == [
        (0, "rack0-a", HostState.IN_SERVICE),
        (1, "rack0-b", HostState.MISSING),
    ]
    assert change.withheld == ("rack0-b",)


def test_hosts_that_change_slots_within_a_free_domain_require_it_to_be_still_free() -> None:
    reported = replace(rack(0), hosts=(host("rack0-b", 0), host("rack0-a", 1)))

    change = merge(stored(rack(0)), pod(reported), OFFERING)

    assert (change.pod.domains, change.vacated) == ((reported,), (0,))


def test_another_domain_at_a_free_position_requires_it_to_be_still_free() -> None:
    change = merge(stored(rack(0)), pod(rack(0, "other")), OFFERING)

    assert (change.pod.domains[0].id, change.vacated) == ("other", (0,))
    assert change.counts == Counts(added=2, removed=2)


def test_a_disappeared_pod_keeps_an_empty_topology() -> None:
    change = merge(stored(rack(0)), None, OFFERING)

    assert (change.pod.domains, change.pod.version, change.vacated) == ((), 6, (0,))


def test_a_pod_that_stays_absent_does_not_change_again() -> None:
    assert not merge(stored(), None, OFFERING).changed


def test_a_host_that_is_still_in_another_pod_is_withheld() -> None:
    change = merge(None, pod(rack(0)), OFFERING, elsewhere={"rack0-b"})

    assert [h.id for h in change.pod.domains[0].hosts] == ["rack0-a"]
    assert change.waiting == 1


def test_a_domain_whose_hosts_are_all_still_elsewhere_does_not_exist_yet() -> None:
    change = merge(None, pod(rack(0)), OFFERING, elsewhere={"rack0-a", "rack0-b"})

    assert (change.pod.domains, change.waiting) == ((), 2)


def test_a_host_missing_under_a_holder_does_not_appear_in_another_domain() -> None:
    moved = replace(rack(1), hosts=(host("rack0-b", 0), host("rack1-b", 1)))
    reported = pod(replace(rack(0), hosts=(host("rack0-a", 0),)), moved)

    change = merge(stored(rack(0), held=held(0)), reported, OFFERING)

    ids = [h.id for d in change.pod.domains for h in d.hosts]
    assert ids == ["rack0-a", "rack0-b", "rack1-b"]
    assert change.waiting == 1


def test_hosts_swapped_between_two_held_domains_are_missing_from_both() -> None:
    left = replace(rack(0), hosts=(host("rack1-a", 0), host("rack0-b", 1)))
    right = replace(rack(1), hosts=(host("rack0-a", 0), host("rack1-b", 1)))

    change = merge(stored(rack(0), rack(1), held=held(0, 1)), pod(left, right), OFFERING)

    assert [(h.id, h.state is HostState.MISSING) for d in change.pod.domains for h in d.hosts] == [
        ("rack0-a", True),
        ("rack0-b", False),
        ("rack1-a", True),
        ("rack1-b", False),
    ]
    assert change.withheld == ("rack0-a", "rack1-a")


def test_of_hosts_swapped_with_a_held_domain_neither_is_sold() -> None:
    left = replace(rack(0), hosts=(host("rack1-a", 0), host("rack0-b", 1)))
    right = replace(rack(1), hosts=(host("rack0-a", 0), host("rack1-b", 1)))

    change = merge(stored(rack(0), rack(1), held=held(0)), pod(left, right), OFFERING)

    assert [d.usable for d in change.shape.domains] == [0b10, 0b10]
    assert not any(d.complete for d in change.shape.domains)
    assert (change.withheld, change.vacated) == (("rack0-a", "rack1-a"), (1,))


def test_a_host_that_moves_out_of_a_free_domain_requires_that_domain_to_be_still_free() -> None:
    left = replace(rack(0), hosts=(host("rack0-a", 0),))
    right = replace(rack(1), hosts=(*rack(1).hosts, host("rack0-b", 2)))

    change = merge(stored(rack(0), rack(1), held=held(1)), pod(left, right), OFFERING)

    assert (change.pod.domains, change.vacated) == ((left, right), (0,))


def test_no_more_positions_are_freed_than_one_condition_can_name() -> None:
    racks = [rack(n) for n in range(VACATED_MAX + 20)]

    first = merge(stored(*racks), None, OFFERING)
    second = merge(StoredPod(first.pod, first.shape, frozenset()), None, OFFERING)

    assert (len(first.vacated), first.waiting, len(first.pod.domains)) == (VACATED_MAX, 20, 20)
    assert (len(second.vacated), second.waiting, second.pod.domains) == (20, 0, ())


def test_a_host_does_not_appear_at_its_new_position_before_its_old_one_is_freed() -> None:
    racks = [rack(n) for n in range(VACATED_MAX + 1)]
    last = racks[-1].hosts[0].id
    reported = pod(Domain(500, "new", "new", cordoned=False, hosts=(host(last, 0), host("fresh", 1))))

    first = merge(stored(*racks), reported, OFFERING)
    second = merge(StoredPod(first.pod, first.shape, frozenset()), reported, OFFERING)

    assert [h.id for h in first.pod.domains[-1].hosts] == ["fresh"]
    assert second.pod.domains == reported.domains


def test_a_pod_that_is_neither_stored_nor_reported_raises() -> None:
    with pytest.raises(ValueError, match="neither"):
        merge(None, None, OFFERING)


def test_an_empty_pod_accepts_another_flavor_and_continues_its_versions() -> None:
    other = replace(pod(rack(0, "other")), flavor_id="flavor-b")

    emptied = merge(stored(rack(0)), other, OFFERING)
    filled = merge(StoredPod(emptied.pod, emptied.shape, frozenset()), other, None)

    assert (emptied.pod.domains, emptied.pod.flavor_id, emptied.waiting) == ((), "flavor-a", 1)
    assert emptied.vacated == (0,)
    assert (filled.pod.domains, filled.pod.flavor_id) == (other.domains, "flavor-b")
    assert filled.pod.version == emptied.pod.version + 1
