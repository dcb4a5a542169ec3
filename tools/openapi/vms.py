"""Texts of the VM API. Names follow the published contract; errors are ``{"detail": …}``."""

from __future__ import annotations

from typing import Final

from gpu_capacity.accounts.api import models as accounts
from gpu_capacity.vms.api import models
from gpu_capacity.vms.api.error_models import DetailRead
from tools.openapi import creating, events
from tools.openapi import vm_examples as examples
from tools.openapi.description import (
    Answer,
    ApiText,
    Json,
    OperationText,
    in_header,
    in_path,
    in_query,
    repeated,
)

_VMS: Final = "VMs"
_ACCOUNT: Final = "SSH keys"
_API_KEYS: Final = "API keys"
_PRICES: Final = "Prices"

_PARAMETERS: Final[dict[str, Json]] = {
    **creating.PARAMETERS,
    "idParameter": in_path("id", "The id, as shown in a response.", format="uuid"),
    "apiKeyIdParameter": in_path("id", "The id, as shown in the list or when the key was made."),
    "limitParameter": in_query(
        "limit", "How many at most.", type="integer", minimum=1, maximum=models.PAGE_MAX, default=50
    ),
    "offsetParameter": in_query(
        "offset", "How many to pass over.", type="integer", minimum=0, maximum=models.OFFSET_MAX, default=0
    ),
    "statusParameter": repeated(
        "status", "Only VMs of this status; may be repeated.", {"$ref": "#/components/schemas/VmStatus"}
    ),
    "gpuTypeParameter": in_query(
        "gpu_type", "Only offers of this GPU type.", minLength=1, maxLength=models.WORD_LENGTH_MAX
    ),
    "gpuCountParameter": in_query(
        "gpu_count", "Only offers of this size.", type="integer", minimum=1, maximum=8
    ),
    "vmOrganizationIdHeader": in_header(
        "X-Organization-Id", "For whom; needed where the token names several organizations."
    ),
}


def _error(description: str, detail: object, *headers: str) -> Answer:
    return Answer(description, DetailRead, example={"detail": detail}, headers=headers)


_ERRORS: Final = {
    400: (
        "vmRefused",
        _error(
            "The node has no room, the status does not allow it, or a referenced resource does not exist.",
            "a VM that is stopped cannot be stopped",
        ),
    ),
    401: (
        "vmUnauthenticated",
        _error(
            "There is no credential, or it does not verify, or the API key was revoked; the text says which.",
            "authentication failed: the API key was revoked",
            "WWW-Authenticate",
        ),
    ),
    403: (
        "vmForbidden",
        _error(
            "The credential lacks the permission that this needs, or is not of the organization named; or "
            "the organization's quota is reached, and then `quota` has the figures.",
            "permission denied: this needs the permission vms:write",
        ),
    ),
    404: (
        "vmNotFound",
        _error("The resource does not exist or is hidden from the caller.", "the VM does not exist"),
    ),
    409: (
        "vmConflict",
        _error(
            "The idempotency key was used with another request.",
            f"the idempotency key was used with another request, which made {examples.ID}",
        ),
    ),
    422: (
        "vmInvalid",
        _error(
            "The request is malformed; lists each place and the problem there.",
            [{"loc": ["body", "gpu_count"], "msg": "Input should be 1, 2, 4 or 8", "type": "literal_error"}],
        ),
    ),
    429: (
        "vmRateLimited",
        _error(
            "The requests of this minute are used up.", "too many requests: wait, then go on", "Retry-After"
        ),
    ),
    500: (
        "vmInternal",
        _error(
            "Nothing is known to be wrong with the request. With Retry-After it was not decided; without, "
            "please report the trace id.",
            "the request was not decided: try again",
            "Retry-After",
        ),
    ),
}

_ONE: Final = Answer("The VM.", models.VmRead, example=examples.VM)
_NEXT: Final = dict.fromkeys(("get_vm", "start_vm", "stop_vm", "destroy_vm"), ("id", "$response.body#/id"))
_LATER: Final = {"delete_ssh_key": ("id", "$response.body#/id")}
_ORGANIZATION: Final = ("vmOrganizationIdHeader",)
_OF_ONE: Final = ("idParameter", "vmOrganizationIdHeader")


