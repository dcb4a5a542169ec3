from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from gpu_capacity.errors import PROBLEMS_SHOWN_MAX, InvalidRequest
from gpu_capacity.http.call import (
    BODY_BYTES_MAX,
    BodyInvalid,
    BodyTooLarge,
    Call,
    MalformedBody,
    UnsupportedMediaType,
)
from gpu_capacity.http.operations import OPERATIONS
from gpu_capacity.vms.api.errors import QueryInvalid
from gpu_capacity.vms.api.models import VmPage
from gpu_capacity.vms.api.replies import query_of
from testkit.world import World, caller


class Body(BaseModel):
    name: str
    count: int = 1


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def _call(world: World, raw: str | None = None, *, encoded: bool = False, **changes: Any) -> Call[Any]:
    values: dict[str, Any] = {"headers": {}, "query": {}, "path_parameters": {}} | changes
    return Call(services=world.services, caller=caller(), raw_body=raw, body_is_base64=encoded, **values)


def test_a_body_is_parsed_into_its_model(world: World) -> None:
    assert _call(world, '{"name": "é", "count": 2}').body(Body) == Body(name="é", count=2)


def test_a_body_may_be_encoded_as_base64(world: World) -> None:
    raw = base64.b64encode('{"name": "é"}'.encode()).decode()

    assert _call(world, raw, encoded=True).body(Body).name == "é"


def test_invalid_base64_is_malformed(world: World) -> None:
    call = _call(world, "{not base64}", encoded=True)

    with pytest.raises(MalformedBody):
        call.body(Body)


@pytest.mark.parametrize(
    "raw", [None, "", "{", "name", '{"name": "a"} trailing', '{"name": "\ud800"}', "{" * 10_000, "\x00"]
)
def test_a_body_that_is_not_json_is_malformed(world: World, raw: str | None) -> None:
    call = _call(world, raw)

    with pytest.raises(MalformedBody):
        call.body(Body)


@pytest.mark.parametrize(
    "raw", ["{}", "[]", "null", "1", '"text"', '{"name": 1}', '{"name": "a", "count": "x"}']
)
def test_json_that_does_not_fit_the_model_is_invalid(world: World, raw: str) -> None:
    call = _call(world, raw)

    with pytest.raises(BodyInvalid) as caught:
        call.body(Body)
    assert caught.value.problems


def test_problems_name_the_field_and_never_echo_the_value(world: World) -> None:
    call = _call(world, '{"name": "a", "count": "s3cret-value"}')

    with pytest.raises(BodyInvalid) as caught:
        call.body(Body)
    (problem,) = caught.value.problems
    assert problem["loc"] == ("count",)
    assert "s3cret" not in repr(caught.value.problems)


def test_what_our_own_checks_say_is_told_without_an_introduction(world: World) -> None:
    class Even(BaseModel):
        count: int

        @field_validator("count")
        @classmethod
        def _even(cls, count: int) -> int:
            if count % 2:
                raise ValueError("must be even")
            return count

    with pytest.raises(BodyInvalid) as caught:
        _call(world, '{"count": 1}').body(Even)
    assert [problem["msg"] for problem in caught.value.problems] == ["must be even"]


@pytest.mark.parametrize(
    "declared",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", " application/json "],
)
def test_the_content_type_of_json_may_be_written_in_any_form(world: World, declared: str) -> None:
    assert _call(world, '{"name": "a"}', headers={"content-type": declared}).body(Body)


def test_a_body_without_a_content_type_is_parsed_as_json(world: World) -> None:
    assert _call(world, '{"name": "a"}').body(Body)


@pytest.mark.parametrize(
    "declared", ["text/plain", "", "application/jsonp", "application/x-www-form-urlencoded"]
)
def test_another_content_type_is_refused_before_the_body_is_read(world: World, declared: str) -> None:
    call = _call(world, "{", headers={"content-type": declared})

    with pytest.raises(UnsupportedMediaType):
        call.body(Body)


def test_a_body_may_be_exactly_as_large_as_the_limit(world: World) -> None:
    filler = "x" * (BODY_BYTES_MAX - len('{"name":""}'))

    assert _call(world, f'{{"name":"{filler}"}}').body(Body).name == filler


def test_a_body_beyond_the_limit_is_refused_by_its_size_in_bytes(world: World) -> None:
    call = _call(world, "é" * (BODY_BYTES_MAX // 2 + 1))

    with pytest.raises(BodyTooLarge):
        call.body(Body)


def test_the_limit_applies_to_the_decoded_body(world: World) -> None:
    raw = base64.b64encode(b" " * (BODY_BYTES_MAX - 12) + b'{"name":"a"}').decode()

    assert _call(world, raw, encoded=True).body(Body)


# Query parameters and headers.


def test_a_repeated_parameter_has_all_its_values(world: World) -> None:
    call = _call(world, query={"tag": ["b", "a", "b"]})

    assert call.values("tag") == {"a", "b"}
    assert call.ordered_values("tag") == ["b", "a", "b"]


def test_an_absent_parameter_has_no_values(world: World) -> None:
    assert _call(world).values("tag") == frozenset()
    assert _call(world).ordered_values("tag") == []


@pytest.mark.parametrize(("values", "flag"), [([], False), (["true"], True), (["false"], False)])
def test_a_flag_is_true_or_false_and_absent_means_false(
    world: World, values: list[str], *, flag: bool
) -> None:
    assert _call(world, query={"dryRun": values} if values else {}).flag("dryRun") is flag


@pytest.mark.parametrize("values", [["1"], ["True"], [""], ["yes"], [" true"]])
def test_any_other_flag_is_refused(world: World, values: list[str]) -> None:
    call = _call(world, query={"dryRun": values})

    with pytest.raises(InvalidRequest, match="query dryRun"):
        call.flag("dryRun")


@pytest.mark.parametrize("key", ["a", "x" * 255, "!~", "8e03978e-40d5-43e8-bc93-6894a57f9324"])
def test_an_idempotency_key_is_used_unchanged(world: World, key: str) -> None:
    assert _call(world, headers={"idempotency-key": key}).idempotency_key() == key


def test_without_the_header_there_is_no_idempotency_key(world: World) -> None:
    assert _call(world).idempotency_key() is None


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é", "a\n", "\x7f"])
def test_an_idempotency_key_must_be_visible_ascii_of_limited_length(world: World, key: str) -> None:
    call = _call(world, headers={"idempotency-key": key})

    with pytest.raises(InvalidRequest) as caught:
        call.idempotency_key()
    assert caught.value.field == "header Idempotency-Key"


def test_of_many_unknown_parameters_the_first_are_reported() -> None:
    """The error for each is up to twenty times as long as the parameter, and anybody may send thousands."""
    many = {f"x{n}": ["1"] for n in range(2 * PROBLEMS_SHOWN_MAX)}

    with pytest.raises(InvalidRequest) as caught:
        OPERATIONS["search_offers"].check_query(many)

    assert [field for field, _ in caught.value.problems] == [f"query x{n}" for n in range(PROBLEMS_SHOWN_MAX)]


def test_of_many_wrong_values_the_first_are_reported() -> None:
    with pytest.raises(QueryInvalid) as caught:
        query_of({"status": [f"x{n}" for n in range(2 * PROBLEMS_SHOWN_MAX)]}, VmPage)

    assert len(caught.value.problems) == PROBLEMS_SHOWN_MAX
