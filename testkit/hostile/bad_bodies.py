"""Bad bodies: not JSON, wrong types, numbers, texts, names, tags, zones, ids and sizes."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.access import is_identity
from testkit.hostile.bad import (
    CLAIM,
    RESERVATION,
    SECRET,
    Bad,
    claim,
    in_snake_case,
    put,
    reservation,
    update,
    with_count,
    without,
)
from testkit.hostile.service import HIDDEN, claim_body
from testkit.world import REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOT_JSON: Final[dict[str, str | None]] = {
    "absent": None,
    "empty": "",
    "blank": " \t\r\n",
    "cut off": '{"metadata": {',
    "two values": "{} {}",
    "trailing comma": '{"a": 1,}',
    "single quotes": "{'a': 1}",
    "comment": "{} // no",
    "unquoted key": "{a: 1}",
    "python words": '{"a": None, "b": True}',
    "leading zero": '{"a": 02}',
    "plus sign": '{"a": +2}',
    "hexadecimal": '{"a": 0x10}',
    "bare point": '{"a": .5}',
    "control character": '{"a": "b\x01"}',
    "newline in text": '{"a": "b\n"}',
    "bad escape": '{"a": "\\x41"}',
    "half a surrogate": '{"a": "\\ud800"}',
    "surrogates turned": '{"a": "\\udc00\\ud800"}',
    "raw surrogate": '{"a": "\ud800"}',
    "byte order mark": "\ufeff{}",
    "deep array": "[" * 30_000,
    "deep array, closed": "[" * 20_000 + "]" * 20_000,
    "deep object": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "xml": f"<reservation>{SECRET}</reservation>",
    "form": f"name={SECRET}&count=1",
    "yaml": f"metadata:\n  name: {SECRET}",
}
NO_OBJECT: Final = ("null", "true", "0", '"text"', "[]", "[{}]", f'["{SECRET}"]', "1e5")

WRONG_TYPES: Final[dict[str, Any]] = {
    "null": None,
    "number": 987654321,
    "fraction": 98765.4321,
    "truth": True,
    "list": [SECRET],
    "object": {SECRET: SECRET},
    "empty list": [],
    "empty object": {},
}
NUMBERS: Final = (
    "0",
    "-0",
    "-1",
    "1.5",
    "1.0000001",
    f"1.{'0' * 30}1",
    "0.0",
    "-1.0",
    "1e300",
    "1e400",
    "1E-7",
    "-2147483648",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551617",
    "9" * 400,
    "9" * 5_000,
    f"0.{'9' * 5_000}",
    "NaN",
    "Infinity",
    "-Infinity",
    '"1"',
    '"0x1"',
    '"\u0661"',
    "true",
    "null",
    "[1]",
    '{"value": 1}',
)
NAMES: Final = {
    "empty": "",
    "blank": " ",
    "first a hyphen": "-abcdef",
    "last a hyphen": "abcdef-",
    "first a dot": ".abcdef",
    "last an underscore": "abcdef_",
    "too long": "a" * 64,
    "far too long": "a" * 20_000,
    "with a blank": "abc def",
    "trailing newline": "abcdef\n",
    "leading newline": "\nabcdef",
    "carriage return": "abcdef\r",
    "null character": "abc\x00def",
    "accent": "abcdéf",
    "full width": "\uff21\uff22\uff23\uff24",
    "emoji": "abc🙂def",
    "line separator": "abcdef\u2028",
    "right to left": "abc\u202edef",
    "zero width": "abc\u200bdef",
    "slash": "../../etc/passwd",
    "percent": "abc%00def",
    "script": "<script>alert(1)</script>",
    "statement": "'; DROP TABLE holders; --",
    "template": "{{7*7}}${jndi:ldap://x}",
    "key of the tables": "ORG#161b9d5a#RESERVATION",
}
TEXTS: Final = {
    "empty": "",
    "unknown": "us-nowhere-1",
    "upper case": REGION.upper(),
    "trailing blank": f"{REGION} ",
    "trailing newline": f"{REGION}\n",
    "null character": f"{REGION}\x00",
    "prefix of a key": "REGION#uk-lon-1",
    "a key inside": "uk-lon-1#g.72.gb300.pinned",
    "path": "../uk-lon-1",
    "statement": "uk-lon-1' OR '1'='1",
    "pattern": "*",
    "emoji": "🙂🙂🙂🙂🙂🙂",
    "right to left": "\u202e1-nol-ku",
    "two thousand": "r" * 2_049,
    "sixty thousand": "r" * 60_000,
    "combining": "u\u0308" * 700,
}


def _echo(value: object) -> tuple[str, ...]:
    """Return the value if it is long enough to be recognized in a message: short words are in many."""
    text = value if isinstance(value, str) else ""
    return (text,) if len(text.strip()) >= 6 else ()


def _json() -> Iterator[Bad]:
    makers: tuple[Callable[..., Bad], ...] = (reservation, claim, update)
    for make in makers:
        for name, text in NOT_JSON.items():
            yield make(f"not JSON: {name}", text, 400, SECRET)
        for text in NO_OBJECT:
            yield make(f"no object: {text[:10]}", text, 400, SECRET)


def _fields() -> Iterator[Bad]:
    fields: tuple[tuple[Callable[..., Bad], dict[str, Any], tuple[str, ...]], ...] = (
        (
            reservation,
            RESERVATION,
            (
                "metadata",
                "metadata.name",
                "spec",
                "spec.organizationId",
                "spec.projectId",
                "spec.regionId",
                "spec.accelerator",
                "spec.unit",
                "spec.count",
            ),
        ),
        (
            claim,
            CLAIM,
            (
                "resources",
                "resources.instanceId",
                "resources.instanceCount",
                "resources.zones",
                "resources.capacityType",
            ),
        ),
        (update, CLAIM, ("resources", "resources.instanceCount", "resources.zones")),
    )
    for make, body, paths in fields:
        for path in paths:
            yield make(f"{path} is missing", without(body, path))
            for name, value in WRONG_TYPES.items():
                if (path, name) == ("spec.count", "number"):
                    continue
                yield make(f"{path} is {name}", put(body, path, value), 400, SECRET, "98765")
    for path in ("spec.organizationId", "spec.projectId", "spec.regionId"):
        yield reservation(f"{path} in snake case", in_snake_case(RESERVATION, path))
    for path in ("metadata.description", "metadata.tags"):
        for name in ("number", "truth", "object"):
            yield reservation(f"{path} is {name}", put(RESERVATION, path, WRONG_TYPES[name]), 400, SECRET)
    for path in ("id", "name"):
        for name in ("number", "truth", "object", "list"):
            yield claim(f"{path} is {name}", put(CLAIM, path, WRONG_TYPES[name]), 400, SECRET)


def _numbers() -> Iterator[Bad]:
    for literal in NUMBERS:
        name, values = f"count {literal[:24]}", (literal[:40],) if len(literal) > 9 else ()
        yield reservation(name, with_count(RESERVATION, "spec.count", literal), 400, *values)
        yield claim(name, with_count(CLAIM, "resources.instanceCount", literal), 400, *values)
        yield update(name, with_count(CLAIM, "resources.instanceCount", literal), 400, *values)
    yield claim("count beyond a claim", put(CLAIM, "resources.instanceCount", 4_001))


def _names() -> Iterator[Bad]:
    for name, text in NAMES.items():
        yield reservation(f"name: {name}", put(RESERVATION, "metadata.name", text), 400, *_echo(text))
        yield claim(f"name: {name}", put(CLAIM, "name", text), 400, *_echo(text))
    for text in ("a_b", "a.b", "a" * 64):
        yield claim(f"name of the other API: {text[:5]}", put(CLAIM, "name", text))
    yield claim("name is taken", put(CLAIM, "resources.instanceCount", 2) | {"name": "mine"}, 409)
    yield update("another name", CLAIM | {"name": SECRET}, 400, SECRET)
    yield update("name is a number", CLAIM | {"name": 98765}, 400, "98765")


def _texts() -> Iterator[Bad]:
    for name, text in TEXTS.items():
        yield reservation(f"region: {name}", put(RESERVATION, "spec.regionId", text), 404, *_echo(text))
        for field in ("accelerator", "unit"):
            yield reservation(f"{field}: {name}", put(RESERVATION, f"spec.{field}", text), 400, *_echo(text))
        yield reservation(
            f"organizationId: {name}", put(RESERVATION, "spec.organizationId", text), 403, *_echo(text)
        )
        # An id that no token can have is 400 for every caller, also for one who may create in every project.
        status = 403 if is_identity(text) else 400
        yield reservation(
            f"projectId: {name}", put(RESERVATION, "spec.projectId", text), status, *_echo(text)
        )
        yield claim(f"instance: {name}", put(CLAIM, "resources.instanceId", text), 400, *_echo(text))
        yield claim(f"capacity type: {name}", put(CLAIM, "resources.capacityType", text), 400, *_echo(text))
        if text != REGION.upper():  # zones compare without case
            yield claim(f"zone: {name}", put(CLAIM, "resources.zones", [text]), 400, *_echo(text))
        yield update(f"zone: {name}", put(CLAIM, "resources.zones", [REGION, text]), 400, *_echo(text))
    yield reservation("region: hidden", put(RESERVATION, "spec.regionId", HIDDEN), 404, HIDDEN)


def _tags() -> Iterator[Bad]:
    wrong: dict[str, Any] = {
        "text": SECRET,
        "a list of texts": [SECRET],
        "a list of null": [None],
        "a list of lists": [[SECRET, SECRET]],
        "without value": [{"name": SECRET}],
        "without name": [{"value": SECRET}],
        "name is null": [{"name": None, "value": SECRET}],
        "name is a number": [{"name": 7, "value": SECRET}],
        "value is a number": [{"name": "a", "value": 987654321}],
        "value is a list": [{"name": "a", "value": [SECRET]}],
        "the same name twice": [{"name": SECRET, "value": "1"}, {"name": SECRET, "value": "2"}],
        "the last of many": [*({"name": str(n), "value": ""} for n in range(500)), {"name": "x"}],
    }
    for name, tags in wrong.items():
        yield reservation(f"tags: {name}", put(RESERVATION, "metadata.tags", tags), 400, SECRET, "987654321")


def _claims() -> Iterator[Bad]:
    zones: dict[str, Any] = {
        "twice": [REGION, REGION],
        "too many": [f"zone-{n:04}" for n in range(21)],
        "far too many": [f"z{n}" for n in range(6_000)],
        "a text": SECRET,
        "a number": [7],
        "null": [None],
        "nested": [[SECRET]],
        "hidden": [REGION, HIDDEN],
        "an object": [{SECRET: 1}],
        "too long a name": ["z" * 254],
    }
    for name, value in zones.items():
        yield claim(f"zones: {name}", put(CLAIM, "resources.zones", value), 400, SECRET, "zone-0007")
        yield update(f"zones: {name}", put(CLAIM, "resources.zones", value), 400, SECRET, "zone-0007")
    for value in ("CAPACITY_TYPE_UNSPECIFIED", "capacity_type_customer", "CUSTOMER", "CAPACITY_TYPE_SPOT"):
        yield claim(f"capacity type {value}", put(CLAIM, "resources.capacityType", value))
    ids = {
        "empty": "",
        "a word": SECRET,
        "too short": "11111111-2222-4333-8444-55555555555",
        "too long": "11111111-2222-4333-8444-5555555555555",
        "without hyphens": "11111111222243338444555555555555",
        "braces": "{11111111-2222-4333-8444-555555555555}",
        "urn": "urn:uuid:11111111-2222-4333-8444-555555555555",
        "no hexadecimal": "g1111111-2222-4333-8444-555555555555",
        "hyphens elsewhere": "1111111-12222-4333-8444-555555555555",
        "trailing newline": "11111111-2222-4333-8444-555555555555\n",
        "leading blank": " 11111111-2222-4333-8444-555555555555",
        "full width": "\uff111111111-2222-4333-8444-555555555555",
        "null character": "11111111-2222-4333-8444-55555555555\x00",
        "very long": "1" * 50_000,
    }
    for name, value in ids.items():
        yield claim(f"id: {name}", put(CLAIM, "id", value), 400, *_echo(value))
        if value:
            yield update(f"id: {name}", put(CLAIM, "id", value), 400, *_echo(value))
    yield update("another id", claim_body(id="11111111-2222-4333-8444-555555555555"))
    yield update("another instance", claim_body(instanceId="h100-80gb-sxm5"), 400, "h100-80gb-sxm5")
    yield update("another capacity type", claim_body(capacityType="CAPACITY_TYPE_MANAGED"))


def _sizes() -> Iterator[Bad]:
    for make, body in ((reservation, RESERVATION), (claim, CLAIM), (update, CLAIM)):
        text = json.dumps(body)
        for size in (64 * 1024 + 1, 256 * 1024, 2 * 1024 * 1024):
            yield make(f"{size} bytes of blanks", text + " " * (size - len(text)), 413)
            yield make(
                f"{size} bytes of text", json.dumps({"x": SECRET * (size // len(SECRET) + 1)}), 413, SECRET
            )
        yield make("too large in bytes, not in characters", '{"x": "' + "é" * 40_000 + '"}', 413)
        yield make("the largest, and wrong", '{"x": ' + " " * (64 * 1024 - 8) + "1}", 400)
        large = base64.b64encode(b"x" * (64 * 1024 + 1)).decode()
        yield make("too large in base64", large, 413, base64=True)
        for name, encoded in {
            "no base64": "not base64!",
            "base64 of nothing": "",
            "padding missing": "e30",
            "padding inside": "e30=e30=",
            "not ASCII": "ä",
            "no UTF-8": base64.b64encode(b"\xff\xfe\xfd").decode(),
            "UTF-16": base64.b64encode(text.encode("utf-16")).decode(),
            "compressed": base64.b64encode(b"\x1f\x8b\x08\x00\x00\x00\x00\x00").decode(),
        }.items():
            yield make(name, encoded, 400, base64=True)


BODIES: Final = (*_json(), *_fields(), *_numbers(), *_names(), *_texts(), *_tags(), *_claims(), *_sizes())
