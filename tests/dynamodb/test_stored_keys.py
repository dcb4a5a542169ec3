"""Keys of existing tables: a change of a key would lose the items under it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys

if TYPE_CHECKING:
    from collections.abc import Callable

STORED: list[tuple[Callable[..., keys.Key], tuple[Any, ...], str, str]] = [
    (keys.feed, (), "FEED", "FEED"),
    (keys.region, ("r",), "CATALOG", "REGION#r"),
    (keys.cordons, ("r",), "CORDONS", "REGION#r"),
    (keys.owners, ("r", "f", "p"), "CLAIMS#r#f", "POD#p"),
    (keys.shape, ("r", "f", "p"), "SHAPES#r#f", "POD#p"),
    (keys.hosts, ("r", "p"), "HOSTS#r", "POD#p"),
    (keys.reservation, ("o", "i"), "ORG#o", "RESERVATION#i"),
    (keys.placement, ("o", "i"), "ORG#o", "PLACEMENT#i"),
    (keys.capacity_claim, ("o", "i"), "ORG#o", "CLAIM#i"),
    (keys.claim_name, ("o", "n"), "ORG#o", "CLAIMNAME#n"),
    (keys.quota, ("o", "s"), "ORG#o", "QUOTA#s"),
    (keys.queued, ("z", "t", 1_780_000_000_123, ("o", "i")), "QUEUE#z#t", "001780000000123#o#i"),
    (keys.queue_returns, ("z", "t"), "QUEUE#z#t", "!"),
    (keys.vm, ("o", "i"), "ORG#o", "VM#i"),
    (partial(keys.vm_listing, ended=False), ("o", "a#i"), "ORG#o", "VMLIVE#a#i"),
    (partial(keys.vm_listing, ended=True), ("o", "a#i"), "ORG#o", "VMENDED#a#i"),
    (keys.ssh_keys, ("o", "s"), "ORG#o", "SSHKEYS#db5bda0c50d94c1eff85bf6c03e67086"),
    (keys.api_key, ("d",), "APIKEY#d", "KEY"),
    (keys.api_key_of, ("o", "d"), "ORG#o", "APIKEY#d"),
    (keys.api_keys_revision, ("o", "s"), "ORG#o", "APIKEYS#db5bda0c50d94c1eff85bf6c03e67086"),
    (keys.recent_request, ("o", "d"), "ORG#o", "REPEAT#d"),
    (keys.on_roster, ("vm01", "i"), "VMS", "vm01#i"),
]


@pytest.mark.parametrize(("key", "names", "pk", "sk"), STORED, ids=[f"{pk} {sk}" for *_, pk, sk in STORED])
def test_an_item_has_the_recorded_key(
    key: Callable[..., keys.Key], names: tuple[Any, ...], pk: str, sk: str
) -> None:
    assert key(*names) == {"pk": {"S": pk}, "sk": {"S": sk}}


def test_domains_and_shards_have_the_recorded_names() -> None:
    assert keys.domain_attribute(17) == "d17"
    assert keys.GPU_TAG_PREFIX == "g"
    assert keys.UNSETTLED_INDEX == "unsettled"
    assert keys.HELD_INDEX == "held"
    assert keys.held_partitions("us-tex-1") == [
        *("us-tex-1#0", "us-tex-1#1", "us-tex-1#2", "us-tex-1#3"),
        *("*#0", "*#1", "*#2", "*#3"),
    ]
    assert keys.unsettled_shards() == ["0", "1", "2", "3", "4", "5", "6", "7"]


@pytest.mark.parametrize(("digits", "shard"), [("0000", "0"), ("0007", "7"), ("0008", "0"), ("efff", "7")])
def test_a_holder_is_in_the_shard_of_its_last_digits(digits: str, shard: str) -> None:
    """Of all four: after a change, schedules would not find existing records."""
    assert keys.unsettled_shard(f"a61b9d5a-701d-4fea-848d-0e345edf{digits}") == shard


@pytest.mark.parametrize(
    ("pk", "sk", "possible"),
    [
        ("p" * 2048, "s" * 1024, True),
        ("p" * 2049, "s", False),
        ("p", "s" * 1025, False),
        ("é" * 1024, "", True),
        ("é" * 1025, "", False),
        ("p", "\ud800", False),
    ],
)
def test_a_key_may_be_as_long_as_dynamodb_accepts(pk: str, sk: str, *, possible: bool) -> None:
    assert keys.can_exist(pk, sk) is possible


def test_queue_entries_sort_by_age_after_the_count_of_returns() -> None:
    places = [keys.queued("z", "t", ms, ("o", "i"))["sk"]["S"] for ms in (9, 10, 10**13, 10**14)]

    assert sorted([*reversed(places), keys.QUEUE_RETURNS_SORT_KEY]) == ["!", *places]


@pytest.mark.parametrize(("digits", "shard"), [("0000", "0"), ("0007", "3"), ("ab0008", "0"), ("efff", "3")])
def test_a_holder_is_listed_in_the_partition_of_its_last_digits(digits: str, shard: str) -> None:
    """Of all four: after a change, the audit would move every existing record."""
    assert keys.held_partition({"us-tex-1"}, digits) == f"us-tex-1#{shard}"
    assert keys.held_partition({"us-tex-1", "uk-lon-1"}, digits) == f"*#{shard}"
