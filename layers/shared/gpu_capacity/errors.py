"""Every error that this package raises on purpose.

    CapacityError
    ├── RequestRefused               the request itself: change it before sending it again
    │   ├── InvalidRequest           a field or parameter is wrong                 (names the field)
    │   ├── NotFound                 absent, or hidden from the caller: the same answer
    │   ├── Conflict                 an idempotency key was used for something else
    │   │   └── AlreadyExists        an id or a name is taken                  (names the resource)
    │   ├── FailedPrecondition       the thing is not in a state that allows this
    │   ├── ActionRefused            a VM's status, or its node, does not allow this     (detail)
    │   │   └── NodeCannotGive       the node has no such slice                    (carries GPUs)
    │   ├── Unauthenticated          no token, or one that does not verify
    │   └── Forbidden                the token is good but does not allow this
    │       └── QuotaExceeded        the organization's limit is reached
    ├── DoesNotFit                   no room now: wait, or ask for less
    │   ├── InsufficientCapacity     carries the placement's explanation
    │   └── RateLimited              the caller's share of this minute is used up   (carries seconds)
    ├── TryAgain                     nothing is wrong with the request: send it again as it is
    │   ├── RaceLost                 rivals won every attempt
    │   └── StorageUnavailable       the database did not answer usefully
    ├── UnreadableItem               a stored item is not what it should be        (names its key)
    ├── FeedRefused                  a fleet document that must not be applied     (carries a code)
    ├── ProviderUnavailable          the host provider did not answer; the step is repeated
    ├── WorkflowUnavailable          an execution could not be started or read; reconcile repeats it
    └── Misconfigured                a setting is missing or malformed; no request can be served

The three kinds of "no" are never mixed: ``RequestRefused`` can never succeed unchanged, ``DoesNotFit`` can
later, ``TryAgain`` can now. Anything that is not a ``CapacityError`` is a defect: it is not caught on the
way, and the HTTP layer turns it into a 500 with the trace id and logs the stack.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_capacity.placement.model import Unplaceable


class CapacityError(Exception):
    """Root of the tree above."""


class RequestRefused(CapacityError):
    """The request can never succeed as it stands."""


class InvalidRequest(RequestRefused):
    """A field, header or parameter is wrong.

    Args:
        field: where it stands, in the notation of the API (``spec.count``, ``query tag``).
        problem: what is wrong with it. Never contains the value that was sent.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class NotFound(RequestRefused):
    """The named thing is absent or hidden; callers cannot tell which.

    ``resource_name`` is its id where that has the form of an id, else empty: other text is not repeated.
    """

    def __init__(self, message: str, *, resource_name: str = "") -> None:
        super().__init__(message)
        self.resource_name = resource_name


class Conflict(RequestRefused):
    """What the request wants contradicts what its idempotency key already stands for."""


class AlreadyExists(Conflict):
    """A resource of that id or name exists."""

    def __init__(self, resource_type: str, resource_name: str, message: str) -> None:
        super().__init__(message)
        self.resource_type = resource_type
        self.resource_name = resource_name


class FailedPrecondition(RequestRefused):
    """The state of a resource does not allow this; ``kind`` and ``subject`` say which state of which one."""

    def __init__(self, kind: str, subject: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.subject = subject


class ActionRefused(RequestRefused):
    """The status of a VM does not allow this, or its node cannot give it; ``detail`` is for the customer."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NodeCannotGive(ActionRefused):
    """A node has no such slice. ``largest`` GPUs it could give now (``None``: not looked), ``most`` ever."""

    def __init__(self, detail: str, *, requested: int, largest: int | None, most: int) -> None:
        super().__init__(detail)
        self.requested = requested
        self.largest = largest
        self.most = most


class Unauthenticated(RequestRefused):
    """There is no bearer token, or it does not verify. ``challenge`` answers in ``WWW-Authenticate``."""

    def __init__(self, message: str, *, token_sent: bool) -> None:
        super().__init__(message)
        self.credential_sent = token_sent
        self.challenge = 'Bearer realm="gpu-capacity"' + (', error="invalid_token"' if token_sent else "")


class Forbidden(RequestRefused):
    """The token verifies but does not carry the right that this needs."""


class QuotaExceeded(Forbidden):
    """The organization would own more than its limit.

    Args:
        subject: what is limited: an accelerator, or ``instances``.
        noun: what is counted, e.g. ``GB300 units``.
        requested: how many were asked for.
        limit: how many the organization may own in all.
        used: how many it owned when the refusal was decided.
    """

    def __init__(self, subject: str, noun: str, *, requested: int, limit: int, used: int) -> None:
        super().__init__(f"quota exceeded: {requested} {noun} requested, {used} of {limit} in use")
        self.subject = subject
        self.requested = requested
        self.limit = limit
        self.used = used


class DoesNotFit(CapacityError):
    """The request is fine; there is no room for it at the moment."""


class InsufficientCapacity(DoesNotFit):
    """No contiguous run is long enough. Only raised after a strongly consistent read."""

    def __init__(self, reason: Unplaceable) -> None:
        super().__init__(reason.describe())
        self.reason = reason


class RateLimited(DoesNotFit):
    """The caller sent too many requests; ``retry_after_seconds`` is when the next one is admitted."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("too many requests: wait, then go on")
        self.retry_after_seconds = retry_after_seconds


class TryAgain(CapacityError):
    """Sent again as it is, the request may succeed at once."""


class RaceLost(TryAgain):
    """Rivals won every one of the bounded attempts."""


class StorageUnavailable(TryAgain):
    """The database throttled, failed or did not answer in time.

    ``outcome_unknown`` is true when the write may have been committed all the same.
    """

    def __init__(self, message: str, *, outcome_unknown: bool) -> None:
        super().__init__(message)
        self.outcome_unknown = outcome_unknown


class UnreadableItem(CapacityError):
    """A stored item is not what it should be: sent again, nothing changes until an operator repairs it.

    Whoever reads many items leaves it out and counts it. ``key`` is (partition key, sort key); what the item
    says is in no message and no log.
    """

    def __init__(self, pk: str, sk: str) -> None:
        super().__init__(f"the item {pk} {sk} cannot be read")
        self.key = (pk, sk)


class FeedRefusal(StrEnum):
    """Why a fleet document was refused, or a part of it deferred. Append-only: run books name the codes."""

    UNREACHABLE = "unreachable"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    OUTDATED = "outdated"
    CONTRADICTORY = "contradictory"
    DROPS_TOO_MUCH = "drops_too_much"
    MOVES_HARDWARE = "moves_hardware"
    SEQUENCE_JUMP = "sequence_jump"
    FROM_THE_FUTURE = "from_the_future"
    POD_TOO_LARGE = "pod_too_large"
    UNREADABLE = "unreadable"


class FeedRefused(CapacityError):
    """A fleet document must not be applied; nothing of it was."""

    def __init__(self, code: FeedRefusal, message: str) -> None:
        super().__init__(message)
        self.code = code


class ProviderUnavailable(CapacityError):
    """The host provider did not answer; whoever asked repeats the step."""


class WorkflowUnavailable(CapacityError):
    """A workflow execution could not be started, stopped or described."""


class Misconfigured(CapacityError):
    """A setting is missing or malformed."""
