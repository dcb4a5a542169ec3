"""Machines that say where they stand become a fleet document."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.inventory.fleet.assembly import Assembly, assemble
from gpu_capacity.inventory.fleet.parsing import parse
from gpu_capacity.ports import Machine
from testkit.fleet import documents
from testkit.fleet.machines import machines_of
from testkit.fleet.places import catalogue_of
from testkit.sample_fleet import sample_fleet

if TYPE_CHECKING:
    from collections.abc import Iterable

NOON = 1_780_000_000
FACTS = {"region": "r1", "pod": "p1", "domain": "p1-r0", "position": 0, "slot": 0}


def machine(host_id: str = "h", enrolled: int = 1, **changes: Any) -> Machine:
    own = {
        name: changes.pop(name)
        for name in ("resource_class", "state", "retired", "problem")
        if name in changes
    }
    plain = Machine(host_id, "CLASS_A", "in_service", retired=False, enrolled=enrolled, facts=FACTS | changes)
    return replace(plain, **own)


def assembled(machines: Iterable[Machine], catalogue: dict[str, Any] | None = None) -> Assembly:
    made = assemble(catalogue or catalogue_of(documents.document()), machines, 7, NOON)
    parse(json.dumps(made.document).encode())
    return made


def hosts(made: Assembly) -> list[str]:
    return [
        h["id"] for r in made.document["regions"] for p in r["pods"] for d in p["domains"] for h in d["hosts"]
    ]


def test_machines_of_a_whole_fleet_make_its_document() -> None:
    published = sample_fleet(sequence=7)
    machines = machines_of(published)
    machines.sort(key=lambda each: each.host_id[::-1])
    made = assembled(machines, catalogue_of(published))
    assert not made.left_out
    assert _plain(made.document) == _plain(published) | {"observedAt": "2026-05-28T20:26:40Z"}


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    """In one order, with every host in service and without what machines do not say."""
    regions = []
    for region in document["regions"]:
        pods = []
        for pod in sorted(region["pods"], key=lambda each: each["id"]):
            domains = [
                (d["position"], d["id"], [(h["slot"], h["id"], h["resourceClass"]) for h in d["hosts"]])
                for d in pod["domains"]
            ]
            pods.append((pod["id"], pod["flavorId"], domains))
        regions.append({**region, "pods": pods})
    return {**document, "regions": regions}


def test_the_state_of_a_machine_is_that_of_its_host() -> None:
    made = assembled([machine("a", state="unhealthy"), machine("b", slot=1, state="out_of_service")])
    (domain,) = made.document["regions"][0]["pods"][0]["domains"]
    assert [host["state"] for host in domain["hosts"]] == ["unhealthy", "out_of_service"]


def test_a_domain_with_a_retired_machine_takes_no_new_holder() -> None:
    made = assembled([machine("a"), machine("b", slot=1, retired=True), machine("c", domain="x", position=1)])
    assert [d["cordoned"] for d in made.document["regions"][0]["pods"][0]["domains"]] == [True, False]


def test_facts_may_be_written_as_numbers_or_as_texts() -> None:
    made = assembled([machine("a", pod=1, domain=22, position="3", slot="4", domain_name="Row 4")])
    (pod,) = made.document["regions"][0]["pods"]
    (domain,) = pod["domains"]
    assert (pod["id"], domain["id"], domain["name"]) == ("1", "22", "Row 4")
    assert (domain["position"], domain["hosts"][0]["slot"]) == (3, 4)


def test_a_machine_says_when_it_was_repaired() -> None:
    made = assembled([machine("a", repaired_at="2026-01-02T03:04:05+01:00")])
    fleet = parse(json.dumps(made.document).encode())
    assert fleet.regions["r1"].repaired == {"a": 1_767_319_445}


@pytest.mark.parametrize("name", ["region", "pod", "domain", "position", "slot"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_machine_without_a_fact_is_left_out_by_its_name(name: str, value: Any) -> None:
    made = assembled([machine("a", **{name: value}), machine("b", slot=1)])
    assert (hosts(made), made.left_out) == (["b"], {"a": f"missing: {name}"})


def test_all_missing_facts_are_named_at_once() -> None:
    made = assembled([replace(machine("a"), facts={"pod": "p1"})])
    assert made.left_out == {"a": "missing: region, domain, position, slot"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"region": "r9"}, "its region is not in the catalogue"),
        ({"flavor": "f9"}, "its flavor is not in the catalogue"),
        ({"region": True}, "region: no identifier"),
        ({"pod": "a#b"}, "pod: no identifier"),
        ({"domain": ["x"]}, "domain: no identifier"),
        ({"domain": "x" * 64}, "domain: no identifier"),
        ({"position": -1}, "position: no whole number from 0 to 999"),
        ({"position": 1000}, "position: no whole number from 0 to 999"),
        ({"position": 1.0}, "position: no whole number from 0 to 999"),
        ({"position": True}, "position: no whole number from 0 to 999"),
        ({"slot": "64"}, "slot: no whole number from 0 to 63"),
        ({"slot": "٣"}, "slot: no whole number from 0 to 63"),
        ({"domain_name": "a\nb"}, "domain_name: more than 63 characters, or unprintable ones"),
        ({"repaired_at": "yesterday"}, "repaired_at: no RFC 3339 date-time with an offset"),
        ({"repaired_at": "1999-01-01T00:00:00Z"}, "repaired_at: no RFC 3339 date-time with an offset"),
        ({"resource_class": None}, "its resource class is missing or no identifier"),
        ({"resource_class": "a b"}, "its resource class is missing or no identifier"),
        ({"problem": "it has no name"}, "it has no name"),
    ],
)
def test_what_cannot_be_placed_is_left_out(changes: dict[str, Any], reason: str) -> None:
    made = assembled([machine("a", **changes), machine("b", slot=1)])
    assert (hosts(made), made.left_out) == (["b"], {"a": reason})


@pytest.mark.parametrize("older_first", [True, False])
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"slot": 0}, "old has its slot"),
        ({"slot": 1, "pod": "p2"}, "an older machine has its domain in another pod or position, or spells"),
        ({"slot": 1, "position": 1}, "an older machine has its domain in another pod or position, or spells"),
        ({"slot": 1, "domain": "P1-R0"}, "an older machine has its domain in another pod or position, or sp"),
        ({"domain": "other"}, "an older machine has another domain at its position"),
        (
            {"domain": "other", "pod": "P1", "position": 1},
            "another pod has its pod's id but for upper and low",
        ),
        ({"slot": 1, "flavor": "flavor-b"}, "an older machine of its pod names another flavor"),
    ],
)
def test_of_two_that_contradict_each_other_the_older_one_stays(
    changes: dict[str, Any], reason: str, *, older_first: bool
) -> None:
    """The list's order has no meaning."""
    catalogue = catalogue_of(documents.document())
    catalogue["flavors"].append(documents.FLAVOR | {"id": "flavor-b"})
    pair = [machine("old", 1, flavor="flavor-a"), machine("new", 2, **changes)]
    made = assembled(pair if older_first else pair[::-1], catalogue)
    assert hosts(made) == ["old"]
    assert made.left_out["new"].startswith(reason)


