"""Hosts rented in slices, as the fleet document describes them."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb.client import decode
from gpu_capacity.errors import FeedRefused
from gpu_capacity.inventory.fleet.parsing import parse
from gpu_capacity.inventory.items import decode_region, encode_region
from gpu_capacity.inventory.model import VmShape
from testkit.sample_fleet import sample_fleet

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT = sample_fleet()
NODES = next(i for i, region in enumerate(DOCUMENT["regions"]) if region["id"] == "eu-ams-1")
VM_FLAVOR = next(i for i, flavor in enumerate(DOCUMENT["flavors"]) if "vm" in flavor)


def raw(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def test_the_sample_nodes_have_the_published_names_and_types() -> None:
    region = parse(raw(DOCUMENT)).regions["eu-ams-1"]
    types = {flavor.id: flavor.vm.gpu_type for flavor in region.region.vm_flavors if flavor.vm}
    nodes = {
        host.name: types[pod.flavor_id]
        for pod in region.pods.values()
        for domain in pod.domains
        for host in domain.hosts
    }
    assert sorted(nodes) == [f"vm{number:02}" for number in range(1, 12)]
    assert set(nodes.values()) == {"5090", "4090", "6000pro"}


def test_a_region_is_read_with_the_vm_flavors_that_were_written() -> None:
    for reported in parse(raw(DOCUMENT)).regions.values():
        assert decode_region(decode(encode_region(reported.region))) == reported.region


def test_a_flavor_has_the_texts_shown_to_customers() -> None:
    (flavor,) = [
        f for f in parse(raw(DOCUMENT)).regions["eu-ams-1"].region.vm_flavors if f.id == "v.8.5090.pcie"
    ]
    assert flavor.vm == VmShape("5090", 32 * 1024, "AMD EPYC 9654", "5.0")


def test_flavors_without_the_vm_part_are_not_rented_in_slices() -> None:
    regions = parse(raw(DOCUMENT)).regions
    assert {name for name, r in regions.items() if r.region.vm_flavors} == {"eu-ams-1"}


def _two_hosts_in_a_domain(document: dict[str, Any]) -> None:
    host = {"slot": 1, "id": "second", "resourceClass": "X", "state": "in_service"}
    document["regions"][NODES]["pods"][0]["domains"][0]["hosts"].append(host)


def _another_slot(document: dict[str, Any]) -> None:
    document["regions"][NODES]["pods"][0]["domains"][0]["hosts"][0]["slot"] = 1


def _one_name_twice(document: dict[str, Any]) -> None:
    document["regions"][NODES]["pods"][1]["domains"][0]["hosts"][0]["name"] = "vm01"


def _one_name_twice_by_id(document: dict[str, Any]) -> None:
    host = document["regions"][NODES]["pods"][1]["domains"][0]["hosts"][0]
    del host["name"]
    host["id"] = "vm01"


def _three_gpus(document: dict[str, Any]) -> None:
    document["flavors"][VM_FLAVOR]["gpu"]["physicalCount"] = 3


def _no_gpu_type(document: dict[str, Any]) -> None:
    del document["flavors"][VM_FLAVOR]["vm"]["gpuType"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (_two_hosts_in_a_domain, "alone in its domain"),
        (_another_slot, "alone in its domain"),
        (_one_name_twice, "another host that is rented in slices has it"),
        (_one_name_twice_by_id, "another host that is rented in slices has it"),
        (_three_gpus, r"flavors\[\d\].vm: hosts that are rented in slices have 1, 2, 4 or 8 GPUs"),
        (_no_gpu_type, r"flavors\[\d\].vm.gpuType: Field required"),
    ],
)
def test_a_node_whose_name_customers_could_not_send_is_refused(
    change: Callable[[dict[str, Any]], None], place: str
) -> None:
    document = copy.deepcopy(DOCUMENT)
    change(document)
    with pytest.raises(FeedRefused, match=place):
        parse(raw(document))


def test_names_of_hosts_that_are_not_rented_in_slices_may_repeat() -> None:
    document = copy.deepcopy(DOCUMENT)
    for domain in document["regions"][0]["pods"][0]["domains"]:
        domain["hosts"][0]["name"] = "front"
    assert parse(raw(document)).sequence == 1
