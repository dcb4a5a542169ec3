"""Every error that this package raises deliberately.

    CapacityError
    ├── RequestRefused               the request itself: change it before sending it again
    │   ├── InvalidRequest           fields or parameters are wrong                (names each of them)
    │   ├── NotFound                 absent, or hidden from the caller: the same answer
    │   ├── Conflict                 contradicts an earlier use of the same idempotency key
    │   │   └── AlreadyExists        an id or a name is in use                 (names the resource)
    │   │       └── KeyReused        an idempotency key belongs to another request
    │   ├── StateConflict            the state of a reservation or placement does not allow this
    │   ├── PreconditionRequired     the request must name the state that it was decided on
    │   ├── PreconditionFailed       that state is no longer the present one
    │   ├── UnitsOccupied            placements have hosts of units to be released  (carries blockers)
    │   ├── Unprocessable            well formed, but what it names does not go together
    │   ├── FailedPrecondition       the state of a resource does not allow this
    │   ├── ActionRefused            a VM's status, or its node, does not allow this     (detail)
    │   │   └── SliceUnavailable     the node has no such slice                    (carries GPUs)
    │   ├── Unauthenticated          no credential, or one that does not verify (names the fault)
    │   └── Forbidden                the credential verifies but does not allow this
    │       └── QuotaExceeded        the organization's limit is reached
    ├── DoesNotFit                   no room now: wait, or ask for less
    │   ├── InsufficientCapacity     no run is long enough                  (carries the explanation)
    │   ├── HostsUnavailable         a reservation has not enough free hosts  (carries the explanation)
    │   └── RateLimited              the caller's share of this minute is used up   (carries seconds)
    ├── TryAgain                     nothing is wrong with the request: send it again unchanged
    │   ├── AuditNotStarted          the function that runs audits did not answer
    │   ├── RaceLost                 other writers were faster in every attempt
    │   └── StorageUnavailable       the database gave no usable response
    ├── UnreadableItem               a stored item cannot be decoded               (names its key)
    ├── FeedRefused                  a fleet document must not be applied          (carries a code)
    ├── ProviderUnavailable          the host provider did not respond; the step is repeated
    ├── WorkflowUnavailable          an execution could not be started or read; reconcile repeats it
    └── Misconfigured                a setting is missing or malformed; no request can be served

The three kinds of refusal are never mixed: after ``RequestRefused`` the unchanged request can never succeed,
after ``DoesNotFit`` it can succeed later, after ``TryAgain`` it can succeed now. Any other exception is a
defect: no code in between catches it, and the HTTP layer turns it into a 500 with the trace id and logs the
stack.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gpu_capacity.placement.model import Unplaceable
    from gpu_capacity.placement.servers import NotEnoughHosts


PROBLEMS_SHOWN_MAX: Final = 50
"""One request may have thousands of faults. Only the first are reported, so that the response stays small."""


class CapacityError(Exception):
    """Root of the tree above."""


class RequestRefused(CapacityError):
    """The request can never succeed unchanged."""


class InvalidRequest(RequestRefused):
    """Fields, headers or parameters are wrong.

    Args:
        field: the first wrong one, in the notation of the API (``spec.count``, ``query tag``).
        problem: what is wrong with it. Never contains the value that was sent.
        more: field and problem of each further one.
    """

    def __init__(self, field: str, problem: str, *more: tuple[str, str]) -> None:
        self.problems = ((field, problem), *more)
        super().__init__("; ".join(f"{place}: {what}" for place, what in self.problems))

    @property
    def field(self) -> str:
        """The field of the first problem."""
        return self.problems[0][0]

    @classmethod
    def of(cls, problems: Sequence[tuple[str, str]]) -> InvalidRequest:
        """Build the error from at least one (field, problem)."""
        (field, problem), *more = problems[:PROBLEMS_SHOWN_MAX]
        return cls(field, problem, *more)


class NotFound(RequestRefused):
    """The resource is absent or hidden from the caller, who cannot tell which.

    ``resource_name`` is the id from the request if it has the form of an id, else empty, because other input
    is not repeated.
    """

    def __init__(self, message: str, *, resource_name: str = "") -> None:
        super().__init__(message)
        self.resource_name = resource_name


class Conflict(RequestRefused):
    """The request contradicts an earlier request with the same idempotency key."""


class AlreadyExists(Conflict):
    """A resource with this id or name exists."""

    def __init__(self, resource_type: str, resource_name: str, message: str) -> None:
        super().__init__(message)
        self.resource_type = resource_type
        self.resource_name = resource_name


class KeyReused(AlreadyExists):
    """The idempotency key was used with another request, which created the named resource."""

    def __init__(self, resource_type: str, resource_name: str) -> None:
        super().__init__(
            resource_type,
            resource_name,
            f"the idempotency key was used with another request, which made {resource_name}",
        )


class StateConflict(RequestRefused):
    """The state of a reservation or a placement does not allow this, or another request has changed it."""


class PreconditionRequired(RequestRefused):
    """The request must name the state that it was decided on."""


class PreconditionFailed(RequestRefused):
    """The state that the request was decided on is no longer the present one."""


class UnitsOccupied(RequestRefused):
    """Placements have hosts of units that were to be released.

    ``blockers`` maps the id of each such unit to its placements, as far as the caller may read them, with the
    ids of their servers there.
    """

    def __init__(self, blockers: Mapping[str, Mapping[str, tuple[str, ...]]]) -> None:
        super().__init__("placements have hosts of these units")
        self.blockers = blockers


class Unprocessable(RequestRefused):
    """The request is well formed, but what it asks for or names does not go together."""


class FailedPrecondition(RequestRefused):
    """The state of a resource does not allow this. ``kind`` names the state, ``subject`` the resource."""

    def __init__(self, kind: str, subject: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.subject = subject


class ActionRefused(RequestRefused):
    """The status of a VM, or its node, does not allow this. ``detail`` is shown to the customer."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class SliceUnavailable(ActionRefused):
    """A node has no slice of the requested size.

    ``requested``, ``largest`` and ``most`` count GPUs: of the slice that was asked for, of the largest slice
    that is free now (``None`` if that was not determined), and of the largest slice that the node can ever
    have.
    """

    def __init__(self, detail: str, *, requested: int, largest: int | None, most: int) -> None:
        super().__init__(detail)
        self.requested = requested
        self.largest = largest
        self.most = most


