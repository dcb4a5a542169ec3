from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gpu_capacity.access import IDENTITY_BYTES_MAX, ORGANIZATIONS_MAX
from gpu_capacity.errors import Unauthenticated
from gpu_capacity.http.key_sets import StaticKeys
from gpu_capacity.http.tokens import TokenRules, TokenVerifier

ISSUER, AUDIENCE = "https://issuer.example", "gpu-capacity"
RULES = TokenRules(
    issuer=ISSUER,
    audience=AUDIENCE,
    algorithms=("RS256", "ES256"),
    organizations_claim="organizations",
    projects_claim="projects",
    permissions_claim="permissions",
    name_claim="email",
)
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
RIVAL = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())


def _jwk(key: Any, key_id: str, algorithm: str) -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if algorithm == "RS256" else jwt.algorithms.ECAlgorithm
    public: dict[str, Any] = json.loads(kind.to_jwk(key.public_key()))
    return public | {"kid": key_id, "alg": algorithm, "use": "sig"}


KEYS = StaticKeys({"keys": [_jwk(RSA, "rsa", "RS256"), _jwk(ELLIPTIC, "ec", "ES256")]})


@pytest.fixture
def verifier() -> TokenVerifier:
    return TokenVerifier(RULES, KEYS)


def _claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "user-1",
        "exp": now + 600,
        "email": "john.doe@example.com",
        "organizations": ["org-b", "org-a"],
        "projects": ["p"],
        "permissions": ["reservations:read"],
    } | changes
    return {name: value for name, value in claims.items() if value is not None}


def _token(
    claims: dict[str, Any] | None = None, *, key: Any = RSA, kid: str | None = "rsa", algorithm: str = "RS256"
) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(_claims() if claims is None else claims, key, algorithm=algorithm, headers=headers)


def _refused(verifier: TokenVerifier, authorization: str | None) -> str:
    with pytest.raises(Unauthenticated) as caught:
        verifier.verify(authorization)
    return caught.value.challenge


def test_a_valid_token_gives_the_caller_and_its_permissions(verifier: TokenVerifier) -> None:
    caller = verifier.verify(f"Bearer {_token()}")

    assert (caller.subject, caller.name) == ("user-1", "john.doe@example.com")
    assert caller.organizations == {"org-a", "org-b"}
    assert caller.projects == {"p"}
    assert caller.permissions == {"reservations:read"}


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "  Bearer "])
def test_the_scheme_is_read_in_any_case(verifier: TokenVerifier, scheme: str) -> None:
    assert verifier.verify(f"{scheme} {_token()}").subject == "user-1"


def test_each_allowed_algorithm_verifies_with_its_own_key(verifier: TokenVerifier) -> None:
    token = _token(key=ELLIPTIC, kid="ec", algorithm="ES256")

    assert verifier.verify(f"Bearer {token}").subject == "user-1"


def test_a_token_without_a_key_id_is_tried_with_the_first_key(verifier: TokenVerifier) -> None:
    assert verifier.verify(f"Bearer {_token(kid=None)}").subject == "user-1"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "token"])
def test_without_a_bearer_token_the_challenge_names_no_error(
    verifier: TokenVerifier, header: str | None
) -> None:
    assert _refused(verifier, header) == 'Bearer realm="gpu-capacity"'


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1_000_000_000},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
        {"iss": "https://other.example"},
        {"aud": "other"},
        {"sub": ""},
        {"sub": 7},
        {"exp": None},
        {"iss": None},
        {"aud": None},
        {"sub": None},
        {"exp": "soon"},
    ],
    ids=str,
)
def test_a_token_that_is_wrong_in_one_claim_is_refused(
    verifier: TokenVerifier, changes: dict[str, Any]
) -> None:
    challenge = _refused(verifier, f"Bearer {_token(_claims(**changes))}")

    assert challenge.endswith('error="invalid_token"')


def test_clocks_may_differ_by_some_seconds(verifier: TokenVerifier) -> None:
    assert verifier.verify(f"Bearer {_token(_claims(exp=int(time.time()) - 5))}")
    _refused(verifier, f"Bearer {_token(_claims(exp=int(time.time()) - 30))}")


def test_one_of_several_audiences_is_enough(verifier: TokenVerifier) -> None:
    assert verifier.verify(f"Bearer {_token(_claims(aud=['other', AUDIENCE]))}")


def test_a_signature_by_another_key_is_refused(verifier: TokenVerifier) -> None:
    _refused(verifier, f"Bearer {_token(key=RIVAL)}")


def test_an_unknown_key_id_is_refused(verifier: TokenVerifier) -> None:
    _refused(verifier, f"Bearer {_token(kid='unknown')}")


def test_an_unsigned_token_is_refused(verifier: TokenVerifier) -> None:
    token = jwt.encode(_claims(), "", algorithm="none", headers={"kid": "rsa"})

    _refused(verifier, f"Bearer {token}")


def test_the_public_key_is_not_used_as_a_shared_secret(verifier: TokenVerifier) -> None:
    public = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signer = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    head = _part({"alg": "HS256", "typ": "JWT", "kid": "rsa"})
    body = _part(_claims())
    signature = signer.sign(f"{head}.{body}".encode(), public)
    token = f"{head}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    _refused(verifier, f"Bearer {token}")


