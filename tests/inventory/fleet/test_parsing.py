from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import FeedRefusal, FeedRefused
from gpu_capacity.inventory.fleet.document import DOCUMENT_BYTES_MAX, UNPACKED_BYTES_MAX
from gpu_capacity.inventory.fleet.parsing import parse
from gpu_capacity.inventory.model import Architecture, HostState
from testkit.fleet.documents import FLAVOR, document, offering, pod, rack, raw, region

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "hunter2-hunter2"


def refusal(content: bytes) -> FeedRefused:
    with pytest.raises(FeedRefused) as refused:
        parse(content)
    return refused.value


def test_regions_pods_domains_and_hosts_are_read_in_order() -> None:
    content = document(7)
    content["regions"][0]["pods"][0]["domains"].reverse()
    content["regions"][0]["pods"][0]["domains"][0]["hosts"].reverse()

    fleet = parse(raw(content))

    assert fleet.sequence == 7
    assert fleet.observed_at == 1767225600
    domains = fleet.regions["r1"].pods["p1"].domains
    assert [d.position for d in domains] == [0, 1, 2, 3]
    assert [h.slot for h in domains[3].hosts] == [0, 1, 2]
    assert domains[0].hosts[0].state is HostState.IN_SERVICE


def test_a_name_that_is_not_given_is_the_id() -> None:
    content = document()
    content["regions"][0]["pods"][0]["domains"][1]["name"] = "Hall 2, row 4"

    domains = parse(raw(content)).regions["r1"].pods["p1"].domains

    assert (domains[0].name, domains[1].name) == ("p1-r0", "Hall 2, row 4")


def test_an_architecture_that_is_not_given_is_unknown() -> None:
    known = FLAVOR | {"id": "flavor-b", "architecture": "aarch64"}
    content = document(regions=[region("r1") | {"offerings": [offering(), offering("flavor-b", unit="b")]}])
    content["flavors"].append(known)

    reported = {
        o.flavor.id: o.flavor.architecture for o in parse(raw(content)).regions["r1"].region.offerings
    }

    assert reported == {"flavor-a": Architecture.UNKNOWN, "flavor-b": Architecture.AARCH64}


def test_a_region_without_organizations_is_for_everyone() -> None:
    content = document(regions=[region("r1"), region("r2", []) | {"organizations": ["org-a"]}])

    regions = parse(raw(content)).regions

    assert regions["r1"].region.is_visible_to(frozenset())
    assert not regions["r2"].region.is_visible_to(frozenset({"org-b"}))
    assert regions["r2"].region.is_visible_to(frozenset({"org-a"}))


def test_an_offset_is_respected_and_fractions_of_a_second_are_cut() -> None:
    fleet = parse(raw(document() | {"observedAt": "2026-01-01T01:00:00.75+01:00"}))

    assert fleet.observed_at == 1767225600


@pytest.mark.parametrize(
    "text", ["2025-12-31T23:59:60Z", "2026-01-01t00:00:00z", "2026-01-01T00:00:00-00:00"]
)
def test_every_format_of_rfc_3339_is_read(text: str) -> None:
    assert parse(raw(document() | {"observedAt": text})).observed_at == 1767225600


def test_the_digest_does_not_depend_on_order_white_space_or_explicit_defaults() -> None:
    content = document(regions=[region("r1"), region("r2", [pod("q1")])])
    other = json.loads(json.dumps(content, sort_keys=True))
    other["regions"].reverse()
    for entry in other["regions"]:
        entry["pods"].reverse()
        entry["organizations"] = None
    other["regions"][0]["pods"][0]["domains"][0] |= {"cordoned": False}

    assert parse(json.dumps(other, indent=3).encode()).digest == parse(raw(content)).digest


def test_the_digest_changes_with_any_content() -> None:
    content = document()
    content["regions"][0]["pods"][0]["domains"][0]["hosts"][0]["state"] = "unhealthy"

    assert parse(raw(content)).digest != parse(raw(document())).digest


def test_a_document_over_the_limit_is_too_large_before_it_is_parsed() -> None:
    refused = refusal(b"{" * (DOCUMENT_BYTES_MAX + 1))

    assert refused.code is FeedRefusal.TOO_LARGE


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"regions": NaN}', b"[" * 10000]
)
def test_a_text_that_is_not_a_fleet_document_is_malformed(content: bytes) -> None:
    assert refusal(content).code is FeedRefusal.MALFORMED


