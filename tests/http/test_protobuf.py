"""The codec against the vectors of a real client, and against Google's own."""

from __future__ import annotations

from typing import Any, Final

import pytest
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from hypothesis import given, reject
from hypothesis import strategies as st

from gpu_capacity.capacity_claims.api.messages import DETAILS, EXCHANGES
from gpu_capacity.http.protobuf.json_form import Misfit, of_json
from gpu_capacity.http.protobuf.types import EnumType, Field, Malformed, Message, Scalar
from gpu_capacity.http.protobuf.well_known import DURATION, TIMESTAMP
from gpu_capacity.http.protobuf.wire import DEPTH_MAX, decode, encode
from testkit.connect_messages import message_class, methods

CLAIM_ID: Final = "da3c990b-31c6-4ed3-b302-38dc4f8e6725"
RESOURCES: Final = {
    "instanceId": "gb300-4x",
    "instanceCount": 2,
    "capacityType": "CAPACITY_TYPE_MANAGED",
    "zones": ["us-chi-1"],
}
BEGAN, LATER = "2026-11-28T22:20:28Z", "2026-11-28T22:20:29Z"
READY: Final = {
    "capacityClaim": {
        "spec": {
            "id": CLAIM_ID,
            "name": "tf-a",
            "resources": RESOURCES,
            "organizationId": "a1b2c3d4-0000-4000-8000-000000000001",
        },
        "status": {
            "createdAt": BEGAN,
            "updatedAt": LATER,
            "status": "STATUS_READY",
            "conditions": [
                {
                    "type": "Allocated",
                    "status": "STATUS_TRUE",
                    "lastUpdateTime": BEGAN,
                    "reason": "Allocated",
                    "message": "2 instances allocated",
                    "zone": "us-chi-1",
                },
                {
                    "type": "Progressing",
                    "status": "STATUS_FALSE",
                    "lastUpdateTime": BEGAN,
                    "reason": "AllInstancesAllocated",
                    "message": "2 of 2 instances allocated, 0 pending",
                },
            ],
            "allocatedInstances": 2,
        },
    }
}

ANSWER: Final = (
    "0a9f020a6c0a2464613363393930622d333163362d346564332d623330322d333864633466386536373235120474662d61"
    "1a180a0867623330302d347810021803220875732d6368692d31222461316232633364342d303030302d343030302d3830"
    "30302d30303030303030303030303112ae010a0608aca7add806120608ada7add806180622410a09416c6c6f6361746564"
    "10021a0608aca7add8062209416c6c6f63617465642a153220696e7374616e63657320616c6c6f63617465643208757"
    "32d6368692d3122550a0b50726f6772657373696e6710011a0608aca7add8062215416c6c496e7374616e636573416c6c"
    "6f63617465642a2532206f66203220696e7374616e63657320616c6c6f63617465642c20302070656e64696e672802"
)

# What the published Terraform provider sent, and answers that it accepted.
VECTORS: Final = [
    (
        EXCHANGES["CreateCapacityClaim"].request,
        {"name": "tf-a", "resources": RESOURCES},
        "120474662d6122180a0867623330302d347810021803220875732d6368692d31",
    ),
    (
        EXCHANGES["GetCapacityClaim"].request,
        {"id": CLAIM_ID},
        "0a2464613363393930622d333163362d346564332d623330322d333864633466386536373235",
    ),
    (
        EXCHANGES["DeleteCapacityClaim"].request,
        {"id": CLAIM_ID},
        "0a2464613363393930622d333163362d346564332d623330322d333864633466386536373235",
    ),
    (EXCHANGES["ListCapacityClaims"].request, {"updatedAfter": BEGAN}, "120608aca7add806"),
    (EXCHANGES["GetCapacityClaimParameters"].request, {}, ""),
    (
        EXCHANGES["GetCapacityClaimParameters"].response,
        {"zoneInstanceTypes": {"us-chi-1": {"instanceIds": ["gb300-4x"]}}},
        "1a160a0875732d6368692d31120a0a0867623330302d3478",
    ),
    (
        EXCHANGES["GetCapacityClaim"].response,
        READY,
        ANSWER,
    ),
]


