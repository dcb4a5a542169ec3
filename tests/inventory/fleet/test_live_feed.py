"""The feed that makes its own document: sequence, races, what is left out, and where places come from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import FeedRefusal, FeedRefused
from gpu_capacity.inventory.fleet.document import DOCUMENT_BYTES_MAX
from gpu_capacity.inventory.fleet.live import MACHINES_LOGGED_MAX, LiveFeed
from gpu_capacity.inventory.fleet.parsing import parse
from testkit.doubles import RecordedTelemetry
from testkit.fleet import documents
from testkit.fleet.machines import machines_of
from testkit.fleet.places import catalogue_of
from testkit.fleet.world import MemoryFeed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gpu_capacity.ports import Machine
    from testkit.fleet.world import FleetWorld


@dataclass
class Site:
    """A site with machines, which a test changes."""

    world: FleetWorld
    listed: list[Machine] = field(default_factory=lambda: machines_of(documents.document()))
    catalogue: bytes = json.dumps(catalogue_of(documents.document())).encode()
    places: Any = None
    meanwhile: Callable[[], object] = lambda: None
    telemetry: RecordedTelemetry = field(default_factory=RecordedTelemetry)

    def machines(self) -> Sequence[Machine]:
        listed = list(self.listed)
        self.meanwhile()
        return listed

    def feed(self) -> LiveFeed:
        catalogue = MemoryFeed(self.catalogue)
        store, clock = self.world.store, self.world.clock
        return LiveFeed(self, self.places, catalogue, store.feed, clock, self.telemetry)


@pytest.fixture
def site(world: FleetWorld) -> Site:
    return Site(world)


def test_a_sync_follows_the_machines(world: FleetWorld, site: Site) -> None:
    report = world.sync_from(site.feed())
    assert (report.sequence, report.regions[0].counts.added) == (1, 24)
    site.listed[0] = replace(site.listed[0], state="unhealthy")
    report = world.sync_from(site.feed())
    assert (report.sequence, report.regions[0].counts.gone_unhealthy) == (2, 1)


def test_it_goes_on_from_a_published_document(world: FleetWorld, site: Site) -> None:
    world.sync(documents.document(4711))
    report = world.sync_from(site.feed())
    assert (report.refused, report.sequence) == (None, 4712)
    assert report.regions[0].counts.added == 0


def test_the_time_of_observation_goes_on_although_nothing_changed(world: FleetWorld, site: Site) -> None:
    world.sync_from(site.feed())
    world.clock.advance(300)
    report = world.sync_from(site.feed())
    assert (report.regions[0].catalogue, report.regions[0].pods_changed) == ("changed", 0)


def test_an_observation_that_another_one_overtook_is_refused(world: FleetWorld, site: Site) -> None:
    """Both listed the machines after the same document; nothing says whose list is newer."""
    other = Site(world)
    other.listed[0] = replace(other.listed[0], state="unhealthy")
    site.meanwhile = lambda: world.sync_from(other.feed())
    assert world.sync_from(site.feed()).refused is FeedRefusal.CONTRADICTORY
    site.meanwhile = lambda: [world.sync_from(other.feed()) for _ in range(2)]
    assert world.sync_from(site.feed()).refused is FeedRefusal.OUTDATED
    stored = world.store.read(["r1"])
    assert any(h.state == "unhealthy" for p in stored.pods.values() for d in p.pod.domains for h in d.hosts)
    site.meanwhile = lambda: None
    assert world.sync_from(site.feed()).refused is None


def test_two_equal_observations_in_one_second_are_one_document(world: FleetWorld, site: Site) -> None:
    site.meanwhile = lambda: world.sync_from(Site(world).feed())
    report = world.sync_from(site.feed())
    assert (report.refused, report.sequence) == (None, 1)


def test_an_empty_list_of_machines_drops_no_region(world: FleetWorld, site: Site) -> None:
    world.sync_from(site.feed())
    site.listed = []
    report = world.sync_from(site.feed())
    assert [part.code for part in report.parts_deferred] == [FeedRefusal.DROPS_TOO_MUCH]


def test_machines_that_are_left_out_are_counted_and_named(site: Site) -> None:
    site.listed = [replace(each, facts={}) for each in machines_of(documents.document())]
    site.feed().read()
    assert site.telemetry.counts["FleetPartsDeferred:left_out"] == 24
    ((_, details),) = site.telemetry.lines
    reasons: Any = details["reasons"]
    assert (details["machines"], len(reasons)) == (24, MACHINES_LOGGED_MAX)
    assert reasons["p1-r0-h0"] == "missing: region, pod, domain, position, slot"


def test_a_whole_fleet_tells_nobody(site: Site) -> None:
    site.feed().read()
    assert not site.telemetry.counts
    assert not site.telemetry.lines


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"{", "catalogue: document"),
        (json.dumps(documents.document()).encode(), "sequence: unknown field"),
        (json.dumps({"schemaVersion": 1, "flavors": []}).encode(), "catalogue: regions"),
    ],
    ids=["no JSON", "a document", "incomplete"],
)
def test_a_malformed_catalogue_is_refused_by_its_name(
    world: FleetWorld, site: Site, content: bytes, place: str
) -> None:
    site.catalogue = content
    report = world.sync_from(site.feed())
    assert report.refused is FeedRefusal.MALFORMED
    assert place in report.message


def test_what_a_catalogue_contradicts_itself_in_is_refused(world: FleetWorld, site: Site) -> None:
    catalogue = catalogue_of(documents.document())
    catalogue["regions"][0]["offerings"][0]["flavorId"] = "unknown"
    site.catalogue, site.listed = json.dumps(catalogue).encode(), []
    report = world.sync_from(site.feed())
    assert (report.refused, report.message) == (
        FeedRefusal.MALFORMED,
        "regions[0].offerings[0].flavorId: no flavor has this id",
    )


def test_machines_that_cannot_be_listed_are_no_empty_fleet(world: FleetWorld, site: Site) -> None:
    def refuse() -> None:
        raise FeedRefused(FeedRefusal.UNREACHABLE, "the nodes cannot be listed")

    site.meanwhile = refuse
    assert world.sync_from(site.feed()).refused is FeedRefusal.UNREACHABLE


def test_a_machine_knows_its_place_better_than_others_do(site: Site) -> None:
    class Known:
        def facts(self, host_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
            assert set(host_ids) == {each.host_id for each in site.listed}
            return {"p1-r0-h0": {"slot": 9, "pod": "p1", "region": "elsewhere"}}

    first = site.listed[0]
    facts = {name: value for name, value in first.facts.items() if name not in ("slot", "pod")}
    site.listed[0] = replace(first, facts=facts)
    site.places = Known()
    fleet = parse(site.feed().read())
    assert {h.id: h.slot for h in fleet.regions["r1"].pods["p1"].domains[0].hosts}["p1-r0-h0"] == 9


def test_a_large_fleet_fits_into_a_document(site: Site) -> None:
    racks = [documents.pod(f"pod-of-racks-{n:05}", 1000) for n in range(25)]
    large = documents.document(regions=[documents.region(pods=racks)])
    site.listed = machines_of(large)
    assert len(site.listed) == 75_000
    assert len(site.feed().read()) < DOCUMENT_BYTES_MAX / 8