def _in_region(change: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda d: d["regions"][0].update(change)


def _in_host(change: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda d: d["regions"][0]["pods"][1]["domains"][2]["hosts"][0].update(change)


def _in_domain(change: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda d: d["regions"][0]["pods"][1]["domains"][2].update(change)


HOST = "regions[0].pods[1].domains[2].hosts[0]"
DOMAIN = "regions[0].pods[1].domains[2]"

WRONG: list[tuple[str, Callable[[dict[str, Any]], None]]] = [
    ("schemaVersion", lambda d: d.update(schemaVersion=2)),
    ("sequence", lambda d: d.update(sequence=0)),
    ("sequence", lambda d: d.update(sequence="7")),
    ("sequence", lambda d: d.update(sequence=True)),
    ("sequence", lambda d: d.pop("sequence")),
    ("observedAt", lambda d: d.update(observedAt="2026-01-01T00:00:00")),
    ("observedAt", lambda d: d.update(observedAt="2026-13-01T00:00:00Z")),
    ("observedAt", lambda d: d.update(observedAt=1767225600)),
    ("observedAt", lambda d: d.update(observedAt="0001-01-01T00:00:00Z")),
    ("observedAt", lambda d: d.update(observedAt="0001-01-01T00:00:00+01:00")),
    ("observedAt", lambda d: d.update(observedAt="1999-12-31T23:59:59Z")),
    ("observedAt", lambda d: d.update(observedAt="9999-12-31T23:59:59-08:00")),
    ("observedAt", lambda d: d.update(observedAt="2026-01-01T00:00:60Z")),
    ("observedAt", lambda d: d.update(observedAt="1767225600")),
    ("regions", lambda d: d.pop("regions")),
    ("regions[0].organizations", _in_region({"organizations": []})),
    ("regions[0].organizations[1]", _in_region({"organizations": ["org-a", "org-a"]})),
    ("regions[0].id", _in_region({"id": SECRET + "#x"})),
    ("regions[0].id", _in_region({"id": "a" * 64})),
    ("regions[0].id", _in_region({"id": "r1\n"})),
    ("regions[0].pods[1].id", _in_region({"pods": [pod("p1"), pod("p1", racks=0)]})),
    ("regions[0].pods[1].flavorId", _in_region({"pods": [pod("p1"), pod("p2", flavor_id=SECRET)]})),
    ("regions[0].offerings[0].flavorId", _in_region({"offerings": [offering(SECRET)]})),
    ("regions[0].offerings[0].hostsPerUnit", _in_region({"offerings": [offering(hostsPerUnit=65)]})),
    ("regions[0].offerings[1]", _in_region({"offerings": [offering(), offering()]})),
    ("regions[0].offerings[1]", _in_region({"offerings": [offering(), offering(unit="U", hostsPerUnit=2)]})),
    (
        "regions[0].offerings[1]",
        _in_region({"offerings": [offering(), offering(unit="U", deviceTypeResourceClass=SECRET)]}),
    ),
    ("regions[1].id", lambda d: d["regions"].append(region("r1", []))),
    ("regions[1].id", lambda d: d["regions"].append(region("R1", []))),
    ("regions[0].pods[1].id", _in_region({"pods": [pod("p1"), pod("P1", racks=0)]})),
    (f"{DOMAIN}.id", _in_domain({"id": "P1-R0"})),
    (f"{HOST}.id", _in_host({"id": "P1-R0-h0"})),
    ("schemaVersion", lambda d: d.update(schemaVersion=True)),
    ("sequence", lambda d: d.update(sequence=7.0)),
    ("flavors[1].id", lambda d: d["flavors"].append(d["flavors"][0])),
    ("flavors[0].gpu.vendor", lambda d: d["flavors"][0]["gpu"].update(vendor=SECRET)),
    ("flavors[0].cpus", lambda d: d["flavors"][0].update(cpus=-1)),
    (f"{DOMAIN}.position", _in_domain({"position": 100_000})),
    ("regions[0].pods[1].domains[2]", _in_domain({"position": 1})),
    (f"{DOMAIN}.id", _in_domain({"id": "p1-r0"})),
    (f"{DOMAIN}.cordoned", _in_domain({"cordoned": "yes"})),
    (f"{DOMAIN}.cordonned", _in_domain({"cordonned": True})),
    (f"{DOMAIN}.(unprintable)", _in_domain({"cord oned\n": True})),
    (f"{DOMAIN}.hosts", _in_domain({"hosts": []})),
    (f"{DOMAIN}.hosts[1]", _in_host({"slot": 1})),
    (f"{HOST}.slot", _in_host({"slot": 64})),
    (f"{HOST}.slot", _in_host({"slot": -1})),
    (f"{HOST}.id", _in_host({"id": "p1-r0-h0"})),
    (f"{HOST}.state", _in_host({"state": SECRET})),
    (f"{HOST}.state", _in_host({"state": "missing"})),
    (f"{HOST}.name", _in_host({"name": SECRET + "\n"})),
    (f"{HOST}.resourceClass", _in_host({"resourceClass": ""})),
]


@pytest.mark.parametrize(("place", "spoil"), WRONG)
def test_an_invalid_field_is_named_by_its_path_and_never_by_its_value(
    place: str, spoil: Callable[[dict[str, Any]], None]
) -> None:
    content = json.loads(raw(document()))
    spoil(content)

    refused = refusal(raw(content))

    assert refused.code is FeedRefusal.MALFORMED
    assert re.search(rf"(^|; ){re.escape(place)}(: |\[)", str(refused)), str(refused)
    assert SECRET not in str(refused)


@pytest.mark.parametrize("first", ["true", "false"])
def test_a_duplicate_key_is_refused_with_its_path(first: str) -> None:
    text = raw(document()).decode()
    spoilt = text.replace('"position": 2,', f'"cordoned": {first}, "position": 2, "cordoned": false,', 1)

    refused = refusal(spoilt.encode())

    assert refused.code is FeedRefusal.MALFORMED
    assert str(refused) == "regions[0].pods[0].domains[2].cordoned: the key occurs more than once"


def test_a_compressed_document_equals_the_plain_one() -> None:
    plain = raw(document())

    assert parse(gzip.compress(plain)) == parse(plain)
    assert parse(gzip.compress(plain[:100]) + gzip.compress(plain[100:])) == parse(plain)


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(raw(document()), mtime=0)[:-1],
        gzip.compress(raw(document()), mtime=0) + b"more",
        gzip.compress(raw(document()), mtime=0)[:-8] + bytes(8),
        b"\x1f\x8b" + bytes(40),
    ],
)
def test_a_damaged_archive_is_malformed(packed: bytes) -> None:
    assert refusal(packed).code is FeedRefusal.MALFORMED


def test_an_archive_of_many_empty_members_is_read_once() -> None:
    """The rest was copied for each of them: with 16 MB of members no sync would ever have ended."""
    members = gzip.compress(b"") * (4_000_000 // len(gzip.compress(b"")))

    assert refusal(members).code is FeedRefusal.MALFORMED


def test_a_document_is_not_decompressed_beyond_its_limit() -> None:
    bomb = gzip.compress(bytes(UNPACKED_BYTES_MAX + 1))

    assert len(bomb) < DOCUMENT_BYTES_MAX
    assert refusal(bomb).code is FeedRefusal.TOO_LARGE


def test_host_ids_are_unique_across_regions() -> None:
    copied = region("r2", [pod("q1")])
    copied["pods"][0]["domains"][0]["hosts"] = rack("p1", 0)["hosts"]

    refused = refusal(raw(document(regions=[region(), copied])))

    assert "regions[1].pods[0].domains[0].hosts[0].id" in str(refused)


def test_only_a_few_of_many_problems_are_shown() -> None:
    content = document()
    for part in content["regions"][0]["pods"][0]["domains"]:
        for entry in part["hosts"]:
            entry["state"] = "no"

    assert str(refusal(raw(content))).endswith("; and 7 more")


def test_the_refusal_has_no_cause_that_contains_the_input() -> None:
    content = document()
    content["regions"][0]["id"] = SECRET + "#"

    refused = refusal(raw(content))

    assert refused.__cause__ is None
    assert refused.__suppress_context__


def test_flavors_of_one_instance_type_must_spell_it_alike() -> None:
    content = document()
    first, second = FLAVOR | {"instanceType": "gb300-4x"}, FLAVOR | {"id": "b", "instanceType": "GB300-4x"}
    content["flavors"] = [first, second]
    assert "flavors[1].instanceType: another flavor's differs from it in case" in str(refusal(raw(content)))
    content["flavors"] = [first, second | {"instanceType": "gb300-4x"}]
    assert len(parse(raw(content)).regions) == 1
