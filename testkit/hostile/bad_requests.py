"""Bad requests apart from bodies: ids, queries, headers, tokens, paths and methods."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from testkit.handlers.authority import encoded, text_encoded
from testkit.hostile.bad import CLAIM, RESERVATION, SECRET, Bad, claim, reservation, update
from testkit.hostile.service import ABSENT, CLAIMS, RELEASE, RESERVATIONS, UNITS, Ask
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Iterator

IDS: Final = {
    "absent": ABSENT,
    "a word": "nonsense",
    "a number": "87654321",
    "upper case": ABSENT.upper(),
    "too short": ABSENT[:-1],
    "too long": f"{ABSENT}0",
    "without hyphens": ABSENT.replace("-", ""),
    "of another version": "a64f9269-36e0-1312-b8d1-52d93d569b7b",
    "braces": f"{{{ABSENT}}}",
    "blank": "%20%20%20",
    "null character": f"{ABSENT}%00",
    "raw null character": f"{ABSENT}\x00",
    "dots": "..",
    "dots, encoded": "%2e%2e%2fpasswd",
    "key of the tables": f"RESERVATION#{ABSENT}",
    "prefix of a key": "RESERVATION#",
    "tombstone": "CLAIM#",
    "statement": "' OR '1'='1",
    "emoji": "🙂🙂🙂🙂🙂",
    "full width": f"\uff41{ABSENT[1:]}",
    "raw surrogate": f"{ABSENT}\ud800",
    "newline": f"{ABSENT}\n",
    "header injection": f"{ABSENT}\r\nX-Evil:yes",
    "two thousand": "a" * 2_049,
    "a hundred thousand": "a" * 100_000,
}

LARGE: Final = '{"alg":' + "9" * 5_000 + "}"
AUTHORIZATIONS: Final = {
    "empty": "",
    "blank": "   ",
    "no token": "Bearer",
    "no token, blank": "Bearer ",
    "basic": "Basic dXNlcjpwYXNz",
    "digest": 'Digest username="x"',
    "another scheme": "Token abcdefgh",
    "scheme without blank": "BearerabcdefghIJKL",
    "a word": "Bearer nonsense-nonsense",
    "dots": "Bearer ..",
    "two parts": "Bearer abcdefgh.ijklmnop",
    "four parts": "Bearer abcd.efgh.ijkl.mnop",
    "bad base64": "Bearer !!!!.####.$$$$",
    "header is no JSON": f"Bearer {text_encoded('{')}.{encoded({})}.AAAA",
    "header is a list": f"Bearer {encoded([])}.{encoded({})}.AAAA",
    "header is null": f"Bearer {encoded(None)}.{encoded({})}.AAAA",
    "header is empty": f"Bearer {encoded({})}.{encoded({})}.AAAA",
    "key name is a number": f"Bearer {encoded({'alg': 'ES256', 'kid': 7})}.{encoded({})}.AAAA",
    "key name is a path": f"Bearer {encoded({'alg': 'ES256', 'kid': '../../dev/null'})}.{encoded({})}.AAAA",
    "key name is a list": f"Bearer {encoded({'alg': 'ES256', 'kid': []})}.{encoded({})}.AAAA",
    "algorithm is a list": f"Bearer {encoded({'alg': ['none'], 'kid': 'key-1'})}.{encoded({})}.AAAA",
    "no UTF-8": "Bearer gICA.gICA.gICA",
    "not ASCII": "Bearer äöüä.öüäö.üäöü",
    "raw surrogate": "Bearer \ud800\ud800.\ud800\ud800.\ud800\ud800",
    "null character": "Bearer abc\x00.def.ghi",
    "deep header": f"Bearer {text_encoded('[' * 50_000)}.{encoded({})}.AAAA",
    "large number": f"Bearer {text_encoded(LARGE)}.{encoded({})}.AAAA",
    "very long": "Bearer " + "a" * 100_000,
    "two tokens": "Bearer abcdefgh ijklmnop",
    "two schemes": "Basic dXNlcjpwYXNz, Bearer abcdefgh",
}
KEYS: Final = {
    "empty": "",
    "blank": " ",
    "with a blank": "hunter2 do not repeat",
    "256 characters": "k" * 256,
    "10,000 characters": "k" * 10_000,
    "control character": "key\x01key-key",
    "delete": "key\x7fkey-key",
    "null character": "key\x00key-key",
    "newline": "key-key-key\n",
    "header injection": "key-key\r\nX-Evil: yes",
    "not ASCII": "schlüssel-schlüssel",
    "emoji": "🙂🙂🙂🙂🙂🙂",
    "raw surrogate": "key\ud800key-key",
}
ENTITY_TAGS: Final = {
    "empty": "",
    "any": "*",
    "bare": SECRET,
    "weak": f'W/"{SECRET}"',
    "weak, lower case": f'w/"{SECRET}"',
    "two": f'"{SECRET}", "{SECRET}"',
    "single quotes": f"'{SECRET}'",
    "not closed": f'"{SECRET}',
    "not opened": f'{SECRET}"',
    "a quote inside": f'"{SECRET}"x"',
    "a blank inside": f'"hunter2 {SECRET}"',
    "control character": '"tag-tag\x01"',
    "newline": '"tag-tag-tag"\n',
    "not ASCII": '"schlüssel-schlüssel"',
    "raw surrogate": '"tag-tag\ud800"',
    "full width quotes": f"\uff02{SECRET}\uff02",
}
UNIT_IDS: Final = {
    "none": [],
    "null": None,
    "a text": "0" * 64,
    "an object": {"0": "0" * 64},
    "numbers": [0],
    "lists": [["0" * 64]],
    "nulls": [None],
    "twice": ["0" * 64] * 2,
    "more than any reservation has": [f"{n:064x}" for n in range(129)],
}
FLAGS: Final = ("", "True", "TRUE", "1", "0", "yes", "no", " true", "true ", "null", "[]", SECRET)
TYPES: Final = (
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/jsonp",
    "application/json+evil",
    "application/json, text/plain",
    "application",
    "json",
    "",
    "/",
    "application/json\x00",
    "*/*",
)
TAGS: Final = ("", "name", " ", f"{SECRET}")
LIMITS: Final = ("", "0", "-1", "1001", "1_0", " 5", "5 ", "0x10", "1e3", "\u0665", "9" * 400, SECRET)
CURSORS: Final = ("", "a", SECRET, "A" * 3_000, "\x00", "🙂🙂🙂🙂", "=" * 8, "W10", "bnVsbA==", "\ud800")
TIMES: Final = (
    "",
    " ",
    "now",
    "yesterday",
    "0",
    "1780000000",
    "2026-05-28",
    "2026-05-28T10:25:00",
    "2026-05-28 10:25:00",
    "2026-W22-4T10:25:00Z",
    "20260528T102500Z",
    "2026-13-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-05-28T25:00:00Z",
    "2026-05-28T10:61:00Z",
    "2026-05-28T10:25:00+25:00",
    "2026-05-28T10:25Z",
    "2026-05-28T10:25:00ZZ",
    "-2026-05-28T10:25:00Z",
    "99999-05-28T10:25:00Z",
    "0000-01-01T00:00:00Z",
    "\uff12\uff10\uff12\uff16-05-28T10:25:00Z",
    "2026-05-28T10:25:00Z\n",
    "9" * 5_000,
)
PATHS: Final = (
    ("GET", "/", 404),
    ("GET", "/api", 404),
    ("GET", "/api/v2", 404),
    ("GET", "/api/v1/reservations", 404),
    ("GET", "/api/v3/reservations", 404),
    ("GET", "/API/V2/RESERVATIONS", 404),
    ("GET", "/api/v2/reservations/", 404),
    ("GET", "//api/v2/reservations", 404),
    ("GET", f"/api/v2/reservations/{ABSENT}/servers", 404),
    ("GET", "/api/v2/reservations/../reservations", 404),
    ("GET", "/api/v2/reservation-units/x", 404),
    ("GET", "/favicon.ico", 404),
    ("GET", "/.env", 404),
    ("GET", "/admin/%2e%2e/secret", 404),
    ("GET", "/api/v2/%00", 404),
    ("GET", "/" + "a/" * 5_000, 404),
    ("PUT", "/api/v2/reservations", 405),
    ("PATCH", "/api/v2/reservations", 405),
    ("DELETE", "/api/v2/reservations", 405),
    ("HEAD", "/api/v2/reservations", 405),
    ("OPTIONS", "/api/v2/reservations", 405),
    ("POST", f"/api/v2/reservations/{ABSENT}", 405),
    ("PUT", f"/api/v2/reservations/{ABSENT}", 405),
    ("POST", "/api/v2/reservation-units", 405),
    ("DELETE", "/api/version", 405),
    ("BREW", "/api/version", 405),
    ("GET", "/v1alpha1", 404),
    ("GET", "/v1alpha1/", 404),
    ("GET", "/v1alpha1/inference", 404),
    ("GET", "/v1alpha1/inference/capacityClaims", 404),
    ("GET", "/v1alpha2/inference/capacityclaims", 404),
    ("GET", f"{CLAIMS}/", 404),
    ("GET", f"{CLAIMS}/{ABSENT}/conditions", 404),
    ("GET", f"{CLAIMS}/parameters/x", 404),
    ("PUT", CLAIMS, 405),
    ("DELETE", CLAIMS, 405),
    ("PATCH", CLAIMS, 405),
    ("POST", f"{CLAIMS}/{ABSENT}", 405),
    ("PUT", f"{CLAIMS}/{ABSENT}", 405),
    ("POST", f"{CLAIMS}/parameters", 405),
    ("PATCH", f"{CLAIMS}/parameters", 405),
    ("DELETE", f"{CLAIMS}/parameters", 405),
    ("TRACE", CLAIMS, 405),
)


def _ids() -> Iterator[Bad]:
    body = json.dumps(CLAIM)
    for name, identity in IDS.items():
        values = (identity,) if len(identity) > 5 else ()
        for method, base, sent in (
            ("GET", RESERVATIONS, None),
            ("DELETE", RESERVATIONS, None),
            ("POST", RESERVATIONS, RELEASE.body),
            ("GET", CLAIMS, None),
            ("DELETE", CLAIMS, None),
            ("PATCH", CLAIMS, body),
        ):
            # A refusal of the claims API names the resource if the id has the form of one.
            named = base == CLAIMS and name in {"absent", "of another version"}
            status = 400 if base == RESERVATIONS and len(identity) > 63 else 404
            below = "/units/release" if method == "POST" else ""
            ask = Ask(method, f"{base}/{identity}{below}", sent, headers=RELEASE.headers if below else ())
            yield Bad(f"id: {name}", ask, status, () if named else values)


def _queries() -> Iterator[Bad]:
    create = Ask("POST", RESERVATIONS, json.dumps(RESERVATION))
    for flag in FLAGS:
        yield Bad(f"dryRun={flag!r}", replace(create, query=(("dryRun", flag),)), 400, (SECRET,))
    for pair in (("true", "true"), ("true", "false")):
        yield Bad(f"dryRun {pair}", replace(create, query=tuple(("dryRun", v) for v in pair)), 400)
    for tag in TAGS:
        yield Bad(f"tag={tag!r}", Ask("GET", RESERVATIONS, query=(("tag", tag),)), 400, (SECRET,))
    good_and_bad = (("tag", "a=b"), ("tag", "broken"))
    yield Bad("the second tag", Ask("GET", RESERVATIONS, query=good_and_bad), 400)
    for time in TIMES:
        values = (time,) if len(time.strip()) > 5 else ()
        yield Bad(
            f"updatedAfter={time[:30]!r}", Ask("GET", CLAIMS, query=(("updatedAfter", time),)), 400, values
        )
    for path in (RESERVATIONS, CLAIMS):
        for limit in LIMITS:
            values = (limit,) if len(limit) > 5 else ()
            yield Bad(f"limit={limit[:30]!r}", Ask("GET", path, query=(("limit", limit),)), 400, values)
        for cursor in CURSORS:
            page = (("limit", "1"), ("cursor", cursor))
            values = (cursor,) if len(cursor) > 5 else ()
            yield Bad(f"cursor={cursor[:30]!r}", Ask("GET", path, query=page), 400, values)
        yield Bad("limit twice", Ask("GET", path, query=(("limit", "1"), ("limit", "1"))), 400)
    twice = (("updatedAfter", "2026-05-28T10:25:00Z"),) * 2
    yield Bad("updatedAfter twice", Ask("GET", CLAIMS, query=twice), 400)


def _headers() -> Iterator[Bad]:
    for name, key in KEYS.items():
        values = (key,) if len(key) > 5 else ()
        headers = (("idempotency-key", key),)
        yield reservation(f"key: {name}", RESERVATION, 400, *values, headers=headers)
    for declared in TYPES:
        headers = (("content-type", declared),)
        yield reservation(f"type {declared!r}", RESERVATION, 415, headers=headers)
        yield claim(f"type {declared!r}", CLAIM, 415, headers=headers)
        yield update(f"type {declared!r}", CLAIM, 415, headers=headers)
    for name, organization in {
        "empty": "",
        "unknown": "no-such-organization",
        "two": f"{ORGANIZATION},{ORGANIZATION}",
        "upper case": ORGANIZATION.upper(),
        "trailing blank": f"{ORGANIZATION} ",
        "a key": f"ORG#{ORGANIZATION}",
        "two thousand": "o" * 2_049,
        "surrogate": "organization\ud800",
    }.items():
        values = (organization,) if len(organization) > 5 else ()
        headers = (("x-organization-id", organization),)
        yield claim(f"organization: {name}", CLAIM, 403, *values, headers=headers)


def _entity_tags() -> Iterator[Bad]:
    for name, tag in ENTITY_TAGS.items():
        values = (tag,) if len(tag) > 5 else ()
        yield Bad(f"entity tag: {name}", replace(RELEASE, headers=(("if-match", tag),)), 400, values)
    yield Bad("entity tag: absent", replace(RELEASE, headers=()), 428)
    twice = (*RELEASE.headers, ("if-match", f'"{SECRET}"'))
    yield Bad("entity tag: in two headers", replace(RELEASE, headers=twice), 400, (SECRET,))
    yield Bad(
        "entity tag: of nobody", replace(RELEASE, headers=(("if-match", f'"{SECRET}"'),)), 412, (SECRET,)
    )


def _releases() -> Iterator[Bad]:
    for name, ids in UNIT_IDS.items():
        yield Bad(f"units: {name}", replace(RELEASE, body=json.dumps({"spec": {"unitIds": ids}})), 400)
    for name, body in {
        "absent": None,
        "no JSON": "{",
        "no spec": "{}",
        "spec null": '{"spec": null}',
        "snake case": json.dumps({"spec": {"unit_ids": ["0" * 64]}}),
    }.items():
        yield Bad(f"release: {name}", replace(RELEASE, body=body), 400)
    for declared in TYPES:
        headers = (*RELEASE.headers, ("content-type", declared))
        yield Bad(f"release of type {declared!r}", replace(RELEASE, headers=headers), 415)


def _tokens() -> Iterator[Bad]:
    asks = (
        Ask("GET", RESERVATIONS),
        Ask("POST", RESERVATIONS, "{"),
        Ask("GET", UNITS),
        Ask("GET", CLAIMS),
        Ask("POST", CLAIMS, "{"),
        Ask("DELETE", f"{CLAIMS}/claim of owner"),
    )
    for place, (name, authorization) in enumerate(AUTHORIZATIONS.items()):
        token = authorization.partition(" ")[2]
        values = (token,) if len(token.strip()) > 5 else ()
        for ask in (asks[place % 3], asks[3 + place % 3]):
            yield Bad(f"token: {name}", ask, 401, values, authorization)


def _paths() -> Iterator[Bad]:
    for method, path, status in PATHS:
        yield Bad(f"{method} {path[:40]}", Ask(method, path), status, (path[-20:],) if len(path) > 60 else ())


REQUESTS: Final = (*_ids(), *_queries(), *_headers(), *_entity_tags(), *_releases(), *_tokens(), *_paths())
