"""No two items may share a key, whatever names customers and fleets have."""

from __future__ import annotations

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.holders.ids import holder_id

ID = "a61b9d5a-701d-4fea-848d-0e345edf16e9"


def _plain(key: keys.Key) -> tuple[str, str]:
    assert set(key) == {"pk", "sk"}
    return key["pk"]["S"], key["sk"]["S"]


def test_every_kind_of_item_of_the_inventory_table_has_keys_of_its_own() -> None:
    """Even if region, flavor and pod have the same name."""
    kinds = [
        keys.feed(),
        keys.region("x"),
        keys.owners("x", "x", "x"),
        keys.shape("x", "x", "x"),
        keys.hosts("x", "x"),
    ]

    assert len({_plain(key) for key in kinds}) == len(kinds)


def test_every_kind_of_item_of_the_holders_table_has_keys_of_its_own() -> None:
    assert _plain(keys.reservation("x", "x")) != _plain(keys.quota("x", "x"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (keys.owners("a", "b", "c"), keys.owners("a", "c", "b")),
        (keys.owners("a", "b", "c"), keys.owners("b", "a", "c")),
        (keys.shape("a", "b", "c"), keys.shape("a", "c", "b")),
        (keys.hosts("a", "b"), keys.hosts("b", "a")),
        (keys.reservation("a", "b"), keys.reservation("b", "a")),
        (keys.quota("a", "b"), keys.quota("b", "a")),
    ],
)
def test_names_in_another_order_make_another_key(one: keys.Key, other: keys.Key) -> None:
    assert _plain(one) != _plain(other)


def test_pods_of_one_region_and_flavor_share_a_partition() -> None:
    assert _plain(keys.owners("r", "f", "a"))[0] == keys.owners_partition("r", "f")
    assert _plain(keys.shape("r", "f", "a"))[0] == keys.shapes_partition("r", "f")
    assert _plain(keys.hosts("r", "a"))[0] == keys.hosts_partition("r")


def test_a_query_for_reservations_does_not_return_quotas() -> None:
    assert _plain(keys.reservation("o", ID))[1].startswith(keys.RESERVATION_PREFIX)
    assert not _plain(keys.quota("o", "GB300"))[1].startswith(keys.RESERVATION_PREFIX)


def test_domain_attributes_are_short_and_distinct() -> None:
    names = {keys.domain_attribute(position) for position in range(1000)}

    assert len(names) == 1000
    assert max(map(len, names)) == 4


def test_unsettled_holders_are_spread_over_all_shards() -> None:
    shards = {keys.unsettled_shard(holder_id(bytes(14) + bytes([0, n]))) for n in range(16)}

    assert shards == {str(n) for n in range(keys.UNSETTLED_SHARDS)}
