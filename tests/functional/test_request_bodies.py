"""Invalid bodies are refused with the name of the field and never with its value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from testkit.handlers import sample_events
from testkit.handlers.arrangements import wish
from testkit.handlers.sample_events import with_body, with_headers

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer, Stage

SECRET = "hunter2"


def _create(stage: Stage, event: dict[str, Any]) -> Answer:
    return stage.request("create_reservation", event)


def _with(path: str, value: Any) -> dict[str, Any]:
    body = sample_events.body_of(wish())
    part = body
    *parents, last = path.split(".")
    for name in parents:
        part = part[name]
    part[last] = value
    return with_body(wish(), body)


WRONG = [
    ("metadata", None),
    ("metadata", SECRET),
    ("metadata", [SECRET]),
    ("metadata.name", None),
    ("metadata.name", 7),
    ("metadata.name", [SECRET]),
    ("metadata.description", 7),
    ("metadata.description", {SECRET: SECRET}),
    ("metadata.tags", {SECRET: SECRET}),
    ("metadata.tags", SECRET),
    ("metadata.tags", [SECRET]),
    ("metadata.tags", [{"name": "a"}]),
    ("metadata.tags", [{"value": SECRET}]),
    ("metadata.tags", [{"name": "a", "value": 7}]),
    ("metadata.tags", [{"name": None, "value": SECRET}]),
    ("spec", None),
    ("spec", [SECRET]),
    ("spec.organizationId", 7),
    ("spec.projectId", None),
    ("spec.regionId", {SECRET: 1}),
    ("spec.accelerator", True),
    ("spec.unit", ["NVL72"]),
    ("spec.count", 0),
    ("spec.count", -1),
    ("spec.count", 2.5),
    ("spec.count", True),
    ("spec.count", SECRET),
    ("spec.count", "2"),
    ("spec.count", None),
    ("spec.count", [2]),
    ("spec.count", 2**31),
    ("spec.count", 2**63),
    ("spec.count", 2**64 + 1),
    ("spec.count", 1e300),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_an_invalid_value_is_refused_by_the_name_of_its_field(sample: Stage, field: str, value: Any) -> None:
    before = sample.db.dump()
    answer = _create(sample, _with(field, value))
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert answer.json["error_description"].startswith(field)
    assert SECRET not in answer.text
    assert sample.db.dump() == before


@pytest.mark.parametrize("literal", ["2.0", "2e0", "20E-1"])
def test_a_whole_number_may_be_written_with_a_zero_fraction(sample: Stage, literal: str) -> None:
    text = sample_events.body_of(wish(count=77))
    event = with_body(wish(), json.dumps(text).replace("77", literal))
    answer = _create(sample, event)
    assert (answer.status, answer.json["spec"]["count"]) == (202, 2), answer


@pytest.mark.parametrize(
    "literal", ["1.99999999999999999999", "2.00000000000000000001", "2e400", "0.0", "-2.0"]
)
def test_a_number_that_is_whole_only_after_rounding_is_refused(sample: Stage, literal: str) -> None:
    text = sample_events.body_of(wish(count=77))
    answer = _create(sample, with_body(wish(), json.dumps(text).replace("77", literal)))
    assert answer.status == 400
    assert answer.json["error_description"].startswith("spec.count")


@pytest.mark.parametrize(
    "field",
    [
        "metadata",
        "metadata.name",
        "spec",
        "spec.organizationId",
        "spec.projectId",
        "spec.regionId",
        "spec.accelerator",
        "spec.unit",
        "spec.count",
    ],
)
def test_a_missing_field_is_named(sample: Stage, field: str) -> None:
    body = sample_events.body_of(wish())
    *parents, last = field.split(".")
    part = body
    for name in parents:
        part = part[name]
    del part[last]
    answer = _create(sample, with_body(wish(), body))
    assert answer.status == 400
    assert answer.json["error_description"].startswith(field)


@pytest.mark.parametrize("name", ["a", "0", "Z9", "a-b_c.d", "a" * 63, "a..b", "a--b"])
def test_a_name_that_matches_the_pattern_is_accepted(sample: Stage, name: str) -> None:
    answer = _create(sample, wish({"name": name}, count=1))
    assert answer.status == 202
    assert answer.json["metadata"]["name"] == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "a-",
        "_a",
        "a.",
        "a" * 64,
        "a b",
        "a\n",
        "\na",
        "a\r",
        "a\x00",
        "é",
        "a/b",
        "a\u2028",
        "\uff11",
    ],
)
def test_a_name_that_does_not_match_the_pattern_is_refused(sample: Stage, name: str) -> None:
    answer = _create(sample, wish({"name": name}, count=1))
    assert answer.status == 400
    assert answer.json["error_description"].startswith("metadata.name")


def test_tag_names_are_unique(sample: Stage) -> None:
    tags = [{"name": "workload", "value": "a"}, {"name": "workload", "value": SECRET}]
    answer = _create(sample, wish({"tags": tags}))
    assert answer.status == 400
    assert answer.json["error_description"].startswith("metadata.tags")
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    "text", ["", " ", "ünïcödé ✓ 🙂", "a\nb\tc", "\x00", "</script>", '"', "\\", "%00", "{{token:x}}"]
)
def test_free_text_is_returned_unchanged(sample: Stage, text: str) -> None:
    tags = [{"name": f"n{text}", "value": text}]
    # Sent without replacing token placeholders, because a text may look like a placeholder.
    event = wish({"description": f"d{text}", "tags": tags}, count=1)
    event = with_headers(event, authorization=f"Bearer {sample.authority.token()}")
    result = sample.run("create_reservation", event)
    assert result["statusCode"] == 202
    metadata = json.loads(result["body"])["metadata"]
    assert metadata["description"] == f"d{text}"
    assert metadata["tags"] == tags


NOT_JSON = {
    "absent": None,
    "empty": "",
    "blank": "  ",
    "cut off": '{"metadata": {',
    "more than one": "{} {}",
    "python": "{'metadata': 1}",
    "comment": "{} // no",
    "lone surrogate, escaped": '{"metadata": {"name": "\\ud800"}}',
    "lone surrogate, as it is": '{"metadata": {"name": "\ud800"}}',
    "wrong half first": '{"metadata": {"description": "\\udc00\\ud800"}}',
    "control character": '{"metadata": {"name": "a\x01b"}}',
    "deep array": "[" * 30_000,
    "deep and balanced": "[" * 20_000 + "]" * 20_000,
    "deep object": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "deep below an unknown field": '{"x":' + "[" * 15_000 + "]" * 15_000 + "}",
    "leading zero": '{"spec": {"count": 02}}',
    "byte order mark": "\ufeff{}",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_a_body_that_is_not_json_is_refused(sample: Stage, body: str | None) -> None:
    answer = _create(sample, with_body(wish(), body))
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert answer.json["error_description"] == "the request body is not valid JSON"


@pytest.mark.parametrize("body", ["null", "true", "7", '"text"', "[]", "[{}]"])
def test_json_that_is_not_an_object_is_refused(sample: Stage, body: str) -> None:
    answer = _create(sample, with_body(wish(), body))
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("digits", [20, 400, 4_000, 5_000, 20_000])
@pytest.mark.parametrize("form", ["{}", "-{}", "{}.5", "0.{}", "1e{}", "{}e-1"])
def test_a_huge_number_is_refused(sample: Stage, digits: int, form: str) -> None:
    body = json.dumps(sample_events.body_of(wish())).replace(
        '"count": 2', f'"count": {form.format("9" * digits)}'
    )
    answer = _create(sample, with_body(wish(), body))
    assert answer.status == 400
    assert "999" not in answer.text


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_value_that_is_no_json_number_is_no_count(sample: Stage, number: str) -> None:
    body = json.dumps(sample_events.body_of(wish())).replace('"count": 2', f'"count": {number}')
    assert _create(sample, with_body(wish(), body)).status == 400


def test_a_huge_number_in_an_unknown_field_is_ignored(sample: Stage) -> None:
    body = json.dumps(sample_events.body_of(wish())).replace('"count"', f'"other": 1{"0" * 5_000}, "count"')
    assert _create(sample, with_body(wish(), body)).status in {202, 400}


@pytest.mark.parametrize("text", ["not base64!", "ä", "e30", "e30=e30="])
def test_invalid_base64_is_refused(sample: Stage, text: str) -> None:
    event = with_body(wish(), text)
    event["isBase64Encoded"] = True
    assert _create(sample, event).status == 400


# Media type and size


@pytest.mark.parametrize(
    "declared",
    ["application/json", "application/json; charset=utf-8", "Application/JSON", " application/json ", None],
)
def test_json_may_be_declared_in_several_ways(sample: Stage, declared: str | None) -> None:
    assert _create(sample, with_headers(wish(), content_type=declared)).status == 202


@pytest.mark.parametrize(
    "declared", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json", ""]
)
def test_any_other_media_type_is_unsupported(sample: Stage, declared: str) -> None:
    answer = _create(sample, with_headers(wish(), content_type=declared))
    assert (answer.status, answer.json["error"]) == (415, "unsupported_media_type")


def _of_size(octets: int) -> dict[str, Any]:
    body = json.dumps(sample_events.body_of(wish()))
    return with_body(wish(), body + " " * (octets - len(body)))


def test_a_body_of_the_maximum_size_is_accepted(sample: Stage) -> None:
    assert _create(sample, _of_size(64 * 1024)).status == 202


def test_a_body_one_byte_larger_is_too_large(sample: Stage) -> None:
    answer = _create(sample, _of_size(64 * 1024 + 1))
    assert (answer.status, answer.json["error"]) == (413, "request_entity_too_large")


def test_size_is_counted_in_bytes_and_not_in_characters(sample: Stage) -> None:
    event = wish({"description": "é" * 40_000})
    event["body"] = json.dumps(sample_events.body_of(event), ensure_ascii=False)
    assert len(event["body"]) < 64 * 1024
    assert _create(sample, event).status == 413


def test_without_a_token_no_error_of_the_body_is_revealed(sample: Stage) -> None:
    for event in (
        with_body(wish(), "{"),
        _of_size(64 * 1024 + 1),
        with_headers(wish(), content_type="text/plain"),
    ):
        assert _create(sample, with_headers(event, authorization=None)).status == 401
