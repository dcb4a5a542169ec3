"""Bearer tokens: one that does not verify in every respect is a 401 with the reason."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from testkit.handlers import sample_events
from testkit.handlers.authority import AUDIENCE, ISSUER, Authority, claims, encoded, text_encoded
from testkit.handlers.sample_events import with_headers
from testkit.handlers.stage import answer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.handlers.stage import Answer, Stage

CHALLENGE = 'Bearer realm="gpu-capacity"'


def _ask(stage: Stage, authorization: str | None, **headers: str) -> Answer:
    event = with_headers(
        sample_events.read("list_reservations", "all"), authorization=authorization, **headers
    )
    return _raw(stage, event)


def _raw(stage: Stage, event: dict[str, Any]) -> Answer:
    """Without replacing placeholders, because what is sent here may not be text at all."""
    return answer_of(stage.run("list_reservations", event))


MISSING = "a bearer token is required"
SCHEME = "a bearer token is required, the Authorization header has another scheme"
MALFORMED = "the access token is malformed"
ALGORITHM = "the access token is signed by an algorithm that is not accepted"
KEY = "the access token is signed by a key that the issuer does not publish"
SIGNATURE = "the signature of the access token does not verify"
EXPIRED = "the access token has expired"
EARLY = "the access token is not valid yet"
OTHER_ISSUER = "the access token is of another issuer"
OTHER_AUDIENCE = "the access token is for another audience"
CLAIMS = "a claim of the access token is missing or malformed"
TOO_LONG = "a subject, organization or project of the token has more than 255 bytes or does not print"
API_KEY = "only the VM API takes API keys: send an access token"


def _assert_refused(answer: Answer, why: str) -> None:
    assert (answer.status, answer.json["error"]) == (401, "access_denied")
    sent = why not in (MISSING, SCHEME)
    assert answer.headers["www-authenticate"] == CHALLENGE + (', error="invalid_token"' if sent else "")
    assert answer.json["error_description"] == f"authentication failed: {why}"
    assert answer.headers["cache-control"] == "no-cache"


def test_a_valid_token_is_accepted(stage: Stage) -> None:
    assert _ask(stage, f"Bearer {stage.authority.token()}").status == 200


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "BeArEr"])
def test_the_scheme_is_accepted_in_any_case(stage: Stage, scheme: str) -> None:
    assert _ask(stage, f"{scheme} {stage.authority.token()}").status == 200


def test_the_name_of_the_header_is_accepted_in_any_case(stage: Stage) -> None:
    event = sample_events.read("list_reservations", "all")
    authorization = f"Bearer {stage.authority.token()}"
    event |= {"headers": {"aUTHORIZATION": authorization}}
    event |= {"multiValueHeaders": {"aUTHORIZATION": [authorization]}}
    assert _raw(stage, event).status == 200


@pytest.mark.parametrize("same_case", [True, False])
def test_of_two_tokens_in_a_request_none_is_chosen(stage: Stage, *, same_case: bool) -> None:
    one, two = (f"Bearer {stage.authority.token(sub=subject)}" for subject in ("one", "two"))
    several = {"Authorization": [one, two]} if same_case else {"Authorization": [one], "authorization": [two]}
    event = sample_events.read("list_reservations", "all") | {"multiValueHeaders": several}
    event |= {"headers": dict.fromkeys(several, two)}
    assert _raw(stage, event).status == 401


@pytest.mark.parametrize("authorization", [None, "", " ", "Bearer", "Bearer ", "bearer"])
def test_without_a_bearer_token_the_response_has_a_challenge(stage: Stage, authorization: str | None) -> None:
    _assert_refused(_ask(stage, authorization), MISSING)


@pytest.mark.parametrize(
    "authorization", ["Basic dXNlcjpwYXNz", "Token x", "BearerX abc", "eyJ.e.s", "Bearer,x y"]
)
def test_a_scheme_other_than_bearer_is_refused(stage: Stage, authorization: str) -> None:
    _assert_refused(_ask(stage, authorization), SCHEME)


@pytest.mark.parametrize("key", ["nv_" + "A" * 43, "nv_", "nv_short"])
@pytest.mark.parametrize("scheme", ["Bearer ", "bearer  ", ""])
def test_an_api_key_is_refused_with_a_hint_at_the_vm_api(stage: Stage, scheme: str, key: str) -> None:
    _assert_refused(_ask(stage, f"{scheme}{key}"), API_KEY)


def test_a_request_without_any_headers_has_no_token(stage: Stage) -> None:
    event = sample_events.read("list_reservations", "all") | {"headers": None, "multiValueHeaders": None}
    _assert_refused(_raw(stage, event), MISSING)


def test_a_header_with_two_schemes_has_no_token(stage: Stage) -> None:
    token = stage.authority.token()
    _assert_refused(_ask(stage, f"Basic dXNlcjpwYXNz, Bearer {token}"), SCHEME)
    _assert_refused(_ask(stage, f"Bearer {token}, Basic dXNlcjpwYXNz"), MALFORMED)
    _assert_refused(_ask(stage, f"Bearer Bearer {token}"), MALFORMED)
    _assert_refused(_ask(stage, f"Bearer {token} {token}"), MALFORMED)


WRONG_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": 1_600_000_000}, EXPIRED),
    "expired a minute ago": ({"exp": timedelta(seconds=-60)}, EXPIRED),
    "without expiry": ({"exp": None}, CLAIMS),
    "expiry is text": ({"exp": "never"}, CLAIMS),
    "expiry is a number as text": ({"exp": "4102444800"}, CLAIMS),
    "expiry is a number of thousands": ({"exp": "4_102_444_800"}, CLAIMS),
    "expiry is a list": ({"exp": [4_000_000_000]}, CLAIMS),
    "expiry is an object": ({"exp": {}}, CLAIMS),
    "expiry is endless": ({"exp": float("inf")}, CLAIMS),
    "expiry is not a number": ({"exp": float("nan")}, CLAIMS),
    "expiry is true": ({"exp": True}, EXPIRED),
    "not yet valid": ({"nbf": timedelta(seconds=600)}, EARLY),
    "begin is text": ({"nbf": "1600000000"}, CLAIMS),
    "begin is true": ({"nbf": True}, CLAIMS),
    "issued in the future": ({"iat": timedelta(seconds=600)}, EARLY),
    "time of issue is text": ({"iat": "1600000000"}, CLAIMS),
    "time of issue is true": ({"iat": True}, CLAIMS),
    "another issuer": ({"iss": "https://issuer.test.attacker.example"}, OTHER_ISSUER),
    "issuer with a slash": ({"iss": ISSUER + "/"}, OTHER_ISSUER),
    "issuers as a list": ({"iss": [ISSUER]}, OTHER_ISSUER),
    "without issuer": ({"iss": None}, CLAIMS),
    "another audience": ({"aud": "billing"}, OTHER_AUDIENCE),
    "other audiences": ({"aud": ["billing", "gpu"]}, OTHER_AUDIENCE),
    "audience is a number": ({"aud": 7}, OTHER_AUDIENCE),
    "audiences with a number": ({"aud": [AUDIENCE, 7]}, OTHER_AUDIENCE),
    "audience as an object": ({"aud": {AUDIENCE: True}}, OTHER_AUDIENCE),
    "audiences within another": ({"aud": f"{AUDIENCE} billing"}, OTHER_AUDIENCE),
    "no audiences": ({"aud": []}, CLAIMS),
    "without audience": ({"aud": None}, CLAIMS),
    "without subject": ({"sub": None}, CLAIMS),
    "empty subject": ({"sub": ""}, CLAIMS),
    "blank subject": ({"sub": " \t\u2003"}, CLAIMS),
    "subject is a number": ({"sub": 7}, CLAIMS),
    "too many organizations": ({"organizations": [str(n) for n in range(51)]}, CLAIMS),
}


@pytest.mark.parametrize(("changes", "why"), WRONG_CLAIMS.values(), ids=WRONG_CLAIMS.keys())
def test_invalid_claims_are_refused(stage: Stage, changes: dict[str, Any], why: str) -> None:
    _assert_refused(_ask(stage, f"Bearer {stage.authority.token(**changes)}"), why)


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", None])
def test_the_type_of_a_token_is_that_of_access_tokens_or_absent(stage: Stage, kind: str | None) -> None:
    assert _ask(stage, f"Bearer {stage.authority.sign(claims(), typ=kind)}").status == 200


@pytest.mark.parametrize(
    "kind", ["ID", "logout+jwt", "dpop+jwt", "secevent+jwt", "JWE", "at+jwt ", 7, ["JWT"]]
)
def test_a_token_of_another_type_is_refused(stage: Stage, kind: Any) -> None:
    _assert_refused(_ask(stage, f"Bearer {stage.authority.sign(claims(), typ=kind)}"), MALFORMED)


def test_an_invalid_signature_reveals_nothing_about_the_claims(stage: Stage) -> None:
    """Otherwise anybody could find out what the service expects."""
    for changes, _ in WRONG_CLAIMS.values():
        _assert_refused(_ask(stage, f"Bearer {Authority().token(**changes)}"), SIGNATURE)


@pytest.mark.parametrize(
    "changes",
    [
        {"organizations": ["o" * 1_900]},
        {"projects": ["p" * 256]},
        {"sub": "s" * 256},
        {"sub": "\ud800"},
    ],
    ids=["organization", "project", "subject", "no text"],
)
def test_an_identity_that_cannot_be_part_of_a_key_is_refused_with_the_reason(
    stage: Stage, changes: dict[str, Any]
) -> None:
    _assert_refused(_ask(stage, f"Bearer {stage.authority.token(**changes)}"), TOO_LONG)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["billing", AUDIENCE]},
        {"organizations": [str(n) for n in range(50)]},
        {"organizations": None, "projects": None},
        {"exp": timedelta(seconds=-2)},
        {"email": "jane@example.com"},
        {"email": 7},
        {"email": "e" * 1_900},
        {"organizations": ["o" * 255], "projects": ["p" * 255], "sub": "s" * 255},
    ],
)
def test_valid_variants_of_claims_are_accepted(stage: Stage, changes: dict[str, Any]) -> None:
    assert _ask(stage, f"Bearer {stage.authority.token(**changes)}").status == 200


def _unsigned(stage: Stage, algorithm: str) -> str:
    return f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': 'key-1'})}.{encoded(claims())}."


def _by_shared_secret(stage: Stage, algorithm: str, secret: bytes) -> str:
    """A well-known forgery: the public key used as a shared secret."""
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
    signed = f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': 'key-1'})}.{encoded(claims())}"
    signature = hmac.new(secret, signed.encode(), digest).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


FORGERIES: dict[str, tuple[Callable[[Stage], str], str]] = {
    "not signed": (lambda stage: _unsigned(stage, "none"), ALGORITHM),
    "not signed, in another case": (lambda stage: _unsigned(stage, "nOnE"), ALGORITHM),
    "not signed, said to be": (lambda stage: _unsigned(stage, "ES256"), SIGNATURE),
    "algorithm is empty": (lambda stage: _unsigned(stage, ""), ALGORITHM),
    "public key as a secret": (
        lambda stage: _by_shared_secret(stage, "HS256", stage.authority.public_pem),
        ALGORITHM,
    ),
    "public key as a secret, 512": (
        lambda stage: _by_shared_secret(stage, "HS512", stage.authority.public_pem),
        ALGORITHM,
    ),
    "key set as a secret": (
        lambda stage: _by_shared_secret(stage, "HS256", json.dumps(stage.authority.public_key).encode()),
        ALGORITHM,
    ),
    "empty secret": (lambda stage: _by_shared_secret(stage, "HS256", b""), ALGORITHM),
    "another key under the same name": (lambda _: Authority().token(), SIGNATURE),
    "another key under another name": (lambda _: Authority(key_id="key-2").token(), KEY),
    "unknown key": (lambda stage: stage.authority.sign(claims(), kid="key-9"), KEY),
    "another key without a name": (lambda _: Authority().sign(claims(), kid=None), SIGNATURE),
    "a key that it brings along": (
        lambda _: Authority().sign(claims(), jwk=Authority().public_key),
        SIGNATURE,
    ),
    "a key from elsewhere": (lambda _: Authority().sign(claims(), jku="http://127.0.0.1:9/keys"), SIGNATURE),
    "algorithm that is not accepted": (lambda _: Authority(algorithm="RS512").token(), ALGORITHM),
}


@pytest.mark.parametrize(("forge", "why"), FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_token_is_refused(stage: Stage, forge: Callable[[Stage], str], why: str) -> None:
    _assert_refused(_ask(stage, f"Bearer {forge(stage)}"), why)


def test_a_token_that_was_changed_after_signing_is_refused(stage: Stage) -> None:
    header, _, signature = stage.authority.token("reader").split(".")
    _assert_refused(_ask(stage, f"Bearer {header}.{encoded(claims('operator'))}.{signature}"), SIGNATURE)


def test_every_changed_character_of_the_signature_is_detected(stage: Stage) -> None:
    head, _, signature = stage.authority.token().rpartition(".")
    # The last character has bits that no decoder reads, so it is not changed.
    for place in range(0, len(signature) - 1, 9):
        other = "A" if signature[place] != "A" else "B"
        changed = signature[:place] + other + signature[place + 1 :]
        _assert_refused(_ask(stage, f"Bearer {head}.{changed}"), SIGNATURE)


LARGE_NUMBER = '{"alg":' + "9" * 5_000 + "}"
GARBAGE: dict[str, str] = {
    "a word": "nonsense",
    "dots": "..",
    "two parts": "a.b",
    "four parts": "a.b.c.d",
    "bad base64": "!!!.###.$$$",
    "wrong padding": "e30=.e30=.e30=",
    "header is no json": f"{text_encoded('{')}.{encoded({})}.AAAA",
    "header is a list": f"{encoded([])}.{encoded({})}.AAAA",
    "header is null": f"{encoded(None)}.{encoded({})}.AAAA",
    "header is empty": f"{encoded({})}.{encoded({})}.AAAA",
    "key name is a number": f"{encoded({'alg': 'ES256', 'kid': 7})}.{encoded({})}.AAAA",
    "key name is a list": f"{encoded({'alg': 'ES256', 'kid': []})}.{encoded({})}.AAAA",
    "algorithm is a number": f"{encoded({'alg': 7, 'kid': 'key-1'})}.{encoded({})}.AAAA",
    "algorithm is a list": f"{encoded({'alg': ['ES256'], 'kid': 'key-1'})}.{encoded({})}.AAAA",
    "critical header": f"{encoded({'alg': 'ES256', 'crit': ['x'], 'x': 1})}.{encoded({})}.AAAA",
    "not utf-8": "gICA.gICA.gICA",
    "not ascii": "ä.ö.ü",
    "lone surrogate": "\ud800.\ud800.\ud800",
    "very deep header": f"{text_encoded('[' * 100_000)}.{encoded({})}.AAAA",
    "very deep header, balanced": f"{text_encoded('[' * 5_000 + ']' * 5_000)}.{encoded({})}.AAAA",
    "very large number": f"{text_encoded(LARGE_NUMBER)}.{encoded({})}.AAAA",
    "very long": "a" * 100_000,
    "control characters": "a\x00b.c\nd.e\rf",
}


@pytest.mark.parametrize("token", GARBAGE.values(), ids=GARBAGE.keys())
def test_a_text_that_is_not_a_token_is_refused_and_causes_no_error(stage: Stage, token: str) -> None:
    answer = _ask(stage, f"Bearer {token}")
    _assert_refused(answer, ALGORITHM if "accepted" in answer.text else MALFORMED)
    assert token not in stage.log


SIGNED_GARBAGE = {
    "a list": "[]",
    "a text": '"claims"',
    "a number": "7",
    "no json": "{",
    "empty": "",
    "very deep": "[" * 5_000 + "]" * 5_000,
}


@pytest.mark.parametrize("payload", SIGNED_GARBAGE.values(), ids=SIGNED_GARBAGE.keys())
def test_a_valid_signature_with_other_content_is_refused(stage: Stage, payload: str) -> None:
    _assert_refused(_ask(stage, f"Bearer {stage.authority.sign_text(payload)}"), CLAIMS)


def test_a_token_without_a_key_name_is_tried_with_the_issuers_key(stage: Stage) -> None:
    assert _ask(stage, f"Bearer {stage.authority.sign(claims(), kid=None)}").status == 200


# Permissions


@pytest.mark.parametrize(
    ("permissions", "expected"),
    [
        (["reservations:read"], 200),
        (["operator"], 200),
        (["reservations:create", "reservations:delete"], 403),
        (["Reservations:Read"], 403),
        (["reservations:read "], 403),
        ([], 403),
        (None, 403),
        ("reservations:read", 200),
        ({"reservations:read": True}, 403),
        ([["reservations:read"]], 403),
    ],
)
def test_permissions_are_words_of_the_token(stage: Stage, permissions: Any, expected: int) -> None:
    assert _ask(stage, f"Bearer {stage.authority.token(permissions=permissions)}").status == expected
