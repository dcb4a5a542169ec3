"""Every malformed variable is named before anything is served."""

from __future__ import annotations

import base64
import json

import pytest

from gpu_capacity.errors import Misconfigured
from gpu_capacity.runtime.settings import Environment, TableNames

KEY_SET = {"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}]}


def _env(value: str | None) -> Environment:
    return Environment({} if value is None else {"NAME": value})


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_empty_variable_counts_as_absent(value: str | None) -> None:
    assert _env(value).text("NAME", "default") == "default"
    assert _env(value).optional("NAME") is None
    assert _env(value).whole("NAME", 7) == 7
    assert _env(value).share("NAME", 0.5) == 0.5
    assert _env(value).words("NAME", "a,b") == ["a", "b"]
    assert _env(value).key_set("NAME") is None
    assert _env(value).https_url("NAME") is None


@pytest.mark.parametrize("value", [None, "", " "])
def test_an_absent_required_variable_is_named(value: str | None) -> None:
    environment = _env(value)

    with pytest.raises(Misconfigured, match="NAME is not set"):
        environment.text("NAME")


def test_blanks_around_a_value_are_ignored() -> None:
    assert _env(" x ").text("NAME") == "x"
    assert _env(" a , ,b,").words("NAME") == ["a", "b"]


def test_a_whole_number_may_be_as_small_as_allowed() -> None:
    assert _env("3").whole("NAME", 9, least=3) == 3
    assert _env("0").whole("NAME", 9) == 0


@pytest.mark.parametrize(
    "value", ["2", "-1", "3.0", "three", "1e3", "0x10", "²", "3 4", "1_0", "+3", "03", "\u0663"]
)
def test_an_invalid_or_too_small_whole_number_is_named(value: str) -> None:
    environment = _env(value)

    with pytest.raises(Misconfigured, match="NAME must be a whole number of at least 3"):
        environment.whole("NAME", 9, least=3)


@pytest.mark.parametrize(("value", "share"), [("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("0.50", 0.5)])
def test_a_share_is_between_zero_and_one(value: str, share: float) -> None:
    assert _env(value).share("NAME", 0.1) == share


@pytest.mark.parametrize(
    "value", ["1.01", "-0.1", "20%", "half", "nan", "inf", ".5", "0.2_5", "1e-1", "0,5", "\u0660"]
)
def test_an_invalid_share_is_named(value: str) -> None:
    environment = _env(value)

    with pytest.raises(Misconfigured, match="NAME must be a number between 0 and 1"):
        environment.share("NAME", 0.1)


def test_a_key_set_is_json_or_base64url_of_it() -> None:
    text = json.dumps(KEY_SET)
    encoded = base64.urlsafe_b64encode(text.encode()).decode()

    assert _env(text).key_set("NAME") == KEY_SET
    assert _env(encoded).key_set("NAME") == KEY_SET
    assert _env(encoded.rstrip("=")).key_set("NAME") == KEY_SET


@pytest.mark.parametrize(
    "value", ["{", "{}", '{"keys": []}', "not a key set", "eyJ", "W10", "/w", '{"keys": 0}']
)
def test_an_invalid_key_set_is_named(value: str) -> None:
    environment = _env(value)

    with pytest.raises(Misconfigured, match="NAME must be a JWKS"):
        environment.key_set("NAME")


@pytest.mark.parametrize(
    "value", ["https://issuer.example/jwks", "http://127.0.0.1:1/x", "http://localhost/x", "http://[::1]:1/x"]
)
def test_an_address_is_read_over_https_or_from_this_machine(value: str) -> None:
    assert _env(value).https_url("NAME") == value


@pytest.mark.parametrize(
    "value",
    [
        "http://issuer.example/jwks",
        "file:///etc/passwd",
        "issuer.example",
        "ftp://x/y",
        "http://127.0.0.1.x/",
    ],
)
def test_any_other_address_is_named(value: str) -> None:
    environment = _env(value)

    with pytest.raises(Misconfigured, match="NAME must be an https address"):
        environment.https_url("NAME")


def test_both_tables_are_named_by_the_environment() -> None:
    variables = {"INVENTORY_TABLE": "i", "HOLDERS_TABLE": "h", "HISTORY_TABLE": "y"}

    assert TableNames.read(Environment(variables)) == TableNames("i", "h", "y")


@pytest.mark.parametrize("missing", ["INVENTORY_TABLE", "HOLDERS_TABLE", "HISTORY_TABLE"])
def test_a_missing_table_name_is_named(missing: str) -> None:
    names = {"INVENTORY_TABLE", "HOLDERS_TABLE", "HISTORY_TABLE"} - {missing}
    environment = Environment(dict.fromkeys(names, "x"))

    with pytest.raises(Misconfigured, match=missing):
        TableNames.read(environment)
