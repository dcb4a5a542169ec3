"""Items of claims: encoding, decoding, and the largest claim fits into one item."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from gpu_capacity.capacity_claims.items import decode_claim, encode_claim
from gpu_capacity.capacity_claims.record import (
    INSTANCES_MAX,
    ZONES_MAX,
    Allocation,
    CapacityClaim,
    ClaimStatus,
    ZoneReason,
    conditions_of,
)
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import decode
from gpu_capacity.dynamodb.tombstones import encode_tombstone
from testkit.claims import LONDON, NOW, owned, record
from testkit.dynamodb.sizes import item_bytes
from testkit.searching import examples
from tests.capacity_claims.test_claim_rules import claims

ITEM_BYTES_MAX = 400 * 1024
LONGEST = "x" * 63


@given(claims)
@examples(100)
def test_a_record_is_read_as_it_was_written(claim: CapacityClaim) -> None:
    claim = replace(claim, conditions=conditions_of(claim, {}, NOW)).with_hosts(())
    assert decode_claim(decode(encode_claim(claim))) == claim


@pytest.mark.parametrize("unsettled", [None, NOW])
def test_a_record_is_in_the_index_exactly_while_it_is_unsettled(unsettled: int | None) -> None:
    item = encode_claim(record(1, unsettled_since=unsettled))
    assert ("unsettled" in item, "unsettled_since" in item) == (unsettled is not None,) * 2


def test_the_largest_claim_fits_into_an_item_even_when_spread_over_the_most_domains() -> None:
    zones = tuple(f"{n:02}{LONGEST}"[:63] for n in range(ZONES_MAX))
    spread = (
        Allocation(zones[n % ZONES_MAX], LONGEST, f"{n:04}{LONGEST}"[:63], 999, 1 << 63)
        for n in range(INSTANCES_MAX)
    )
    claim = record(
        INSTANCES_MAX,
        *spread,
        zones=zones,
        instance_id="i" * 253,
        name="n" * 63,
        created_by="c" * 2048,
        status=ClaimStatus.UPDATING,
        unsettled_since=NOW,
    )
    reasons = dict.fromkeys(zones, ZoneReason.BEHIND_OLDER)
    claim = replace(claim, conditions=conditions_of(claim, reasons, NOW))
    assert item_bytes(encode_claim(claim)) < ITEM_BYTES_MAX


def test_a_tombstone_keeps_the_fingerprint_for_a_day_and_no_customer_data() -> None:
    claim = record(1, owned(LONDON, "a", 0, 1), fingerprint="f" * 32)
    key = keys.capacity_claim(claim.organization_id, claim.id)
    item = decode(encode_tombstone(key, claim.fingerprint, NOW))
    assert item.keys() == {"pk", "sk", "status", "fingerprint", "ttl_sweep_at"}
    assert item["ttl_sweep_at"] == NOW + 86_400
