"""Tables and the bucket: retained, encrypted, recoverable, and with the schema that the code expects."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.tombstones import TTL_ATTRIBUTE
from testkit.dynamodb import MemoryDynamoDB
from testkit.world import HISTORY, HOLDERS, INVENTORY, SERVERS, create_tables
from tests.template.loading import resources, template

TABLES = resources("AWS::DynamoDB::Table")
KEPT = [*TABLES, *resources("AWS::S3::Bucket")]


def test_the_template_has_the_four_tables_that_the_code_uses() -> None:
    assert sorted(TABLES) == ["HistoryTable", "HoldersTable", "InventoryTable", "ServersTable"]


@pytest.mark.parametrize("name", KEPT)
def test_data_is_retained_when_the_stack_is_deleted(name: str) -> None:
    resource = template()["Resources"][name]
    assert resource["DeletionPolicy"] == "Retain"
    assert resource["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_recoverable_encrypted_and_protected(name: str) -> None:
    table = TABLES[name]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert "SSESpecification" in table  # tests/template/test_encryption.py checks which key
    assert table["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
    assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_tables_are_protected_against_deletion_by_default() -> None:
    assert template()["Parameters"]["DeletionProtection"]["Default"] == "true"


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("InventoryTable", INVENTORY),
        ("HoldersTable", HOLDERS),
        ("ServersTable", SERVERS),
        ("HistoryTable", HISTORY),
    ],
)
def test_a_table_has_the_keys_and_indexes_of_the_test_tables(name: str, table: str) -> None:
    db = MemoryDynamoDB()
    create_tables(db)
    tested = db.describe_table(TableName=table)["Table"]
    deployed = TABLES[name]
    assert deployed["KeySchema"] == tested["KeySchema"]
    assert _sorted(deployed["AttributeDefinitions"]) == _sorted(tested["AttributeDefinitions"])
    indexes = [
        {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
        for index in tested.get("GlobalSecondaryIndexes", [])
    ]
    assert deployed.get("GlobalSecondaryIndexes", []) == indexes


def test_the_indexes_are_those_that_reconcile_and_operators_read() -> None:
    indexes = TABLES["HoldersTable"]["GlobalSecondaryIndexes"]
    assert [index["IndexName"] for index in indexes] == [keys.UNSETTLED_INDEX, keys.HELD_INDEX]


@pytest.mark.parametrize("name", ["HoldersTable", "ServersTable", "HistoryTable"])
def test_items_with_an_end_expire(name: str) -> None:
    assert TABLES[name]["TimeToLiveSpecification"] == {"AttributeName": TTL_ATTRIBUTE, "Enabled": True}


def test_the_bucket_is_private_encrypted_and_versioned() -> None:
    (bucket,) = resources("AWS::S3::Bucket").values()
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def _sorted(definitions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(definitions, key=lambda definition: str(definition["AttributeName"]))