@pytest.mark.parametrize(("message", "content", "octets"), VECTORS, ids=lambda v: getattr(v, "name", None))
def test_messages_have_the_octets_that_a_real_client_sends_and_accepts(
    message: Message, content: dict[str, Any], octets: str
) -> None:
    assert encode(message, content).hex() == octets
    assert decode(message, bytes.fromhex(octets)) == content


# The tables


def _assert_same(message: Message, descriptor: Any) -> None:
    assert message.name == descriptor.full_name
    assert [field.number for field in message.fields] == sorted(field.number for field in message.fields)
    assert {field.number: field.proto_name for field in message.fields} == {
        field.number: field.name for field in descriptor.fields
    }
    for field in message.fields:
        _assert_same_field(field, descriptor.fields_by_number[field.number])


def _assert_same_field(field: Field, descriptor: Any) -> None:
    kind = descriptor.message_type
    assert (field.name, field.repeated or field.is_map) == (descriptor.json_name, descriptor.is_repeated)
    assert field.is_map == bool(kind and kind.GetOptions().map_entry)
    if field.is_map:
        descriptor = kind.fields_by_name["value"]
        assert kind.fields_by_name["key"].type == descriptor.TYPE_STRING
    if isinstance(field.kind, Message):
        _assert_same(field.kind, descriptor.message_type)
    elif isinstance(field.kind, EnumType):
        published = {value.number: value.name for value in descriptor.enum_type.values}
        assert (field.kind.name, dict(field.kind.values)) == (descriptor.enum_type.full_name, published)
    else:
        assert descriptor.type == getattr(descriptor, f"TYPE_{field.kind.name}")


def test_the_tables_and_the_proto_file_describe_the_same() -> None:
    compiled = methods()
    assert set(EXCHANGES) == set(compiled)
    for name, exchange in EXCHANGES.items():
        request, response = compiled[name]
        _assert_same(exchange.request, request.DESCRIPTOR)
        _assert_same(exchange.response, response.DESCRIPTOR)


@pytest.mark.parametrize(
    ("name", "content", "octets"),
    [
        (
            "BadRequest",
            {"fieldViolations": [{"field": "a", "description": "b"}, {"field": "c", "description": "d"}]},
            b"\x0a\x06\x0a\x01a\x12\x01b\x0a\x06\x0a\x01c\x12\x01d",
        ),
        (
            "ResourceInfo",
            {"resourceType": "a", "resourceName": "b", "description": "c"},
            b"\x0a\x01a\x12\x01b\x22\x01c",
        ),
        (
            "PreconditionFailure",
            {"violations": [{"type": "a", "subject": "b", "description": "c"}]},
            b"\x0a\x09\x0a\x01a\x12\x01b\x1a\x01c",
        ),
        (
            "QuotaFailure",
            {
                "violations": [
                    {
                        "subject": "a",
                        "description": "b",
                        "quotaMetric": "c",
                        "quotaValue": "200",
                        "quotaDimensions": {"k": "v"},
                    }
                ]
            },
            b"\x0a\x14\x0a\x01a\x12\x01b\x22\x01c\x32\x06\x0a\x01k\x12\x01v\x38\xc8\x01",
        ),
        ("RetryInfo", {"retryDelay": "5s"}, b"\x0a\x02\x08\x05"),
        ("RequestInfo", {"requestId": "a"}, b"\x0a\x01a"),
    ],
)
def test_details_of_errors_have_their_published_numbers(
    name: str, content: dict[str, Any], octets: bytes
) -> None:
    assert encode(DETAILS[f"google.rpc.{name}"], content) == octets


# Against Google's runtime

_CLAIM: Final = "coreweave.inference.v1alpha1.GetCapacityClaimResponse"
_TEXTS: Final = st.text(max_size=8)
_COUNTS: Final = st.integers(0, (1 << 32) - 1)
_TIMES: Final = st.builds(
    lambda seconds, nanos: decode(TIMESTAMP, _time(seconds, nanos)),
    st.integers(-62_135_596_800, 253_402_300_799),
    st.integers(0, 999_999_999),
)


def _time(seconds: int, nanos: int) -> bytes:
    made: bytes = message_class("google.protobuf.Timestamp")(seconds=seconds, nanos=nanos).SerializeToString()
    return made


def _contents(message: Message) -> st.SearchStrategy[Any]:
    """JSON forms of a message, without fields that have their default."""
    if message is TIMESTAMP:
        return _TIMES
    return st.fixed_dictionaries({}, optional={field.name: _values(field) for field in message.fields})