def test_an_algorithm_that_is_not_configured_is_refused() -> None:
    strict = TokenVerifier(
        TokenRules(ISSUER, AUDIENCE, ("ES256",), "organizations", "projects", "permissions", "email"), KEYS
    )

    _refused(strict, f"Bearer {_token()}")


@pytest.mark.parametrize("token", ["a", "a.b", "a.b.c", "....", "é.é.é", "e30.e30.e30", "\x00"])
def test_a_text_that_is_not_a_token_is_refused(verifier: TokenVerifier, token: str) -> None:
    _refused(verifier, f"Bearer {token}")


def test_a_token_whose_payload_was_changed_is_refused(verifier: TokenVerifier) -> None:
    head, _, signature = _token().split(".")

    _refused(verifier, f"Bearer {head}.{_part(_claims(permissions=['operator']))}.{signature}")


def test_two_tokens_in_one_header_are_refused(verifier: TokenVerifier) -> None:
    _refused(verifier, f"Bearer {_token()} {_token()}")


def test_permissions_may_be_one_text_separated_by_spaces(verifier: TokenVerifier) -> None:
    caller = verifier.verify(f"Bearer {_token(_claims(permissions='reservations:read operator'))}")

    assert caller.permissions == {"reservations:read", "operator"}


@pytest.mark.parametrize("blank", ["\t", "\n", "\u00a0", "\u2028", "\u3000", "\x1f"])
def test_only_a_space_separates_words(verifier: TokenVerifier, blank: str) -> None:
    """Otherwise an organization with another separator in its name would count as two, one of them another
    tenant's.
    """
    organizations = _token(_claims(organizations=f"mine{blank}theirs"))
    permissions = _token(_claims(permissions=f"vms:read{blank}operator"))

    _refused(verifier, f"Bearer {organizations}")
    assert not verifier.verify(f"Bearer {permissions}").is_operator


@pytest.mark.parametrize("claim", [None, 7, {"a": 1}, [7, None, "", ["x"]], True])
def test_permissions_in_any_other_form_are_ignored(verifier: TokenVerifier, claim: Any) -> None:
    caller = verifier.verify(f"Bearer {_token(_claims(organizations=claim, permissions=claim))}")

    assert caller.organizations == caller.permissions == frozenset()


@pytest.mark.parametrize("name", [None, "", 7])
def test_a_caller_without_a_name_is_named_by_its_subject(verifier: TokenVerifier, name: Any) -> None:
    assert verifier.verify(f"Bearer {_token(_claims(email=name))}").name == "user-1"


def test_claims_are_read_under_their_configured_names() -> None:
    rules = TokenRules(ISSUER, AUDIENCE, ("RS256",), "https://x/orgs", "https://x/prj", "scope", "name")
    claims = _claims(**{"https://x/orgs": ["o"], "https://x/prj": ["q"], "scope": "operator", "name": "Jo"})

    caller = TokenVerifier(rules, KEYS).verify(f"Bearer {_token(claims)}")

    assert caller.organizations == {"o"}
    assert caller.projects == {"q"}
    assert caller.name == "Jo"
    assert caller.is_operator


def test_a_token_of_too_many_organizations_is_refused(verifier: TokenVerifier) -> None:
    """Each of them costs a read."""
    many = [f"org-{n}" for n in range(ORGANIZATIONS_MAX + 1)]

    assert verifier.verify(f"Bearer {_token(_claims(organizations=many[1:]))}")
    _refused(verifier, f"Bearer {_token(_claims(organizations=many))}")


@pytest.mark.parametrize("claim", ["sub", "organizations", "projects"])
def test_a_token_with_an_identity_that_is_too_long_is_refused_with_a_text_that_says_so(
    verifier: TokenVerifier, claim: str
) -> None:
    changed: dict[str, Any] = {claim: "x" * (IDENTITY_BYTES_MAX + 1)}

    with pytest.raises(Unauthenticated, match="more than 255 bytes"):
        verifier.verify(f"Bearer {_token(_claims(**changed))}")


@pytest.mark.parametrize("claim", ["sub", "organizations", "projects"])
def test_a_token_with_unprintable_characters_in_its_identity_is_refused(
    verifier: TokenVerifier, claim: str
) -> None:
    """An operator's terminal would interpret them."""
    changed: dict[str, Any] = {claim: "a\x1b[2Jb"}

    with pytest.raises(Unauthenticated, match="does not print"):
        verifier.verify(f"Bearer {_token(_claims(**changed))}")


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb", "\N{RIGHT-TO-LEFT OVERRIDE}ab"])
def test_an_unprintable_name_is_replaced_by_the_subject(verifier: TokenVerifier, name: str) -> None:
    caller = verifier.verify(f"Bearer {_token(_claims(email=name))}")

    assert caller.name == caller.subject


def test_a_name_that_is_too_long_is_replaced_by_the_subject(verifier: TokenVerifier) -> None:
    caller = verifier.verify(f"Bearer {_token(_claims(email='e' * 1_900))}")

    assert caller.name == caller.subject


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
