"""No accepted input makes a key that DynamoDB refuses."""

from __future__ import annotations

from inspect import getmembers, isfunction, signature
from typing import Any, Final

import pytest

from gpu_capacity.access import IDENTITY_BYTES_MAX, is_identity
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.dynamodb.writes import Check, Delete, Put, Update, Write
from testkit.dynamodb import MemoryDynamoDB
from testkit.world import HOLDERS, create_tables

IDENTITY: Final = "\N{HANGUL SYLLABLE GAG}" * (IDENTITY_BYTES_MAX // 3)
NAME: Final = "n" * 253
"""The longest text of a request that becomes part of a key; ids of the fleet document have 63 characters."""

LONGEST: Final[dict[str, Any]] = {
    "organization_id": IDENTITY,
    "subject": IDENTITY,
    "holder": (IDENTITY, NAME),
    "caller": (IDENTITY, IDENTITY),
    "created_ms": 10**15 - 1,
    "minute": 10**9,
    "gpu": 63,
}
BUILDERS: Final = {
    name: builder
    for name, builder in getmembers(keys, isfunction)
    if builder.__module__ == keys.__name__
    and signature(builder).return_annotation == "Key"
    and name != "_key"
}


@pytest.mark.parametrize("name", BUILDERS)
def test_a_key_of_the_longest_parts_is_accepted(name: str) -> None:
    parts = {p: LONGEST.get(p, NAME) for p in signature(BUILDERS[name]).parameters}

    key = BUILDERS[name](**parts)

    assert keys.can_exist(key["pk"]["S"], key["sk"]["S"])


@pytest.mark.parametrize(
    ("text", "can_be"),
    [
        ("a" * IDENTITY_BYTES_MAX, True),
        ("a" * (IDENTITY_BYTES_MAX + 1), False),
        (IDENTITY, True),
        (IDENTITY + "a", False),
        ("", False),
        ("\ud800", False),
        ("jo\nadmin", False),
        ("\x1b[2J", False),
        ("jo\N{RIGHT-TO-LEFT OVERRIDE}nimda", False),
        ("jo\x00", False),
        ("Jo Ü. 用户", True),
    ],
)
def test_identities_are_limited_in_bytes_and_printable(text: str, *, can_be: bool) -> None:
    assert is_identity(text) is can_be


LONG: Final = {"pk": {"S": "p" * (keys.PARTITION_KEY_BYTES_MAX + 1)}, "sk": {"S": "s"}}
WRITES: Final = [
    Put("a", HOLDERS, LONG | encode({"n": 1})),
    Update("a", HOLDERS, LONG, "SET n = :n", None, {}, {":n": {"N": "1"}}),
    Delete("a", HOLDERS, LONG),
    Check("a", HOLDERS, LONG, "attribute_exists(pk)"),
]


@pytest.mark.parametrize("write", WRITES, ids=lambda write: type(write).__name__)
def test_a_write_under_an_invalid_key_raises_and_is_not_sent(write: Write) -> None:
    db = MemoryDynamoDB()
    create_tables(db)

    with pytest.raises(ValueError, match="longer than a key can be"):
        Database(db).commit(write)
    assert sum(db.requests.values()) == db.requests["create_table"]
