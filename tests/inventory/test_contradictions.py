"""A pod with a contradictory report: nothing moves, and hardware reported dead is not sold meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.inventory.contradictions import Losses, contradiction, follow_losses
from gpu_capacity.inventory.merge import VACATED_MAX, StoredPod
from gpu_capacity.inventory.model import Domain, Host, HostState, Pod
from gpu_capacity.inventory.units import shape_of


def rack(position: int, name: str | None = None) -> Domain:
    name = name or f"rack{position}"
    hosts = tuple(Host(n, f"{name}-{n}", f"{name}-{n}", "CLASS_A", HostState.IN_SERVICE) for n in range(2))
    return Domain(position, name, name, cordoned=False, hosts=hosts)


def pod(*domains: Domain, flavor_id: str = "flavor-a") -> Pod:
    return Pod("r1", "p1", flavor_id, 3, domains)


def stored(*domains: Domain, held: frozenset[int] = frozenset()) -> StoredPod:
    known = pod(*domains)
    return StoredPod(known, shape_of(known, None), held)


HELD = frozenset({0})


@pytest.mark.parametrize(
    ("reported", "places", "problem"),
    [
        (pod(rack(0, "other")), {"other": ("p1", 0)}, "position 0 is held, and another domain"),
        (pod(), {"rack0": ("p2", 3)}, "position 0 is held, and its domain is reported elsewhere"),
        (pod(rack(0), flavor_id="flavor-b"), {"rack0": ("p1", 0)}, "reported with another flavor"),
        (pod(rack(0)), {"rack0": ("p1", 0)}, None),
        (pod(), {}, None),
        (None, {}, None),
    ],
)
def test_only_a_move_of_held_hardware_is_a_contradiction(
    reported: Pod | None, places: dict[str, tuple[str, int]], problem: str | None
) -> None:
    found = contradiction(stored(rack(0), held=HELD), reported, places)

    assert found is None if problem is None else problem in str(found)
    assert contradiction(stored(rack(0)), reported, places) is None


def test_hosts_reported_dead_are_dead_wherever_they_are_reported() -> None:
    states = {"rack0-0": HostState.UNHEALTHY, "rack1-1": HostState.OUT_OF_SERVICE}

    change = follow_losses(stored(rack(0), rack(1), held=HELD), Losses(states, set(), None), None)

    first, second = change.pod.domains
    assert [h.state for h in first.hosts] == [HostState.UNHEALTHY, HostState.IN_SERVICE]
    assert [h.state for h in second.hosts] == [HostState.IN_SERVICE, HostState.OUT_OF_SERVICE]
    assert (change.pod.version, change.counts.gone_unhealthy, change.vacated) == (4, 2, ())


def test_free_hosts_that_are_not_where_they_were_are_missing_and_held_ones_stay() -> None:
    losses = Losses({}, set(), {(1, 0, "rack1-0")})

    change = follow_losses(stored(rack(0), rack(1), held=HELD), losses, None)

    first, second = change.pod.domains
    assert first == rack(0)
    assert [h.state for h in second.hosts] == [HostState.IN_SERVICE, HostState.MISSING]
    assert change.vacated == (1,)


def test_a_cordon_is_applied_and_no_host_recovers() -> None:
    dead = rack(1)
    dead = replace(dead, hosts=tuple(replace(h, state=HostState.UNHEALTHY) for h in dead.hosts))
    states = {h.id: HostState.IN_SERVICE for h in dead.hosts}

    change = follow_losses(stored(rack(0), dead), Losses(states, {"rack0"}, None), None)

    assert [d.cordoned for d in change.pod.domains] == [True, False]
    assert change.pod.domains[1] == dead


def test_no_more_positions_are_named_than_one_condition_can_name() -> None:
    racks = [rack(n) for n in range(VACATED_MAX + 5)]

    first = follow_losses(stored(*racks), Losses({}, set(), set()), None)
    second = follow_losses(StoredPod(first.pod, first.shape, frozenset()), Losses({}, set(), set()), None)

    assert (len(first.vacated), first.waiting) == (VACATED_MAX, 5)
    assert (len(second.vacated), second.waiting) == (5, 0)
    assert not follow_losses(
        StoredPod(second.pod, second.shape, frozenset()), Losses({}, set(), set()), None
    ).changed