def _values(field: Field) -> st.SearchStrategy[Any]:
    if isinstance(field.kind, Message):
        one = _contents(field.kind)
    elif isinstance(field.kind, EnumType):
        one = st.sampled_from([name for number, name in field.kind.values.items() if number])
    elif field.kind is Scalar.STRING:
        one = _TEXTS if field.repeated else _TEXTS.filter(bool)
    else:
        one = _COUNTS.filter(bool)
    if field.is_map:
        return st.dictionaries(_TEXTS, one, min_size=1, max_size=3)
    return st.lists(one, min_size=1, max_size=3) if field.repeated else one


_EXCHANGED: Final = [m for e in EXCHANGES.values() for m in (e.request, e.response)]
_SAMPLES: Final = st.sampled_from(_EXCHANGED).flatmap(lambda m: st.tuples(st.just(m), _contents(m)))


@given(_SAMPLES)
def test_both_codecs_read_what_the_other_one_writes(sample: tuple[Message, Any]) -> None:
    message, content = sample
    theirs = json_format.ParseDict(content, message_class(message.name)())
    octets = theirs.SerializeToString()
    assert message_class(message.name).FromString(encode(message, content)) == theirs
    assert decode(message, octets) == content
    assert of_json(message, json_format.MessageToDict(theirs)) == content
    assert of_json(message, json_format.MessageToDict(theirs, preserving_proto_field_name=True)) == content


@given(_SAMPLES, _SAMPLES, st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4)), max_size=4))
def test_both_codecs_refuse_the_same_octets_and_else_read_the_same(
    sample: tuple[Message, Any], other: tuple[Message, Any], edits: list[tuple[int, bytes]]
) -> None:
    message = sample[0]
    octets = encode(*sample) + encode(*other)
    for place, put in edits:
        octets = octets[: place % (len(octets) + 1)] + put + octets[place % (len(octets) + 1) + len(put) :]
    try:
        theirs = message_class(message.name).FromString(octets)
    except DecodeError:
        with pytest.raises(Malformed):
            decode(message, octets)
        return
    theirs.DiscardUnknownFields()
    try:
        json_format.MessageToDict(theirs)
    except (json_format.Error, ValueError, OverflowError):
        reject()  # a time that no calendar has
    assert message_class(message.name).FromString(encode(message, decode(message, octets))) == theirs


@given(st.binary(max_size=64))
def test_octets_are_a_message_or_refused(octets: bytes) -> None:
    for message in _EXCHANGED:
        try:
            decode(message, octets)
        except Malformed:
            continue


# What the rules say of single cases

GET: Final = EXCHANGES["GetCapacityClaim"].request
CREATE: Final = EXCHANGES["CreateCapacityClaim"].request
_GROUP: Final = b"\x1b\x08\x01\x1c"  # field 3, with a field 1 inside


@pytest.mark.parametrize(
    ("octets", "content"),
    [
        (b"", {}),
        (b"\x0a\x01a\x0a\x01b", {"id": "b"}),
        (b"\x0a\x01a" + _GROUP, {"id": "a"}),
        (b"\x18\x05\x21" + bytes(8) + b"\x2d" + bytes(4) + b"\x0a\x01a\x1a\x02xy", {"id": "a"}),
        (b"\x08\x05", {}),  # the id's number, as a number
        (b"\xfa\xff\xff\xff\x0f\x00", {}),  # the largest number of a field
        (b"\x28" + b"\xff" * 9 + b"\x7f", {}),  # more than 64 bits
        (b"\x0a\x81\x80\x80\x80\x00a", {"id": "a"}),  # a length with zeros in front
    ],
)
def test_what_is_unknown_is_skipped_and_the_last_value_counts(octets: bytes, content: dict[str, Any]) -> None:
    assert decode(GET, octets) == content


def test_a_message_that_comes_again_is_merged() -> None:
    first, second = b"\x0a\x01a\x10\x05\x22\x01x", b"\x10\x07\x22\x01y"
    octets = b"\x22" + bytes([len(first)]) + first + b"\x22" + bytes([len(second)]) + second
    assert decode(CREATE, octets) == {
        "resources": {"instanceId": "a", "instanceCount": 7, "zones": ["x", "y"]}
    }


