from __future__ import annotations

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gpu_capacity.errors import Misconfigured
from gpu_capacity.http.key_sets import RemoteKeys, StaticKeys
from gpu_capacity.runtime.settings import Environment
from gpu_capacity.runtime.token_settings import key_source, token_rules

NEEDED = {"AUTH_ISSUER": "https://issuer.example", "AUTH_AUDIENCE": "gpu-capacity"}
KEY = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key()))


def test_issuer_and_audience_are_sufficient() -> None:
    rules = token_rules(Environment(NEEDED))

    assert (rules.issuer, rules.audience) == ("https://issuer.example", "gpu-capacity")
    assert list(rules.algorithms) == ["RS256", "ES256"]
    assert rules.organizations_claim == "organizations"


@pytest.mark.parametrize("missing", NEEDED)
def test_a_missing_issuer_or_audience_is_named(missing: str) -> None:
    environment = Environment({name: value for name, value in NEEDED.items() if name != missing})

    with pytest.raises(Misconfigured, match=missing):
        token_rules(environment)


@pytest.mark.parametrize("algorithms", ["HS256", "none", "RS256,HS512", "rs256"])
def test_an_algorithm_without_a_private_key_is_refused(algorithms: str) -> None:
    environment = Environment({**NEEDED, "AUTH_ALGORITHMS": algorithms})

    with pytest.raises(Misconfigured, match="AUTH_ALGORITHMS"):
        token_rules(environment)


@pytest.mark.parametrize(
    ("variable", "claim"),
    [
        ("AUTH_CLAIM_ORGANIZATIONS", "organizations_claim"),
        ("AUTH_CLAIM_PROJECTS", "projects_claim"),
        ("AUTH_CLAIM_PERMISSIONS", "permissions_claim"),
        ("AUTH_CLAIM_NAME", "name_claim"),
    ],
)
def test_the_names_of_claims_are_configurable(variable: str, claim: str) -> None:
    rules = token_rules(Environment({**NEEDED, variable: "https://x/claim"}))

    assert getattr(rules, claim) == "https://x/claim"


def test_a_static_key_set_has_priority_over_an_address() -> None:
    address = {"AUTH_JWKS_URL": "https://issuer.example/jwks"}
    static = {"AUTH_JWKS": json.dumps({"keys": [KEY]})}

    assert isinstance(key_source(Environment({**address, **static})), StaticKeys)
    assert isinstance(key_source(Environment(address)), RemoteKeys)


def test_without_any_keys_both_variables_are_named() -> None:
    environment = Environment({})

    with pytest.raises(Misconfigured, match="AUTH_JWKS or AUTH_JWKS_URL"):
        key_source(environment)


def test_keys_over_plain_http_from_another_machine_are_refused() -> None:
    environment = Environment({"AUTH_JWKS_URL": "http://issuer.example/jwks"})

    with pytest.raises(Misconfigured, match="AUTH_JWKS_URL"):
        key_source(environment)


@pytest.mark.parametrize("key", [{}, {"kty": "EC"}, {"kty": "unheard of"}])
def test_a_static_key_set_without_a_usable_key_is_named(key: dict[str, str]) -> None:
    environment = Environment({"AUTH_JWKS": json.dumps({"keys": [key]})})

    with pytest.raises(Misconfigured, match="AUTH_JWKS"):
        key_source(environment)
