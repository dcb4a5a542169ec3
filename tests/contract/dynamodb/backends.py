"""A DynamoDB client with an empty table of its own, and short methods for tests."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from typing import Any, Literal

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "us-east-1"

# A real service updates its indexes after the write; the emulators do at once.
INDEX_READS_MAX = 200


@dataclass(frozen=True)
class Backend:
    """A DynamoDB client and an empty table of its own.

    The table has keys `pk` and `sk` (strings), and the sparse indexes `by_kind` (`kind`, `sort_n` a number,
    KEYS_ONLY), `by_owner` (`owned_by`, `sk`, ALL) and `by_place` (`place`, INCLUDE `colour`).
    """

    name: str
    client: Any
    table: str

    def put(self, pk: str, sk: str, **attributes: Any) -> None:
        """Store an item without a condition."""
        self.client.put_item(TableName=self.table, Item={"pk": {"S": pk}, "sk": {"S": sk}, **attributes})

    def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        """Read an item, strongly consistent."""
        response = self.client.get_item(TableName=self.table, Key=key(pk, sk), ConsistentRead=True)
        found: dict[str, Any] | None = response.get("Item")
        return found

    def query(self, expression: str, values: dict[str, Any], **parameters: Any) -> dict[str, Any]:
        """One page of a strongly consistent query of the table."""
        response: dict[str, Any] = self.client.query(
            TableName=self.table,
            ConsistentRead=True,
            KeyConditionExpression=expression,
            ExpressionAttributeValues=values,
            **parameters,
        )
        return response

    def index_items(self, index: str, condition: str, value: str, *, count: int) -> list[dict[str, Any]]:
        """The items of one partition of an index, read again until there are as many as expected."""
        items: list[dict[str, Any]] = []
        for _ in range(INDEX_READS_MAX if self.name == "endpoint" else 1):
            items = self.client.query(
                TableName=self.table,
                IndexName=index,
                KeyConditionExpression=condition,
                ExpressionAttributeValues={":v": {"S": value}},
            )["Items"]
            if len(items) == count:
                break
        return items

    def refused(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """The error response of a call on this table that must be refused."""
        if operation != "transact_write_items":
            parameters["TableName"] = self.table
        with pytest.raises(ClientError) as caught:
            getattr(self.client, operation)(**parameters)
        response: dict[str, Any] = dict(caught.value.response)
        return response

    def refusal_code(self, operation: str, **parameters: Any) -> str:
        """The error code of a call on this table that must be refused."""
        code: str = self.refused(operation, **parameters)["Error"]["Code"]
        return code

    def statement(self, kind: str, pk: str, sk: str, **parameters: Any) -> dict[str, Any]:
        """One statement of a transaction on this table."""
        target = {"Key": key(pk, sk)} if kind != "Put" else {}
        return {kind: {"TableName": self.table, **target, **parameters}}

    def put_statement(
        self, pk: str, sk: str, attributes: dict[str, Any], **parameters: Any
    ) -> dict[str, Any]:
        """A Put of a transaction on this table."""
        item = {**key(pk, sk), **attributes}
        return self.statement("Put", pk, sk, Item=item, **parameters)


def key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def but(*values: Any, **reasons: str) -> Any:
    """A parameter set that the named backends fail, each for the reason given."""
    return pytest.param(*values, marks=pytest.mark.deviates(**reasons))


def boto3_client(endpoint: str | None, service: Literal["dynamodb", "stepfunctions"] = "dynamodb") -> Any:
    # Without retries, so that a refusal is returned immediately.
    config = Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=20)
    credentials: dict[str, Any] = {}
    if "AWS_ACCESS_KEY_ID" not in os.environ:
        credentials = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    region = os.environ.get("AWS_REGION", REGION)
    return boto3.client(service, region_name=region, endpoint_url=endpoint, config=config, **credentials)


def with_table(name: str, client: Any) -> Backend:
    table = f"contract-{uuid.uuid4().hex}"
    client.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=_keys("pk", "sk"),
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": kind}
            for attribute, kind in {
                "pk": "S",
                "sk": "S",
                "kind": "S",
                "sort_n": "N",
                "owned_by": "S",
                "place": "S",
            }.items()
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_kind",
                "KeySchema": _keys("kind", "sort_n"),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
            {
                "IndexName": "by_owner",
                "KeySchema": _keys("owned_by", "sk"),
                "Projection": {"ProjectionType": "ALL"},
            },
            {
                "IndexName": "by_place",
                "KeySchema": _keys("place"),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["colour"]},
            },
        ],
    )
    if name == "endpoint":
        client.get_waiter("table_exists").wait(TableName=table)
    return Backend(name, client, table)


def _keys(hash_name: str, range_name: str | None = None) -> list[dict[str, str]]:
    keys = [{"AttributeName": hash_name, "KeyType": "HASH"}]
    if range_name is not None:
        keys.append({"AttributeName": range_name, "KeyType": "RANGE"})
    return keys
