"""Verifies the credentials of the VM API: an access token or an API key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gpu_capacity.access import API_KEY_PREFIX, Caller, permissions_of
from gpu_capacity.accounts.api_key import digest_of, is_key
from gpu_capacity.errors import CredentialFault, Unauthenticated

if TYPE_CHECKING:
    from gpu_capacity.accounts.api_key import ApiKey
    from gpu_capacity.http.tokens import TokenVerifier


class KnownKeys(Protocol):
    """Finds API keys."""

    def api_key(self, digest: str) -> ApiKey | None:
        """The key with this digest, also a revoked one. Reads strongly consistent."""


class CredentialVerifier:
    """Verifies ``Authorization`` headers. Only the VM API accepts API keys."""

    def __init__(self, tokens: TokenVerifier, keys: KnownKeys) -> None:
        self._tokens = tokens
        self._keys = keys

    def verify(self, authorization: str | None) -> Caller:
        """The caller of a request. An API key may be sent as ``Bearer nv_…`` or without ``Bearer``.

        Raises:
            Unauthenticated: there is no credential, or it does not verify in every respect.
            StorageUnavailable: the API key could not be read.
        """
        text = (authorization or "").strip()
        scheme, _, rest = text.partition(" ")
        key = rest.strip() if scheme.lower() == "bearer" else text
        return self._of_key(key) if key.startswith(API_KEY_PREFIX) else self._tokens.verify(authorization)

    def _of_key(self, key: str) -> Caller:
        if not is_key(key):
            raise Unauthenticated(CredentialFault.API_KEY_MALFORMED)
        record = self._keys.api_key(digest_of(key))
        if record is None:
            raise Unauthenticated(CredentialFault.API_KEY_UNKNOWN)
        if record.revoked_at is not None:
            raise Unauthenticated(CredentialFault.API_KEY_REVOKED)
        return Caller(
            subject=record.subject,
            name=record.subject,
            organizations=frozenset({record.organization_id}),
            projects=frozenset(),
            permissions=permissions_of(record.scopes),
        )