class CredentialFault(StrEnum):
    """Why a credential was refused. Append-only: the words are a dimension of a metric."""

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
    """There is no credential, or it does not verify. ``challenge`` is the value for ``WWW-Authenticate``.

    The contents of a token are checked only after its signature, so the fault reveals nothing to a forger.
    """

    def __init__(self, fault: CredentialFault) -> None:
        super().__init__(f"authentication failed: {_FAULT_TEXTS[fault]}")
        self.fault = fault
        self.credential_sent = fault not in _NOTHING_SENT
        error = ', error="invalid_token"' if self.credential_sent else ""
        self.challenge = f'Bearer realm="gpu-capacity"{error}'


class Forbidden(RequestRefused):
    """The credential verifies but does not carry the permission that this needs."""


class QuotaExceeded(Forbidden):
    """The organization would own more than its limit.

    Args:
        subject: what is limited: an accelerator, ``instances``, ``vms`` or ``vm_gpus``.
        noun: the name of the counted thing for the message, such as ``GB300 units``.
        requested: how many the request asks for.
        limit: how many the organization may own in all.
        used: how many it owned when the request was refused.
    """

    def __init__(self, subject: str, noun: str, *, requested: int, limit: int, used: int) -> None:
        super().__init__(f"quota exceeded: {requested} {noun} requested, {used} of {limit} in use")
        self.subject = subject
        self.requested = requested
        self.limit = limit
        self.used = used


class DoesNotFit(CapacityError):
    """The request is valid, but there is no room for it at the moment."""


class InsufficientCapacity(DoesNotFit):
    """No run of free units is long enough. Only raised after a strongly consistent read."""

    def __init__(self, reason: Unplaceable) -> None:
        super().__init__(reason.describe())
        self.reason = reason


class HostsUnavailable(DoesNotFit):
    """A reservation has too few free hosts for a placement. Only raised after a consistent read."""

    def __init__(self, reason: NotEnoughHosts) -> None:
        super().__init__(reason.describe())
        self.reason = reason


class RateLimited(DoesNotFit):
    """The caller sent too many requests. The next one is admitted in ``retry_after_seconds``."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("too many requests: wait, then go on")
        self.retry_after_seconds = retry_after_seconds


class TryAgain(CapacityError):
    """The unchanged request may succeed if it is sent again now."""


class RaceLost(TryAgain):
    """Other writers were faster in every attempt; the number of attempts is limited."""


class AuditNotStarted(TryAgain):
    """The function that runs audits did not answer."""


class StorageUnavailable(TryAgain):
    """The database throttled, failed or did not respond in time.

    ``outcome_unknown`` is true if the write may have been committed nevertheless.
    """

    def __init__(self, message: str, *, outcome_unknown: bool) -> None:
        super().__init__(message)
        self.outcome_unknown = outcome_unknown


class UnreadableItem(CapacityError):
    """A stored item cannot be decoded. Retries do not help: an operator has to repair it.

    Code that reads many items skips it and counts it. ``key`` is (partition key, sort key). The contents of
    the item are in no message and no log.
    """

    def __init__(self, pk: str, sk: str) -> None:
        super().__init__(f"the item {pk} {sk} cannot be read")
        self.key = (pk, sk)


class FeedRefusal(StrEnum):
    """Why a fleet document was refused, or a part of it deferred. Append-only: run books use the codes."""

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
    LEFT_OUT = "left_out"


class FeedRefused(CapacityError):
    """A fleet document must not be applied. Nothing of it was applied."""

    def __init__(self, code: FeedRefusal, message: str) -> None:
        super().__init__(message)
        self.code = code


class ProviderUnavailable(CapacityError):
    """The host provider did not respond. The caller repeats the step."""


class SecretUnavailable(CapacityError):
    """A secret could not be read."""


class WorkflowUnavailable(CapacityError):
    """A workflow execution could not be started, stopped or described."""


class BusUnavailable(CapacityError):
    """The bus, or the queue of what nobody could handle, did not take everything. Send all of it again."""


class Misconfigured(CapacityError):
    """A setting is missing or malformed."""
