"""API keys of the VM API in the operators' API: of every account of an organization."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, StrictStr, field_validator

from gpu_capacity.access import IDENTITY_BYTES_MAX, Scope, is_identity
from gpu_capacity.accounts.account import Account
from gpu_capacity.accounts.api_key import NAME_DEFAULT, NAME_LENGTH_MAX
from gpu_capacity.accounts.api_keys import ApiKeyIssuer
from gpu_capacity.http.call import Reply
from gpu_capacity.http.rendering import NO_CACHE, Timestamp, timestamp
from gpu_capacity.reservations.api.bodies import Body

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.accounts.api_key import ApiKey
    from gpu_capacity.accounts.roles import HasAccounts
    from gpu_capacity.holders.roles import HasClock, HasIds, HasTelemetry
    from gpu_capacity.http.call import Call

    class Needs(HasAccounts, HasClock, HasIds, HasTelemetry, Protocol):
        """What the functions of this module work with."""


class OperatorApiKeyBody(Body):
    """Whose key it is to be, and what it allows."""

    model_config = ConfigDict(title="operatorApiKey")

    subject: StrictStr = Field(
        min_length=1, max_length=IDENTITY_BYTES_MAX, description="Of the account, as in its tokens."
    )
    scopes: Annotated[list[Scope], Field(min_length=1)] = Field(
        default=[Scope.READ_WRITE], json_schema_extra={"uniqueItems": True}
    )
    name: StrictStr = Field(NAME_DEFAULT, min_length=1, max_length=NAME_LENGTH_MAX)

    @field_validator("subject", "name")
    @classmethod
    def _printable(cls, text: str) -> str:
        if not is_identity(text):
            raise ValueError(f"must have at most {IDENTITY_BYTES_MAX} printable bytes")
        return text


class OperatorApiKeyRead(Body):
    """An API key, of which only the hash is stored."""

    model_config = ConfigDict(title="operatorApiKeyRead")

    id: str
    organization_id: str
    subject: str
    name: str
    scopes: list[Scope]
    creation_time: Timestamp
    last_four: str | None = None
    revocation_time: Timestamp | None = None


class OperatorApiKeyMadeRead(OperatorApiKeyRead):
    """A new API key, which is shown this once."""

    model_config = ConfigDict(title="operatorApiKeyMade")

    key: str


def show_keys(call: Call[Needs]) -> Reply:
    """200 with the API keys of an organization, oldest first."""
    found = _issuer(call).of_organization(call.path_parameters["organizationID"])
    return Reply(HTTPStatus.OK, [*map(key_view, found)], NO_CACHE)


def make_key(call: Call[Needs]) -> Reply:
    """201 with a new API key."""
    wanted = call.body(OperatorApiKeyBody)
    account = Account(call.path_parameters["organizationID"], wanted.subject)
    key, record = _issuer(call).create(account, wanted.scopes, wanted.name)
    return Reply(HTTPStatus.CREATED, {**key_view(record), "key": key}, NO_CACHE)


def revoke_key(call: Call[Needs]) -> Reply:
    """200 with the API key that was revoked."""
    path = call.path_parameters
    return Reply(
        HTTPStatus.OK, key_view(_issuer(call).revoke(path["organizationID"], path["keyID"])), NO_CACHE
    )


def key_view(key: ApiKey) -> dict[str, Any]:
    """An API key as JSON."""
    ending = {"lastFour": key.last_four} if key.last_four else {}
    revoked = {} if key.revoked_at is None else {"revocationTime": timestamp(key.revoked_at)}
    return {
        "id": key.id,
        "organizationId": key.organization_id,
        "subject": key.subject,
        "name": key.name,
        "scopes": [scope.value for scope in key.scopes],
        "creationTime": timestamp(key.created_at),
        **ending,
        **revoked,
    }


def _issuer(call: Call[Needs]) -> ApiKeyIssuer:
    services = call.services
    return ApiKeyIssuer(
        services.accounts, services.clock, services.ids, services.telemetry, call.caller.subject
    )
