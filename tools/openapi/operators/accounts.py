"""Quotas and API keys of organizations in words."""

from __future__ import annotations

from typing import Final

from gpu_capacity.operations.api.api_keys import (
    OperatorApiKeyBody,
    OperatorApiKeyMadeRead,
    OperatorApiKeyRead,
)
from gpu_capacity.operations.api.quotas import (
    OperatorQuotaBody,
    OperatorQuotaChangeRead,
    OperatorQuotaRead,
)
from tools.openapi.description import Answer, Json, OperationText, in_path
from tools.openapi.operators.tag import OPERATORS_TAG

PARAMETERS: Final[dict[str, Json]] = {
    "operatedOrganizationIDParameter": in_path(
        "organizationID", "The organization's id, as tokens name it.", minLength=1, maxLength=255
    ),
    "quotaSubjectParameter": in_path(
        "subject", "An accelerator, `instances`, `placement_servers`, `vms` or `vm_gpus`."
    ),
    "apiKeyIDParameter": in_path("keyID", "The API key's id."),
}

_ORGANIZATION: Final = "a1b2c3d4-0000-4000-8000-000000000001"
_QUOTA: Final[Json] = {
    "organizationId": _ORGANIZATION,
    "subject": "GB300",
    "limit": 16,
    "used": 4,
    "isDefault": False,
}
_KEY: Final[Json] = {
    "id": "0123456789abcdef",
    "organizationId": _ORGANIZATION,
    "subject": "john.doe@example.com",
    "name": "Primary Key",
    "scopes": ["read_write"],
    "creationTime": "2026-11-30T09:30:00Z",
    "lastFour": "Zx9-",
}

OPERATIONS: Final = {
    "list_operator_quotas": OperationText(
        tag=OPERATORS_TAG,
        summary="List quotas of an organization",
        description="Lists the subjects that are limited for an organization.",
        parameters=("operatedOrganizationIDParameter",),
        answers={200: Answer("The quotas.", OperatorQuotaRead, many=True, example=[_QUOTA])},
        errors=(400, 401, 403, 500),
    ),
    "set_operator_quota": OperationText(
        tag=OPERATORS_TAG,
        summary="Set a quota",
        description="Limits how much of a subject an organization may have. Its holders are counted first, "
        "so the limit is exact from then on; what exceeds it stays. After a 500 with Retry-After send it "
        "again.",
        parameters=("operatedOrganizationIDParameter", "quotaSubjectParameter"),
        request=OperatorQuotaBody,
        request_example={"limit": 16},
        answers={
            200: Answer("The quota.", OperatorQuotaChangeRead, example={**_QUOTA, "countedIn": 1}),
        },
        errors=(400, 401, 403, 413, 415, 500),
    ),
    "list_operator_api_keys": OperationText(
        tag=OPERATORS_TAG,
        summary="List API keys of an organization",
        description="Lists the API keys of all accounts of an organization, oldest first.",
        parameters=("operatedOrganizationIDParameter",),
        answers={200: Answer("The keys.", OperatorApiKeyRead, many=True, example=[_KEY])},
        errors=(400, 401, 403, 500),
    ),
    "make_operator_api_key": OperationText(
        tag=OPERATORS_TAG,
        summary="Make an API key",
        description="Makes an API key for an account. The key is shown this once.",
        parameters=("operatedOrganizationIDParameter",),
        request=OperatorApiKeyBody,
        request_example={"subject": "john.doe@example.com", "scopes": ["read_only"]},
        answers={201: Answer("The key.", OperatorApiKeyMadeRead, example={**_KEY, "key": "nv_…"})},
        errors=(400, 401, 403, 409, 413, 415, 500),
    ),
    "revoke_operator_api_key": OperationText(
        tag=OPERATORS_TAG,
        summary="Revoke an API key",
        description="Deletes an API key of an organization. It is no longer valid.",
        parameters=("operatedOrganizationIDParameter", "apiKeyIDParameter"),
        answers={200: Answer("The key that was revoked.", OperatorApiKeyRead, example=_KEY)},
        errors=(400, 401, 403, 404, 500),
    ),
}
