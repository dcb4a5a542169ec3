"""Reads the settings of the token verifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.errors import Misconfigured
from gpu_capacity.http.key_sets import ALGORITHMS_ALLOWED, KeySetInvalid, RemoteKeys, StaticKeys
from gpu_capacity.http.tokens import TokenRules

if TYPE_CHECKING:
    from gpu_capacity.http.key_sets import KeySource
    from gpu_capacity.runtime.settings import Environment


def token_rules(env: Environment) -> TokenRules:
    """What a token must have.

    Raises:
        Misconfigured: issuer or audience is missing, or an algorithm is not one of ``ALGORITHMS_ALLOWED``.
    """
    algorithms = env.words("AUTH_ALGORITHMS", "RS256,ES256")
    if not set(algorithms) <= set(ALGORITHMS_ALLOWED):
        raise Misconfigured(f"AUTH_ALGORITHMS must be of {', '.join(ALGORITHMS_ALLOWED)}")
    return TokenRules(
        issuer=env.text("AUTH_ISSUER"),
        audience=env.text("AUTH_AUDIENCE"),
        algorithms=algorithms,
        organizations_claim=env.text("AUTH_CLAIM_ORGANIZATIONS", "organizations"),
        projects_claim=env.text("AUTH_CLAIM_PROJECTS", "projects"),
        permissions_claim=env.text("AUTH_CLAIM_PERMISSIONS", "permissions"),
        name_claim=env.text("AUTH_CLAIM_NAME", "email"),
    )


def key_source(env: Environment) -> KeySource:
    """The source of the issuer's public keys: the configured set, or else the address.

    Raises:
        Misconfigured: neither is set, or the configured set has no usable key.
    """
    document = env.key_set("AUTH_JWKS")
    if document is not None:
        try:
            return StaticKeys(document)
        except KeySetInvalid as error:
            raise Misconfigured("AUTH_JWKS must hold at least one key that can be used") from error
    url = env.https_url("AUTH_JWKS_URL")
    if url is None:
        raise Misconfigured("AUTH_JWKS or AUTH_JWKS_URL must be set")
    return RemoteKeys(url)
