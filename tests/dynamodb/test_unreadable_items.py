"""Whatever a stored item contains, its decoder reads it or raises UnreadableItem, and nothing else."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest

from gpu_capacity.access import Scope
from gpu_capacity.accounts.account import Account
from gpu_capacity.accounts.api_key import ApiKey
from gpu_capacity.accounts.ssh_key import KeyRing, SshKey
from gpu_capacity.accounts.store import AccountStore, decode_api_key, decode_key_ring, decode_revision
from gpu_capacity.capacity_claims.items import decode_claim, decode_name, decode_place, encode_claim
from gpu_capacity.capacity_claims.record import Allocation, Condition
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode, encode
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.dynamodb.tombstones import TTL_ATTRIBUTE, decode_tombstone, encode_tombstone
from gpu_capacity.errors import UnreadableItem
from gpu_capacity.holders.quota_store import decode_quota
from gpu_capacity.holders.repeat_store import decode_recent
from gpu_capacity.inventory.fleet.model import Fleet
from gpu_capacity.inventory.fleet.store import accept_document, decode_feed
from gpu_capacity.inventory.items import (
    decode_owners,
    decode_pod,
    decode_region,
    decode_shape,
    encode_pod,
    encode_region,
    encode_shape,
)
from gpu_capacity.inventory.model import Region
from gpu_capacity.inventory.units import shape_of
from gpu_capacity.placements.items import decode_placement, encode_placement
from gpu_capacity.reservations.items import decode_reservation, encode_reservation
from gpu_capacity.vms.items import decode_entry, decode_vm, encode_entry, encode_vm, roster_entry
from testkit.claims import record
from testkit.dynamodb import MemoryDynamoDB
from testkit.placements import PLACEMENT_ID
from testkit.reservations import reservation
from testkit.vms.record import OTHER, VM
from testkit.vms.scene import GPU5090
from testkit.world import GB300, HOLDERS, INVENTORY, ORGANIZATION, REGION, create_tables, offering, pod
from tests.placements.test_items import FULL

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.dynamodb.client import Item

KEYS: Final = frozenset({"pk", "sk"})
STRAY: Final[tuple[Any, ...]] = (
    None,
    "",
    "suspended",
    "[",
    "[1]",
    '{"a": 1}',
    "[" * 5_000,
    Decimal(-1),
    Decimal("1.5"),
    Decimal("1E+30"),
    b"123",
    True,
    [],
    ["x"],
    [["x", 1, None, 2.0, "y"]],
    {},
    {"x": "y"},
)
"""What may stand in the place of a value: nothing, unknown words, no JSON, odd numbers, other types."""


@dataclass(frozen=True)
class Kind:
    """An item with every field, and its decoder; ``lives`` unless the item expires."""

    item: Item
    decode: Callable[[dict[str, Any]], object]
    lives: bool = True


def _account_items() -> tuple[Item, Item]:
    db = MemoryDynamoDB()
    create_tables(db)
    store = AccountStore(Database(db), HOLDERS)
    ring = KeyRing().with_key(SshKey("k", "laptop", "ssh-ed25519 AAAA", "SHA256:x", 5))
    store.change_key_ring(Account(ORGANIZATION, "user-1"), KeyRing(), ring)
    store.add_api_key(ApiKey("d" * 64, ORGANIZATION, "user-1", (Scope.READ_ONLY,), 5, "ci", "OW2o", 6), 0)
    (ring_item,) = (item for item in db.table(HOLDERS).items() if "keys" in item)
    (key_item,) = (item for item in db.table(HOLDERS).items() if "scopes" in item)
    return ring_item, key_item


def _feed_item() -> Item:
    db = MemoryDynamoDB()
    create_tables(db)
    region = Region(REGION, frozenset(), (), 7)
    fleet = Fleet(sequence=3, digest="sha256:" + "0" * 64, observed_at=7, regions={REGION: region})  # type: ignore[dict-item]
    Database(db).commit(accept_document(INVENTORY, fleet))
    (item,) = db.table(INVENTORY).items()
    return item


def _kinds() -> dict[str, Kind]:
    ring, api_key = _account_items()
    claim = record(
        5,
        Allocation(REGION, "g.1", "pod1", 2, 3),
        conditions=(Condition("Allocated", REGION, "True", "Allocated", "a message", 1),),
        created_millisecond=123,
        supplied=True,
        counted=True,
        unsettled_since=77,
        instance_id_sent="GB300-4X",
        zones_sent=("UK-LON-1", "US-CHI-1"),
    )
    entry = roster_entry(VM)
    assert entry is not None
    region = Region(
        REGION, frozenset({"o"}), (offering(),), 7, (("gb300-4x", GB300.id),), vm_flavors=(GPU5090,)
    )
    owners = {"v": 4, "d3": b"12345678", "d12": {"ab": 5}}
    place = keys.queued(REGION, "gb300-4x", 1, (ORGANIZATION, "id"))
    return {
        "reservation": Kind(
            encode_reservation(
                reservation(
                    failure="x",
                    deadline=5,
                    deleted_at=6,
                    keyed=True,
                    counted=True,
                    description="d",
                    occupied={PLACEMENT_ID: ((2, 1),)},
                )
            ),
            decode_reservation,
        ),
        "placement": Kind(encode_placement(FULL), decode_placement),
        "tombstone": Kind(
            encode_tombstone(keys.reservation(ORGANIZATION, "id"), "f", 5), decode_tombstone, lives=False
        ),
        "recent request": Kind(
            keys.recent_request(ORGANIZATION, "d") | encode({"holder": "h"}), decode_recent
        ),
        "quota": Kind(keys.quota(ORGANIZATION, "GB300") | encode({"limit": 8, "used": 3}), decode_quota),
        "capacity claim": Kind(encode_claim(claim), decode_claim),
        "name of a claim": Kind(keys.claim_name(ORGANIZATION, "n") | encode({"claim": "id"}), decode_name),
        "place in a queue": Kind(place | encode({"organization": ORGANIZATION, "claim": "id"}), decode_place),
        "returns of a queue": Kind(keys.queue_returns(REGION, "x") | encode({"comebacks": 2}), decode_place),
        "VM": Kind(
            encode_vm(VM) | encode({"preempted_by": list(OTHER), "offline_from": "running"}), decode_vm
        ),
        "roster entry": Kind(encode_entry(entry), decode_entry),
        "SSH keys": Kind(ring, decode_key_ring),
        "revision of API keys": Kind(
            keys.api_keys_revision(ORGANIZATION, "user-1") | encode({"revision": 3}), decode_revision
        ),
        "API key": Kind(api_key, decode_api_key),
        "owners of a pod": Kind(keys.owners(REGION, GB300.id, "pod1") | encode(owners), decode_owners),
        "shape of a pod": Kind(encode_shape(shape_of(pod("pod1", 2), offering())), decode_shape),
        "hosts of a pod": Kind(encode_pod(pod("pod1", 2)), decode_pod),
        "region": Kind(encode_region(region), decode_region),
        "feed": Kind(_feed_item(), decode_feed),
    }


KINDS: Final = _kinds()
FIELDS: Final = [(kind, name) for kind, it in KINDS.items() for name in it.item if name not in KEYS]


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_is_readable_as_it_was_written(kind: str) -> None:
    KINDS[kind].decode(decode(KINDS[kind].item))


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_an_item_without_a_field_is_read_or_unreadable(kind: str, name: str) -> None:
    item = decode(KINDS[kind].item)
    del item[name]

    _read_or_unreadable(KINDS[kind], item)


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_an_item_with_any_value_in_place_of_a_field_is_read_or_unreadable(kind: str, name: str) -> None:
    for stray in STRAY:
        _read_or_unreadable(KINDS[kind], decode(KINDS[kind].item) | {name: stray})


def _read_or_unreadable(kind: Kind, item: dict[str, Any]) -> None:
    with suppress(UnreadableItem):
        kind.decode(item)


UNREADABLE: Final = [
    ("reservation", "status", "suspended"),
    ("reservation", "name", Decimal(5)),
    ("reservation", "created_at", "soon"),
    ("reservation", "units", "3"),
    ("reservation", "counted", "yes"),
    ("reservation", keys.occupied_attribute(PLACEMENT_ID), b""),
    ("reservation", keys.occupied_attribute(PLACEMENT_ID), b"\x01\x00\x02"),
    ("reservation", keys.occupied_attribute(PLACEMENT_ID), "hosts"),
    ("placement", "status", "gone soon"),
    ("placement", "hosts", b"\x00"),
    ("placement", "policy", "tight"),
    ("placement", "networking", {"groups": "sg-1"}),
    ("capacity claim", "status", "STATUS_FAILED"),
    ("capacity claim", "zones", "uk-lon-1"),
    ("capacity claim", "allocations", "[[1]]"),
    ("capacity claim", "conditions", '[["Allocated","z","True","Unheard","m",1]]'),
    ("VM", "status", "paused"),
    ("VM", "gpus", Decimal("1.5")),
    ("region", "observed_at", "today"),
    ("hosts of a pod", "domains", '[[0,"d","n",false,[[0,"h","n","c","melted"]]]]'),
    ("shape of a pod", "domains", [[0, 2, 3, 1, False]]),
    ("owners of a pod", "d3", "somebody"),
    ("quota", "used", Decimal(-1)),
]


@pytest.mark.parametrize(("kind", "name", "stray"), UNREADABLE)
def test_a_misleading_item_is_unreadable(kind: str, name: str, stray: Any) -> None:
    with pytest.raises(UnreadableItem):
        KINDS[kind].decode(decode(KINDS[kind].item) | {name: stray})


def test_no_message_contains_the_content_of_an_unreadable_item() -> None:
    item = decode(KINDS["reservation"].item) | {"name": "a secret name", "status": "suspended"}

    with pytest.raises(UnreadableItem) as caught:
        decode_reservation(item)
    assert caught.value.key == (item["pk"], item["sk"])
    assert "secret" not in str(caught.value)
    assert "suspended" not in str(caught.value)


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.lives])
def test_no_live_item_has_the_time_to_live_attribute(kind: str) -> None:
    assert TTL_ATTRIBUTE not in KINDS[kind].item


def test_a_tombstone_has_the_time_to_live_attribute() -> None:
    assert TTL_ATTRIBUTE in KINDS["tombstone"].item