def _action(summary: str, description: str, *errors: int) -> OperationText:
    return OperationText(
        tag=_VMS,
        summary=summary,
        description=description,
        parameters=_OF_ONE,
        answers={200: _ONE},
        errors=(*errors, 401, 403, 404, 422, 429, 500),
    )


VMS: Final = ApiText(
    tags={
        _VMS: "Slices of one node's GPUs: on demand, reserved for a term, or interruptible.",
        _ACCOUNT: "SSH keys of the account, at most five.",
        _API_KEYS: "API keys of the account, at most twenty: made, listed and deleted with an access token.",
        _PRICES: "What is free and what it costs.",
    },
    parameters=_PARAMETERS,
    errors=_ERRORS,
    schema_names=events.SCHEMA_NAMES,
    operations={
        "create_vm": OperationText(
            tag=_VMS,
            summary="Create VM",
            description="Rents 1, 2, 4 or 8 GPUs of one node. On-demand and reserved VMs preempt "
            "interruptible ones where the node is full.",
            parameters=(*creating.NAMES, *_ORGANIZATION),
            request=models.VmCreate,
            request_example=examples.REQUEST,
            answers={
                200: Answer("Only with dryRun: the VM as it would be.", models.VmRead, example=examples.VM),
                201: Answer("VM creation started.", models.VmRead, example=examples.VM, links=_NEXT),
            },
            errors=(400, 401, 403, 409, 422, 429, 500),
        ),
        "list_vms": OperationText(
            tag=_VMS,
            summary="List VMs",
            description="Lists the organization's VMs, newest first, destroyed ones included as long as they "
            "are kept. A full page has a Link to the next one.",
            parameters=(
                *("limitParameter", "offsetParameter", "statusParameter", "pageCursorParameter"),
                *_ORGANIZATION,
            ),
            answers={200: Answer("VMs.", models.VmRead, many=True, example=[examples.VM], headers=("Link",))},
            errors=(401, 403, 422, 429, 500),
        ),
        "get_vm": _action("Get VM", "Shows one VM."),
        "list_vm_events": events.of_vm(_VMS, *_OF_ONE),
        "start_vm": _action("Start VM", "Starts a stopped or interrupted VM on its node.", 400),
        "stop_vm": _action("Stop VM", "Stops a running VM; its disk stays.", 400),
        "destroy_vm": _action("Destroy VM", "Destroys a VM and its disk permanently."),
        "calculate_reservation": OperationText(
            tag=_PRICES,
            summary="Calculate reservation",
            description="Calculates what a reserved rental would cost. Nothing is written.",
            parameters=_ORGANIZATION,
            request=models.CalculateReservation,
            request_example={
                "gpu_type": "5090",
                "gpu_count": 2,
                "storage_gb": 100,
                "reservation_months": 3,
            },
            answers={
                200: Answer(
                    "The quote.",
                    models.QuoteRead,
                    example={
                        "discount_percent": 10.0,
                        "deposit_required": 916.88,
                        "monthly_cost": 916.88,
                        "hourly_rate_after_discount": 1.256,
                        "cancellation_fee_25_percent": 687.66,
                    },
                )
            },
            errors=(400, 401, 403, 422, 429, 500),
        ),
        "search_offers": OperationText(
            tag=_PRICES,
            summary="Search offers",
            description="Lists the free slices of each node in regions that are open to all.",
            parameters=("gpuTypeParameter", "gpuCountParameter"),
            answers={
                200: Answer(
                    "Offers.",
                    models.OfferRead,
                    many=True,
                    example=[
                        {
                            "node": "vm05",
                            "gpu_type": "4090",
                            "gpu_count": 8,
                            "gpu_ram_mb": 24576,
                            "gpu_price_hourly": 0.39,
                            "interruptible_rate": 0.156,
                            "available": 1,
                            "location": "eu-ams-1",
                        }
                    ],
                )
            },
            errors=(422, 429, 500),
        ),
        "get_pricing": OperationText(
            tag=_PRICES,
            summary="Get pricing",
            description="Lists the price of one GPU for an hour, by GPU type.",
            answers={
                200: Answer(
                    "The list prices.", models.PricingRead, example={"gpus": {"4090": 0.39, "5090": 0.69}}
                )
            },
            errors=(422, 429, 500),
        ),
        "list_vm_quotas": OperationText(
            tag=_VMS,
            summary="List quotas",
            description="Lists the limits of the organization on VMs and on their GPUs, and what is used of "
            "them. Subjects without a limit are omitted.",
            parameters=_ORGANIZATION,
            answers={
                200: Answer(
                    "Quotas.",
                    accounts.VmQuotaRead,
                    many=True,
                    example=[{"subject": "vm_gpus", "limit": 40, "used": 12}],
                )
            },
            errors=(401, 403, 422, 429, 500),
        ),
        "list_templates": OperationText(
            tag=_VMS,
            summary="List templates",
            description="Lists the templates that the disk of a VM can be cloned from.",
            parameters=_ORGANIZATION,
            answers={
                200: Answer(
                    "Templates.",
                    models.TemplateRead,
                    many=True,
                    example=[{"id": 101, "name": "Ubuntu 24.04", "os": "Ubuntu 24.04", "login": "ubuntu"}],
                )
            },
            errors=(401, 403, 422, 429, 500),
        ),
        "create_ssh_key": OperationText(
            tag=_ACCOUNT,
            summary="Create SSH key",
            description="Adds a public key to the account: Ed25519, ECDSA, or RSA from 2048 bits.",
            parameters=_ORGANIZATION,
            request=accounts.SshKeyCreate,
            request_example={"label": "laptop", "ssh_public_key": examples.PUBLIC_KEY},
            answers={201: Answer("The key.", accounts.SshKeyRead, example=examples.KEY, links=_LATER)},
            errors=(400, 401, 403, 422, 429, 500),
        ),
        "list_ssh_keys": OperationText(
            tag=_ACCOUNT,
            summary="List SSH keys",
            description="Lists the keys of the account, oldest first.",
            parameters=_ORGANIZATION,
            answers={200: Answer("Keys.", accounts.SshKeyRead, many=True, example=[examples.KEY])},
            errors=(401, 403, 422, 429, 500),
        ),
        "delete_ssh_key": OperationText(
            tag=_ACCOUNT,
            summary="Delete SSH key",
            description="Deletes a key of the account; VMs that have it keep it.",
            parameters=_OF_ONE,
            answers={200: Answer("The deleted key.", accounts.SshKeyRead, example=examples.KEY)},
            errors=(401, 403, 404, 422, 429, 500),
        ),
        "create_api_key": OperationText(
            tag=_API_KEYS,
            summary="Create API key",
            description="Creates an API key for the account; only this answer shows it. It may do what any "
            "one of its scopes allows, and no more than the access token that creates it.",
            parameters=_ORGANIZATION,
            request=accounts.ApiKeyCreate,
            request_example={"name": "dashboards", "scopes": ["read_only"]},
            answers={201: Answer("The key.", accounts.ApiKeyCreated, example=examples.NEW_API_KEY)},
            errors=(400, 401, 403, 422, 429, 500),
        ),
        "list_api_keys": OperationText(
            tag=_API_KEYS,
            summary="List API keys",
            description="Lists the API keys of the account, oldest first, without the keys themselves.",
            parameters=_ORGANIZATION,
            answers={200: Answer("Keys.", accounts.ApiKeyRead, many=True, example=[examples.API_KEY])},
            errors=(401, 403, 422, 429, 500),
        ),
        "delete_api_key": OperationText(
            tag=_API_KEYS,
            summary="Delete API key",
            description="Deletes an API key of the account: requests with it are refused from then on.",
            parameters=("apiKeyIdParameter", *_ORGANIZATION),
            answers={200: Answer("The deleted key.", accounts.ApiKeyRead, example=examples.API_KEY)},
            errors=(401, 403, 404, 422, 429, 500),
        ),
    },
)
