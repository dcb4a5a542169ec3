"""The expected response to each event file of the capacity claims."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.http.operations import CLAIMS as CLAIMS_PATH
from gpu_capacity.http.operations import OPERATIONS
from testkit.handlers import claim_stage as given
from testkit.handlers.arrangements import sample
from testkit.handlers.sample_events import REFUSED, refusals
from tests.capacity_claims.claim_contract import CLAIM, CLAIMS, EVENTS, PARAMETERS, QUOTAS, STATUS
from tests.functional.task_cases import TaskCase, outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testkit.handlers.stage import Stage


@dataclass(frozen=True)
class ClaimCase:
    """An event file, the state before it, and the expected response.

    ``figures`` are status, allocated and pending; ``code`` is the gRPC code and ``detail`` the type of the
    first detail.
    """

    function: str
    event: str
    after: Callable[[Stage], None]
    http: int
    schema: dict[str, Any]
    figures: tuple[str, int, int] | None = None
    code: int | None = None
    detail: str | None = None
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.function}/{self.event}-after-{self.after.__name__}"


_QUOTAS: Final = "list_capacity_claim_quotas"
_EVENTS: Final = "list_capacity_claim_events"
_CREATE, _GET, _LIST, _PARAMETERS, _UPDATE, _DELETE = (
    "create_capacity_claim",
    "get_capacity_claim",
    "list_capacity_claims",
    "list_capacity_claim_parameters",
    "update_capacity_claim",
    "delete_capacity_claim",
)


def _claim(function: str, event: str, after: Callable[[Stage], None], *figures: str | int) -> ClaimCase:
    return ClaimCase(function, event, after, 200, CLAIM, figures=figures)  # type: ignore[arg-type]


def _no(
    function: str,
    event: str,
    after: Callable[[Stage], None],
    http: int,
    code: int,
    detail: str = "RequestInfo",
    *fields: str,
) -> ClaimCase:
    return ClaimCase(function, event, after, http, STATUS, code=code, detail=detail, fields=fields)


def _bad(function: str, event: str, after: Callable[[Stage], None], *fields: str) -> ClaimCase:
    return _no(function, event, after, 400, 3, "BadRequest", *fields)


def _refusals() -> Iterator[ClaimCase]:
    """What every operation refuses."""
    codes = {401: 16, 403: 7, 404: 5}
    for operation in OPERATIONS.values():
        if operation.path.startswith(CLAIMS_PATH):
            for case in refusals(operation.name):
                status = REFUSED[case]
                detail = "ResourceInfo" if status == 404 else "RequestInfo"
                yield _no(operation.name, case, given.claimed, status, codes[status], detail)


CLAIM_CASES: Final = (
    _claim(_CREATE, "full", sample, "READY", 10, 0),
    _claim(_CREATE, "full", given.claimed, "READY", 10, 0),
    _claim(_CREATE, "full", given.waiting, "CREATING", 0, 10),
    _claim(_CREATE, "full", given.shrunk, "READY", 2, 0),
    _claim(_CREATE, "full", given.deleted, "DELETING", 10, 0),
    _no(_CREATE, "full", given.gone, 409, 6, "ResourceInfo"),
    _claim(_CREATE, "accepted_minimal", given.claimed, "READY", 10, 0),
    _claim(_CREATE, "accepted_base64", sample, "READY", 10, 0),
    _claim(_CREATE, "accepted_for_organization", sample, "READY", 10, 0),
    _no(_CREATE, "id_reused", given.claimed, 409, 6, "ResourceInfo"),
    _no(_CREATE, "name_taken", given.claimed, 409, 6, "ResourceInfo"),
    _claim(_CREATE, "name_taken", given.gone, "READY", 10, 0),
    _bad(_CREATE, "id_malformed", sample, "id"),
    _bad(
        _CREATE,
        "body_invalid",
        sample,
        "resources.instance_id",
        "resources.instance_count",
        "resources.zones",
        "resources.capacity_type",
        "name",
    ),
    _no(_CREATE, "body_not_json", sample, 400, 3),
    _no(_CREATE, "body_too_large", sample, 413, 3),
    _no(_CREATE, "content_type_wrong", sample, 415, 3),
    _bad(_CREATE, "capacity_type_unspecified", sample, "resources.capacity_type"),
    _bad(_CREATE, "zone_unknown", sample, "resources.zones[1]"),
    _bad(_CREATE, "instance_unknown", sample, "resources.instance_id"),
    _no(_CREATE, "full", given.limited, 429, 8, "QuotaFailure"),
    _no(_CREATE, "organization_of_others", sample, 403, 7),
    _no(_CREATE, "token_expired", sample, 401, 16),
    _claim(_GET, "found", given.claimed, "READY", 10, 0),
    _claim(_GET, "found", given.waiting, "CREATING", 0, 10),
    _claim(_GET, "found", given.deleted, "DELETING", 10, 0),
    _claim(_GET, "found", given.drained, "DELETING", 0, 10),
    _no(_GET, "found", given.gone, 404, 5, "ResourceInfo"),
    _claim(_GET, "found_upper_case", given.claimed, "READY", 10, 0),
    ClaimCase(_EVENTS, "all", given.claimed, 200, EVENTS),
    ClaimCase(_EVENTS, "all", given.told, 200, EVENTS),
    ClaimCase(_EVENTS, "page", given.told, 200, EVENTS),
    _no(_EVENTS, "all", given.gone, 404, 5, "ResourceInfo"),
    ClaimCase(_LIST, "all", given.claimed, 200, CLAIMS),
    ClaimCase(_LIST, "all", given.gone, 200, CLAIMS),
    ClaimCase(_LIST, "updated_after", given.shrunk, 200, CLAIMS),
    ClaimCase(_LIST, "nothing_visible", given.claimed, 200, CLAIMS),
    _bad(_LIST, "updated_after_malformed", given.claimed, "updated_after"),
    ClaimCase(_PARAMETERS, "all", sample, 200, PARAMETERS),
    ClaimCase(_QUOTAS, "all", given.claimed_and_limited, 200, QUOTAS),
    ClaimCase(_QUOTAS, "all", sample, 200, QUOTAS),
    _claim(_UPDATE, "grown", given.claimed, "READY", 12, 0),
    _claim(_UPDATE, "grown", given.waiting, "CREATING", 0, 12),
    _claim(_UPDATE, "shrunk", given.claimed, "READY", 2, 0),
    _claim(_UPDATE, "shrunk", given.shrunk, "READY", 2, 0),
    _claim(_UPDATE, "moved", given.claimed, "UPDATING", 0, 10),
    _bad(_UPDATE, "instance_changed", given.claimed, "resources.instance_id"),
    _bad(_UPDATE, "capacity_type_changed", given.claimed, "resources.capacity_type"),
    _bad(_UPDATE, "id_of_another", given.claimed, "id"),
    _bad(_UPDATE, "body_invalid", given.claimed, "resources"),
    _no(_UPDATE, "grown", given.claimed_and_limited, 429, 8, "QuotaFailure"),
    _no(_UPDATE, "grown", given.deleted, 400, 9, "PreconditionFailure"),
    _no(_UPDATE, "grown", given.gone, 404, 5, "ResourceInfo"),
    _claim(_DELETE, "accepted", given.claimed, "DELETING", 10, 0),
    _claim(_DELETE, "accepted", given.waiting, "DELETING", 0, 10),
    _claim(_DELETE, "accepted", given.deleted, "DELETING", 10, 0),
    _no(_DELETE, "accepted", given.gone, 404, 5, "ResourceInfo"),
    *_refusals(),
)


_settled = partial(outcome, "capacity_claim_steps")

CLAIM_TASKS: Final = (
    _settled("settle_capacity_claim", given.claimed, "settled"),
    _settled("settle_capacity_claim", given.waiting, "waiting"),
    _settled("settle_capacity_claim", given.shrunk, "settled"),
    _settled("settle_capacity_claim", given.deleted, "again"),
    _settled("settle_capacity_claim", given.drained, "gone"),
    _settled("settle_capacity_claim", given.gone, "gone"),
    _settled("settle_capacity_claim_gone", given.claimed, "gone"),
    TaskCase("fill_capacity_claims", "capacity_freed", given.freed, {"rounds": 1}),
    TaskCase("fill_capacity_claims", "capacity_freed", given.waiting, {"rounds": 1}),
    TaskCase("fill_capacity_claims", "capacity_freed", given.claimed, {"rounds": 0}),
    TaskCase("fill_capacity_claims", "scheduled", given.freed, {"rounds": 1}),
    TaskCase("fill_capacity_claims", "scheduled", given.claimed, {"rounds": 0}),
)
