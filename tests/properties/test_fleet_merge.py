"""Random reports and tenants: no tenant's hardware is freed, moved or sold twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gpu_capacity.errors import FeedRefusal
from gpu_capacity.inventory.fleet.parsing import parse
from gpu_capacity.inventory.merge import StoredPod, merge
from gpu_capacity.inventory.model import Domain, Host, HostState, Pod
from gpu_capacity.inventory.units import shape_of
from testkit.fleet.documents import document, host, raw, region
from testkit.fleet.world import FleetWorld
from testkit.searching import examples

if TYPE_CHECKING:
    import random

REPORTED = st.sampled_from([HostState.IN_SERVICE, HostState.UNHEALTHY, HostState.OUT_OF_SERVICE])


@st.composite
def pods(draw: st.DrawFn) -> Pod:
    """A pod of few positions and few ids, so that collisions are likely."""
    host_ids = iter(draw(st.permutations([f"h{n}" for n in range(10)])))
    domain_ids = iter(draw(st.permutations([f"d{n}" for n in range(5)])))
    domains = []
    for position in sorted(draw(st.sets(st.integers(0, 3)))):
        slots = sorted(draw(st.sets(st.integers(0, 2), min_size=1, max_size=2)))
        hosts = tuple(Host(s, i, i, "CLASS_A", draw(REPORTED)) for s, i in zip(slots, host_ids, strict=False))
        domain_id = next(domain_ids)
        domains.append(Domain(position, domain_id, domain_id, cordoned=draw(st.booleans()), hosts=hosts))
    return Pod("r1", "p1", "flavor-a", 3, tuple(domains))


HELD = st.frozensets(st.integers(0, 3))
ELSEWHERE = st.frozensets(st.sampled_from([f"h{n}" for n in range(10)]), max_size=2)


@given(pods(), st.none() | pods(), HELD)
def test_merging_again_changes_nothing(known: Pod, reported: Pod | None, held: frozenset[int]) -> None:
    first = merge(StoredPod(known, shape_of(known, None), held), reported, None)

    second = merge(StoredPod(first.pod, first.shape, held), reported, None)

    assert not second.changed
    assert second.pod == first.pod


@given(pods(), st.none() | pods(), HELD, ELSEWHERE)
def test_the_version_rises_by_one_exactly_when_something_changed(
    known: Pod, reported: Pod | None, held: frozenset[int], elsewhere: frozenset[str]
) -> None:
    change = merge(StoredPod(known, shape_of(known, None), held), reported, None, elsewhere)

    assert change.changed == (change.pod.domains != known.domains)
    assert change.pod.version == known.version + change.changed


@given(pods(), st.none() | pods(), HELD, ELSEWHERE)
def test_no_host_is_in_two_places_or_appears_while_it_is_elsewhere(
    known: Pod, reported: Pod | None, held: frozenset[int], elsewhere: frozenset[str]
) -> None:
    elsewhere -= {h.id for d in known.domains for h in d.hosts}

    change = merge(StoredPod(known, shape_of(known, None), held), reported, None, elsewhere)

    ids = [h.id for d in change.pod.domains for h in d.hosts]
    assert len(ids) == len(set(ids))
    assert elsewhere.isdisjoint(ids)


@given(pods(), st.none() | pods(), HELD, ELSEWHERE)
def test_a_position_is_changed_only_if_it_is_not_held_and_required_to_be_free(
    known: Pod, reported: Pod | None, held: frozenset[int], elsewhere: frozenset[str]
) -> None:
    change = merge(StoredPod(known, shape_of(known, None), held), reported, None, elsewhere)

    after = {d.position: d for d in change.pod.domains}
    assert held.isdisjoint(change.vacated)
    for domain in known.domains:
        now = after.get(domain.position)
        left = {h.id for h in domain.hosts} - {h.id for h in now.hosts} if now else {domain.id}
        if domain.position in held:
            assert now is not None
            assert {(h.slot, h.id) for h in domain.hosts} <= {(h.slot, h.id) for h in now.hosts}
        elif left:
            assert domain.position in change.vacated


@given(st.randoms(use_true_random=False))
def test_the_order_of_a_document_does_not_matter(shuffler: random.Random) -> None:
    content = document(regions=[region("r1"), region("r2", [])])
    expected = parse(raw(content))

    assert parse(raw(_shuffled(content, shuffler))) == expected


def _shuffled(value: Any, shuffler: random.Random) -> Any:
    if isinstance(value, dict):
        names = list(value)
        shuffler.shuffle(names)
        return {name: _shuffled(value[name], shuffler) for name in names}
    if isinstance(value, list):
        parts = [_shuffled(part, shuffler) for part in value]
        shuffler.shuffle(parts)
        return parts
    return value


class FleetAndTenants(RuleBasedStateMachine):
    """Hosts move between two pods while tenants book and release, also during a run.

    A plain model records which hosts each tenant was given, by position, at the time of the booking.
    """

    POD_IDS = ("p1", "p2")
    HOST_IDS = tuple(f"h{n}" for n in range(6))

    def __init__(self) -> None:
        super().__init__()
        self.world: FleetWorld = FleetWorld()
        self.sequence = 0
        self.owned: dict[tuple[str, int], Domain] = {}

    @initialize()
    def publish_the_first(self) -> None:
        self.sync([0, 0, 1, 2, 3, 4], [])

    @rule(
        places=st.lists(st.integers(-1, 5), min_size=6, max_size=6),
        rivals=st.lists(st.tuples(st.booleans(), st.sampled_from(POD_IDS), st.integers(0, 2)), max_size=3),
    )
    def sync(self, places: list[int], rivals: list[tuple[bool, str, int]]) -> None:
        """Publish the hosts at these places (pod and position; -1: nowhere) and sync, with concurrent
        requests.
        """
        self.sequence += 1
        waiting = list(rivals)

        def step_in(*_: object) -> None:
            if waiting:
                claims, pod_id, position = waiting.pop()
                (self.claim if claims else self.release)(pod_id, position)
            self.nothing_is_sold_twice()

        hook = self.world.db.before("transact_write_items", step_in, times=None)
        report = self.world.sync(self._document(places), max_drop_share=1.0)
        hook.cancel()
        assert report.refused is None
        assert {part.code for part in report.parts_deferred} <= {FeedRefusal.MOVES_HARDWARE}

    @rule(pod_id=st.sampled_from(POD_IDS), position=st.integers(0, 2))
    def claim(self, pod_id: str, position: int) -> None:
        stored = self.world.store.read_pod("r1", pod_id)
        domains = stored.pod.between(position, 1) if stored else ()
        if domains and self.world.hold(pod_id, position):
            assert (pod_id, position) not in self.owned
            self.owned[pod_id, position] = domains[0]

    @rule(pod_id=st.sampled_from(POD_IDS), position=st.integers(0, 2))
    def release(self, pod_id: str, position: int) -> None:
        if self.owned.pop((pod_id, position), None):
            self.world.release(pod_id, position)

    @invariant()
    def nothing_is_sold_twice(self) -> None:
        ids = self.world.all_hosts()
        assert len(ids) == len(set(ids))

    @invariant()
    def holders_keep_their_domains_and_hosts(self) -> None:
        for (pod_id, position), sold in self.owned.items():
            now = self.world.domain(pod_id, position)
            assert now.id == sold.id
            assert {(h.slot, h.id) for h in sold.hosts} <= {(h.slot, h.id) for h in now.hosts}
            assert position in self.world.pod(pod_id).held

    def _document(self, places: list[int]) -> dict[str, Any]:
        by_place: dict[int, list[str]] = {}
        for host_id, place in zip(self.HOST_IDS, places, strict=True):
            by_place.setdefault(place, []).append(host_id)
        pods = []
        for number, pod_id in enumerate(self.POD_IDS):
            domains = [
                {
                    "position": position,
                    "id": f"{pod_id}-{position}",
                    "hosts": [host(i, slot) for slot, i in enumerate(by_place[number * 3 + position])],
                }
                for position in range(3)
                if number * 3 + position in by_place
            ]
            pods.append({"id": pod_id, "flavorId": "flavor-a", "domains": domains})
        return document(self.sequence, [region(pods=pods)])


FleetAndTenants.TestCase.settings = examples(40, stateful_step_count=20)
TestFleetAndTenants = FleetAndTenants.TestCase