def test_of_two_machines_with_one_name_the_older_one_stays() -> None:
    made = assembled([machine("h", 2, slot=1), machine("H", 1)])
    assert (hosts(made), made.left_out) == (["H"], {"h": "another machine has its name"})


def test_the_flavor_of_a_pod_is_that_which_its_class_is_sold_with() -> None:
    made = assembled([machine("a", resource_class="CLASS_B"), machine("b", 2, slot=1)])
    assert made.document["regions"][0]["pods"][0]["flavorId"] == "flavor-a"
    assert hosts(made) == ["a", "b"]


def test_a_machine_that_names_a_flavor_decides_for_its_pod() -> None:
    catalogue = catalogue_of(documents.document())
    catalogue["flavors"].append(documents.FLAVOR | {"id": "flavor-b"})
    made = assembled([machine("a"), machine("b", 2, slot=1, flavor="flavor-b")], catalogue)
    assert made.document["regions"][0]["pods"][0]["flavorId"] == "flavor-b"


@pytest.mark.parametrize("offered", [0, 2])
def test_a_class_that_is_sold_with_no_flavor_or_with_several_needs_one_by_name(offered: int) -> None:
    catalogue = catalogue_of(documents.document())
    catalogue["flavors"].append(documents.FLAVOR | {"id": "flavor-b"})
    two = [documents.offering(), documents.offering("flavor-b", accelerator="B")]
    catalogue["regions"][0]["offerings"] = two[:offered]
    unnamed, named = machine("a"), machine("b", pod="p2", domain="d2", flavor="flavor-b")
    made = assembled([unnamed, named], catalogue)
    assert hosts(made) == ["b"]
    assert made.left_out["a"].startswith("no machine of its pod names a flavor")


def test_a_machine_that_is_rented_in_slices_is_alone_in_its_domain() -> None:
    catalogue = catalogue_of(documents.document())
    vm = {"gpuType": "4090", "gpuRamMb": 24576, "cpuModel": "EPYC", "pcieGen": "4.0"}
    catalogue["flavors"][0] = {**documents.FLAVOR, "vm": vm}
    made = assembled([machine("a"), machine("b", 2, slot=1)], catalogue)
    assert hosts(made) == ["a"]
    assert made.left_out == {"b": "a machine that is rented in slices is alone in its domain, in slot 0"}


def test_a_region_without_machines_has_no_pods() -> None:
    made = assembled([machine("a", region="elsewhere")])
    assert [region["pods"] for region in made.document["regions"]] == [[]]
