"""The expected response to each event file of the Connect service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.http.operations import CONNECT_METHODS
from testkit.handlers import claim_stage as given
from testkit.handlers.arrangements import sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.handlers.stage import Stage

_PROTO, _JSON = "application/proto", "application/json"


@dataclass(frozen=True)
class ConnectCase:
    """An event file, the state before it, and the expected response.

    ``figures`` are status, allocated and pending, of a claim.
    """

    function: str
    event: str
    after: Callable[[Stage], None]
    http: int
    media_type: str
    figures: tuple[int, int, int] | None = None
    code: str | None = None
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.function}/{self.event}-after-{self.after.__name__}"

    @property
    def method(self) -> str:
        """The method that is called."""
        return CONNECT_METHODS[self.function]


_CREATE: Final = "create_capacity_claim"
_READY, _CREATING, _DELETING = 6, 1, 3


def _claim(
    function: str, event: str, after: Callable[[Stage], None], *figures: int, media_type: str = _PROTO
) -> ConnectCase:
    return ConnectCase(function, event, after, 200, media_type, figures)  # type: ignore[arg-type]


def _no(event: str, http: int, code: str, *fields: str) -> ConnectCase:
    return ConnectCase(_CREATE, event, sample, http, _JSON, code=code, fields=fields)


CONNECT_CASES: Final = (
    _claim(_CREATE, "over_connect", sample, _READY, 2, 0),
    _claim(_CREATE, "over_connect", given.waiting, _CREATING, 0, 2),
    _claim(_CREATE, "over_connect_in_json", sample, _READY, 2, 0, media_type=_JSON),
    _no(
        "over_connect_invalid",
        400,
        "invalid_argument",
        "resources.instance_id",
        "resources.instance_count",
        "resources.zones",
        "name",
    ),
    _no("over_connect_malformed", 400, "invalid_argument"),
    _no("over_grpc", 415, "unknown"),
    _claim("get_capacity_claim", "over_connect", given.claimed, _READY, 10, 0),
    _claim("get_capacity_claim", "over_connect", given.drained, _DELETING, 0, 10),
    _claim("update_capacity_claim", "over_connect", given.claimed, _READY, 12, 0),
    _claim("update_capacity_claim", "over_connect", given.waiting, _CREATING, 0, 12),
    _claim("delete_capacity_claim", "over_connect", given.claimed, _DELETING, 10, 0),
    ConnectCase("list_capacity_claims", "over_connect", given.claimed, 200, _JSON),
    ConnectCase("list_capacity_claim_parameters", "over_connect", given.claimed, 200, _PROTO),
)
