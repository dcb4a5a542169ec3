"""Every error that this package raises on purpose.

    CapacityError
    ├── RequestRefused               the request itself: change it before sending it again
    │   ├── InvalidRequest           fields or parameters are wrong                (names each of them)
    │   ├── NotFound                 absent, or hidden from the caller: the same answer
    │   ├── Conflict                 an idempotency key was used for something else
    │   │   └── AlreadyExists        an id or a name is taken                  (names the resource)
    │   │       └── KeyReused        an idempotency key stands for another request
    │   ├── FailedPrecondition       the thing is not in a state that allows this
    │   ├── ActionRefused            a VM's status, or its node, does not allow this     (detail)
    │   │   └── SliceUnavailable     the node has no such slice                    (carries GPUs)
    │   ├── Unauthenticated          no credential, or one that does not verify (names the fault)
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
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.placement.model import Unplaceable


PROBLEMS_SHOWN_MAX: Final = 50
"""Of thousands of faults in one request the first are told: an answer must not outgrow what it answers."""


class CapacityError(Exception):
    """Root of the tree above."""


class RequestRefused(CapacityError):
    """The request can never succeed as it stands."""


class InvalidRequest(RequestRefused):
    """Fields, headers or parameters are wrong.

    Args:
        field: where the first one stands, in the notation of the API (``spec.count``, ``query tag``).
        problem: what is wrong with it. Never contains the value that was sent.
        more: the same of the others.
    """

    def __init__(self, field: str, problem: str, *more: tuple[str, str]) -> None:
        self.problems = ((field, problem), *more)
        super().__init__("; ".join(f"{place}: {what}" for place, what in self.problems))

    @property
    def field(self) -> str:
        """Where the first problem stands."""
        return self.problems[0][0]

    @classmethod
    def of(cls, problems: Sequence[tuple[str, str]]) -> InvalidRequest:
        """Of at least one place, each with what is wrong there."""
        (field, problem), *more = problems[:PROBLEMS_SHOWN_MAX]
        return cls(field, problem, *more)


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


class KeyReused(AlreadyExists):
    """An idempotency key stands for another request, which made the named resource."""

    def __init__(self, resource_type: str, resource_name: str) -> None:
        super().__init__(
            resource_type,
            resource_name,
            f"the idempotency key was used with another request, which made {resource_name}",
        )


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


class SliceUnavailable(ActionRefused):
    """A node has no such slice. ``largest`` GPUs it could give now (``None``: not looked), ``most`` ever."""

    def __init__(self, detail: str, *, requested: int, largest: int | None, most: int) -> None:
        super().__init__(detail)
        self.requested = requested
        self.largest = largest
        self.most = most


class CredentialFault(StrEnum):
    """Why a credential was refused. Append-only: a metric has them for a dimension."""

    MISSING = "missing"
    OTHER_SCHEME = "other_scheme"
    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    CLAIMS = "claims"
    IDENTITY = "identity"
    API_KEY_NOT_TAKEN = "api_key_not_taken"
    API_KEY_MALFORMED = "api_key_malformed"
    API_KEY_UNKNOWN = "api_key_unknown"
    API_KEY_REVOKED = "api_key_revoked"


_FAULT_TEXTS: Final = {
    CredentialFault.MISSING: "a bearer token is required",
    CredentialFault.OTHER_SCHEME: "a bearer token is required, the Authorization header has another scheme",
    CredentialFault.MALFORMED: "the access token is malformed",
    CredentialFault.ALGORITHM: "the access token is signed by an algorithm that is not accepted",
    CredentialFault.UNKNOWN_KEY: "the access token is signed by a key that the issuer does not publish",
    CredentialFault.SIGNATURE: "the signature of the access token does not verify",
    CredentialFault.EXPIRED: "the access token has expired",
    CredentialFault.NOT_YET_VALID: "the access token is not valid yet",
    CredentialFault.ISSUER: "the access token is of another issuer",
    CredentialFault.AUDIENCE: "the access token is for another audience",
    CredentialFault.CLAIMS: "a claim of the access token is missing or malformed",
    CredentialFault.IDENTITY: (
        "a subject, organization or project of the token has more than 255 bytes or does not print"
    ),
    CredentialFault.API_KEY_NOT_TAKEN: "only the VM API takes API keys: send an access token",
    CredentialFault.API_KEY_MALFORMED: "the API key is malformed",
    CredentialFault.API_KEY_UNKNOWN: "the API key is not known",
    CredentialFault.API_KEY_REVOKED: "the API key was revoked",
}
_NOTHING_SENT: Final = frozenset({CredentialFault.MISSING, CredentialFault.OTHER_SCHEME})


class Unauthenticated(RequestRefused):
    """There is no credential, or it does not verify. ``challenge`` answers in ``WWW-Authenticate``.

    What a token claims is only judged once its signature stands, so the faults tell nothing to a forger.
    """

    def __init__(self, fault: CredentialFault) -> None:
        super().__init__(f"authentication failed: {_FAULT_TEXTS[fault]}")
        self.fault = fault
        self.credential_sent = fault not in _NOTHING_SENT
        error = ', error="invalid_token"' if self.credential_sent else ""
        self.challenge = f'Bearer realm="gpu-capacity"{error}'


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