@pytest.mark.parametrize(
    "octets",
    [
        b"\x0a",
        b"\x0a\x05abc",
        b"\x0a\x01\xff",
        b"\x00\x01",
        b"\x0e\x01",
        b"\x0f\x01",
        b"\x80" * 10 + b"\x01",
        b"\x08" + b"\xff" * 10,
        b"\x0a\x81\x80\x80\x80\x80\x00a",
        b"\x8a\x80\x80\x80\x80\x00\x01a",
        b"\x1b\x08\x01",
        b"\x1b\x24",
        b"\x1c",
        b"\x21\x00",
        b"\xff\xff\xff\xff\xff\x01\x00",
        b"\x1b" * (DEPTH_MAX + 1) + b"\x1c" * (DEPTH_MAX + 1),
    ],
)
def test_octets_that_are_no_message_are_refused(octets: bytes) -> None:
    with pytest.raises(Malformed):
        decode(GET, octets)


def test_a_number_of_an_enum_that_nobody_knows_stays_a_number() -> None:
    octets = b"\x22\x02\x18\x01"
    assert decode(CREATE, octets) == {"resources": {"capacityType": 1}}
    assert encode(CREATE, {"resources": {"capacityType": 1}}) == octets


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ([], ()),
        ({"id": 5}, ("id",)),
        ({"resources": []}, ("resources",)),
        ({"resources": {"zones": "a"}}, ("resources", "zones")),
        ({"resources": {"zones": ["a", 5]}}, ("resources", "zones", 1)),
        ({"resources": {"instanceCount": -1}}, ("resources", "instanceCount")),
        ({"resources": {"instanceCount": 1 << 32}}, ("resources", "instanceCount")),
        ({"resources": {"instanceCount": 1.5}}, ("resources", "instanceCount")),
        ({"resources": {"instanceCount": True}}, ("resources", "instanceCount")),
        ({"resources": {"instanceCount": "x"}}, ("resources", "instanceCount")),
        ({"resources": {"capacityType": "MANAGED"}}, ("resources", "capacityType")),
        ({"resources": {"capacityType": "3"}}, ("resources", "capacityType")),
        ({"resources": {"capacityType": 1 << 31}}, ("resources", "capacityType")),
        ({"resources": {"instanceId": "a", "instance_id": "b"}}, ("resources", "instanceId")),
    ],
)
def test_json_that_does_not_fit_is_refused_by_its_place(content: Any, place: tuple[Any, ...]) -> None:
    with pytest.raises(Misfit) as refused:
        of_json(CREATE, content)
    assert refused.value.place == place


@pytest.mark.parametrize("time", [5, "yesterday", "2026-11-28T22:20:28", "2026-02-30T00:00:00Z"])
def test_json_with_a_time_that_is_none_is_refused(time: Any) -> None:
    with pytest.raises(Misfit, match="RFC 3339"):
        of_json(EXCHANGES["ListCapacityClaims"].request, {"updatedAfter": time})


@pytest.mark.parametrize("count", [2, 2.0, "2"])
def test_a_number_in_json_may_have_every_form_that_protocol_buffers_allow(count: Any) -> None:
    sent = {
        "resources": {"instance_count": count, "capacityType": 3, "zones": None},
        "unknown": 1,
        "id": None,
    }
    assert of_json(CREATE, sent) == {
        "resources": {"instanceCount": 2, "capacityType": "CAPACITY_TYPE_MANAGED"}
    }


@pytest.mark.parametrize("seconds", [-62_135_596_801, 253_402_300_800])
def test_a_time_that_no_calendar_has_is_refused(seconds: int) -> None:
    with pytest.raises(Malformed, match="years 1 to 9999"):
        decode(TIMESTAMP, _time(seconds, 0))
    with pytest.raises(Malformed, match="years 1 to 9999"):
        decode(TIMESTAMP, _time(0, -1))


@pytest.mark.parametrize(
    ("text", "seconds", "nanos"), [("5s", 5, 0), ("0.500s", 0, 500_000_000), ("-1.250s", -1, -250_000_000)]
)
def test_a_duration_has_seconds_and_nanoseconds(text: str, seconds: int, nanos: int) -> None:
    octets = encode(DURATION, text)
    theirs = message_class("google.protobuf.Timestamp").FromString(octets)
    assert (theirs.seconds, theirs.nanos) == (seconds, nanos)
    assert decode(DURATION, octets) == text
