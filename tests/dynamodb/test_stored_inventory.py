"""Items of an existing inventory: each is still read as what it was when it was written."""

from __future__ import annotations

from dataclasses import replace

from gpu_capacity.dynamodb.client import decode
from gpu_capacity.inventory.cordons import Cause, Cordon, Cordons, Target
from gpu_capacity.inventory.items import (
    decode_cordons,
    decode_owners,
    decode_pod,
    decode_region,
    decode_shape,
    encode_cordons,
    encode_pod,
    encode_region,
    encode_shape,
)
from gpu_capacity.inventory.model import Architecture, Region
from gpu_capacity.inventory.units import identity_of, shape_of
from testkit.world import GB300, REGION, offering, pod


def test_a_shape() -> None:
    shape = shape_of(pod("pod1", 2), offering())
    item = decode(encode_shape(shape))

    assert item == {
        "pk": f"SHAPES#{REGION}#{GB300.id}",
        "sk": "POD#pod1",
        "v": 1,
        "region": REGION,
        "flavor": GB300.id,
        "domains": [[0, 2, 3, True, False], [1, 2, 3, True, False]],
        "serving": [2, 2],
        "identities": b"".join(map(identity_of, pod("pod1", 2).domains)),
    }
    assert decode_shape(item) == shape


def test_a_shape_of_an_earlier_version_has_no_identity_hash() -> None:
    shape = shape_of(pod("pod1", 2), offering())
    item = decode(encode_shape(shape))
    del item["serving"], item["identities"]

    bare = tuple(replace(domain, in_service=0, identity=b"") for domain in shape.domains)
    assert decode_shape(item) == replace(shape, domains=bare)


def test_full_topology_is_stored_as_readable_text() -> None:
    named = replace(pod("pod1", 1), id="zürich")
    named = replace(named, domains=(replace(named.domains[0], name="gestell ü"),))
    item = decode(encode_pod(named))

    assert item["domains"].startswith('[[0,"')
    assert "gestell ü" in item["domains"]
    assert {name: item[name] for name in ("pk", "sk", "v", "region", "flavor")} == {
        "pk": f"HOSTS#{REGION}",
        "sk": "POD#zürich",
        "v": 1,
        "region": REGION,
        "flavor": GB300.id,
    }
    assert decode_pod(item) == named


def test_the_cordons_of_a_region() -> None:
    rack = Target(pod_id="pod1", domain_id="rack1")
    cordons = Cordons(REGION, 7, (Cordon(rack, "coolant leak", 1_780_000_000, "operator:me"),))
    item = decode(encode_cordons(cordons))

    assert item == {
        "pk": "CORDONS",
        "sk": f"REGION#{REGION}",
        "v": 7,
        "cordons": [
            {
                "pod": "pod1",
                "domain": "rack1",
                "reason": "coolant leak",
                "since": 1_780_000_000,
                "by": "operator:me",
            }
        ],
    }
    assert decode_cordons(item) == cordons


def test_what_is_out_of_sale_by_its_cause() -> None:
    host, text = Target(host_id="h1"), "PXE timeout"
    entries = (
        Cordon(host, "does not boot", 1_780_000_000, "workflow", Cause.QUARANTINE, text),
        Cordon(host, "new fans", 1_780_000_000, "operator:me", Cause.MAINTENANCE, maintenance_id="m1"),
    )
    cordons = Cordons(REGION, 8, entries)
    item = decode(encode_cordons(cordons))

    base = {"host": "h1", "since": 1_780_000_000}
    assert item["cordons"] == [
        {
            **base,
            "cause": "quarantine",
            "reason": "does not boot",
            "evidence": "PXE timeout",
            "by": "workflow",
        },
        {**base, "cause": "maintenance", "reason": "new fans", "maintenance": "m1", "by": "operator:me"},
    ]
    assert decode_cordons(item) == cordons


def test_a_region() -> None:
    region = Region(REGION, frozenset("hgfedcba"), (offering(),), 1_780_000_000, (("gb300-4x", GB300.id),))
    item = decode(encode_region(region))

    assert item == {
        "pk": "CATALOG",
        "sk": f"REGION#{REGION}",
        "organizations": list("abcdefgh"),
        "observed_at": 1_780_000_000,
        "offerings": [
            {
                "accelerator": "GB300",
                "unit": "NVL72",
                "device_type_resource_class": offering().device_type_resource_class,
                "hosts_per_unit": offering().hosts_per_unit,
                "flavor": {
                    "id": GB300.id,
                    "cpus": 144,
                    "memory_gib": 960,
                    "disk_gb": 0,
                    "architecture": "aarch64",
                    "instance_type": "gb300-4x",
                    "gpu": {
                        "vendor": "NVIDIA",
                        "model": "GB300",
                        "physical_count": 4,
                        "logical_count": 4,
                        "memory_gib": 288,
                    },
                    "vm": None,
                },
            }
        ],
        "instance_types": [["gb300-4x", GB300.id]],
    }
    assert decode_region(item) == region


def test_a_flavor_of_an_earlier_version_has_an_unknown_architecture() -> None:
    region = Region(REGION, frozenset(), (offering(),), 1)
    item = decode(encode_region(region))
    del item["offerings"][0]["flavor"]["architecture"]

    (old,) = decode_region(item).offerings
    assert old.flavor == replace(GB300, architecture=Architecture.UNKNOWN)


def test_a_public_region_without_instance_types() -> None:
    region = Region(REGION, frozenset(), (), 1, ())
    item = decode(encode_region(region))

    assert set(item) == {"pk", "sk", "observed_at", "offerings"}
    assert decode_region(item) == region


def test_ownership_is_read_from_the_attributes_of_domains_and_from_no_others() -> None:
    tag = b"12345678"
    item = {
        "pk": "CLAIMS#r#f",
        "sk": "POD#pod1",
        "v": 4,
        "d3": tag,
        "d12": {"ab": 5},
        "d": 1,
        "dx": 2,
        "x7": tag,
    }
    claims = decode_owners(item)

    assert (claims.pod_id, claims.version) == ("pod1", 4)
    assert claims.owners == {3: tag, 12: {"ab": 5}}
