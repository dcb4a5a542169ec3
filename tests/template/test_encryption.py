"""Encryption: each key admits every service that uses its targets."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.template.loading import chosen, listed, resources, template

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY: Final = "CustomerMasterKey"
KEY_PROPERTIES: Final = {"KmsKeyId", "KMSMasterKeyId", "KmsMasterKeyId", "KMSMasterKeyID", "KmsKeyArn"}
"""As the resource types spell it."""

CLOUDWATCH: Final = "cloudwatch.amazonaws.com"
LOGS: Final = "logs.${AWS::Region}.amazonaws.com"
ACCOUNT: Final = {"Ref": "AWS::AccountId"}

# Which service writes to a target of a type (or reads from it for its callers), and which statement of the
# key
# admits it. A new type has to be classified before it may have a key.
ADMITTED: Final = {
    "AWS::SNS::Topic": (CLOUDWATCH, {"kms:Decrypt", "kms:GenerateDataKey"}),
    "AWS::Logs::LogGroup": (
        LOGS,
        {"kms:Encrypt", "kms:Decrypt", "kms:ReEncryptTo", "kms:ReEncryptFrom", "kms:GenerateDataKey"},
    ),
    "AWS::DynamoDB::Table": (
        "dynamodb.${AWS::Region}.amazonaws.com",
        {"kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant", "kms:DescribeKey"},
    ),
}


def _keys(value: Any) -> Iterator[Any]:
    """Every key that any part of a resource names."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name in KEY_PROPERTIES:
                yield part
            else:
                yield from _keys(part)
    elif isinstance(value, list):
        for part in value:
            yield from _keys(part)


def _encrypted(*, own_key: bool) -> dict[str, list[Any]]:
    """The keys of every resource that names one, by logical id."""
    found = {
        name: list(_keys(chosen(resource.get("Properties", {}), **_everything(OwnKey=own_key))))
        for name, resource in template()["Resources"].items()
    }
    return {name: keys for name, keys in found.items() if keys}


def _everything(**conditions: bool) -> dict[str, bool]:
    """Every condition of the template as true, except for those given."""
    return dict.fromkeys(template()["Conditions"], True) | conditions


def _statements() -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = resources("AWS::KMS::Key")[KEY]["KeyPolicy"]["Statement"]
    return statements


def _admits(service: str) -> list[dict[str, Any]]:
    """The statements that admit a service: as itself, or for the callers of this account."""
    return [
        statement
        for statement in _statements()
        if _text(statement["Principal"].get("Service")) == service
        or _text(statement.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService")) == service
    ]


def _text(value: Any) -> str | None:
    return value.get("Fn::Sub") if isinstance(value, dict) else value


def test_by_default_nothing_is_encrypted_with_a_billed_key() -> None:
    assert _encrypted(own_key=False) == {}
    assert template()["Parameters"]["CustomerKey"]["Default"] == "false"
    for name, table in resources("AWS::DynamoDB::Table").items():
        # True without a key means the managed one, which is billed for every call.
        assert chosen(table["SSESpecification"], OwnKey=False) == {"SSEEnabled": False}, name


def test_every_resource_with_customer_names_is_encrypted_with_the_customer_key() -> None:
    kinds = ("AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::SNS::Topic")
    assert set(_encrypted(own_key=True)) == {name for kind in kinds for name in resources(kind)}


@pytest.mark.parametrize("name", sorted(_encrypted(own_key=True)))
def test_the_key_of_a_target_admits_the_service_that_writes_to_it(name: str) -> None:
    service, actions = ADMITTED[template()["Resources"][name]["Type"]]
    for key in _encrypted(own_key=True)[name]:
        # Not by an alias: the policy of a managed key (alias/aws/...) can never admit another service.
        assert key in ({"Ref": KEY}, {"Fn::GetAtt": [KEY, "Arn"]})
    patterns = [action for statement in _admits(service) for action in listed(statement["Action"])]
    assert not [a for a in actions if not any(fnmatchcase(a, pattern) for pattern in patterns)]


def test_the_key_can_be_used_by_this_account_only() -> None:
    for statement in _statements():
        if statement["Principal"] == {
            "AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
        }:
            continue
        equal = statement["Condition"].get("StringEquals", {})
        alike = [str(_text(arn)) for arn in statement["Condition"].get("ArnLike", {}).values()]
        of_this_account = [arn for arn in alike if ":${AWS::AccountId}:" in arn]
        assert of_this_account == alike
        assert of_this_account or equal["kms:CallerAccount"] == ACCOUNT


def test_cloudwatch_is_admitted_by_conditions_that_its_requests_meet() -> None:
    """It calls as itself: the account of the caller is not this one, that of the alarm is."""
    (statement,) = _admits(CLOUDWATCH)
    assert statement["Condition"].keys() == {"StringEquals", "ArnLike"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    assert list(statement["Condition"]["ArnLike"]) == ["aws:SourceArn"]


def test_the_key_is_retained_like_the_data_it_encrypts() -> None:
    key = template()["Resources"][KEY]
    assert key["DeletionPolicy"] == key["UpdateReplacePolicy"] == "Retain"
    assert key["Properties"]["EnableKeyRotation"] is True


def test_queues_and_buckets_are_encrypted_by_their_own_service() -> None:
    """Such keys have no policy: a caller who may send a message or put a fleet document needs no further
    permission.
    """
    for queue in resources("AWS::SQS::Queue").values():
        assert queue["SqsManagedSseEnabled"] is True
    for bucket in resources("AWS::S3::Bucket").values():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
