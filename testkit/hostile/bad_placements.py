"""Placements that are wrong: fields, what contradicts itself, names of others, and ids."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from testkit.hostile.bad import SECRET, Bad, in_snake_case, put, with_count, without
from testkit.hostile.bad_bodies import NAMES, NO_OBJECT, NOT_JSON, NUMBERS, WRONG_TYPES
from testkit.hostile.bad_requests import IDS
from testkit.hostile.service import ABSENT, PLACEMENTS, Ask, placement_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLACEMENT: Final = placement_body()
SERVERS: Final = f"{PLACEMENTS}/placement of owner/servers"
SPREAD: Final = placement_body(constraints={"policy": "spread"})
REQUIRED: Final = (
    "metadata",
    "metadata.name",
    "spec",
    "spec.count",
    "spec.constraints",
    "spec.constraints.policy",
    "spec.serverSpec",
    "spec.serverSpec.imageId",
)
OPTIONAL: Final = (
    "spec.readinessPolicy",
    "spec.updateStrategy",
    "spec.serverSpec.networking",
    "spec.serverSpec.sshCertificateAuthorityId",
    "spec.serverSpec.userData",
)
TEXTS: Final = {
    "empty": "",
    "newline": "hunter2\nhunter2",
    "null character": "hunter2\x00",
    "long": "h" * 256,
}
WORDS: Final = {
    "spec.constraints.policy": ("Pack", "tight", ""),
    "spec.readinessPolicy": ({"mode": "require"}, {"mode": ""}, {"mode": None}),
    "spec.updateStrategy": (
        {"type": "rolling"},
        {"type": "RollingUpdate", "rollingUpdate": SECRET},
        *(
            {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": amount}}
            for amount in ("0", "0%", "00%", "101%", "1.5", "-1", "1 ", "1\n", "%", "", "1234567890", 1, True)
        ),
    ),
    "spec.serverSpec.networking": (
        {"publicIP": "true"},
        {"publicIP": 1},
        {"allowedSourceAddresses": SECRET},
        {"allowedSourceAddresses": [SECRET]},
        {"allowedSourceAddresses": ["10.0.0.0/33"]},
        {"allowedSourceAddresses": ["10.0.0.0/8 "]},
        {"allowedSourceAddresses": ["::/129"]},
        {"allowedSourceAddresses": ["10.0.0.0/255.0.0.0"]},
        {"allowedSourceAddresses": ["10.0.0.0/0.0.0.255"]},
        {"allowedSourceAddresses": ["10.0.0.0/08"]},
        {"allowedSourceAddresses": [f"fe80::1%{SECRET}"]},
        {"allowedSourceAddresses": ["fe80::1%\n/64"]},
        {"allowedSourceAddresses": [None]},
        {"allowedSourceAddresses": ["10.0.0.0/8"] * 65},
        {"securityGroups": [""]},
        {"securityGroups": [7]},
        {"securityGroups": ["g"] * 65},
    ),
    "spec.serverSpec.userData": (
        "no base64!",
        "YQ",
        "YR==",
        "YQ==\n",
        "YWJj-_==",
        base64.b64encode(b"x" * (16 * 1024 + 1)).decode(),
    ),
}
CONTRADICTORY: Final = (
    {"policy": "pack", "maxSkew": 1},
    {"policy": "pack", "minDomains": 1},
    {"policy": "pack", "whenUnsatisfiable": "fail"},
    {"policy": "spread", "minDomains": 2},
    {"policy": "spread", "maxSkew": 0},
    {"policy": "spread", "whenUnsatisfiable": "BestEffort"},
)


def create(name: str, body: Any, status: int = 400, *values: str) -> Bad:
    """A body for a new placement."""
    return Bad(f"placement: {name}", Ask("POST", PLACEMENTS, _text(body)), status, values)


def update(name: str, body: Any, status: int = 400, *values: str) -> Bad:
    """A body for a change of the owner's placement."""
    return Bad(
        f"placement: {name}", Ask("PUT", f"{PLACEMENTS}/placement of owner", _text(body)), status, values
    )


def _text(body: Any) -> str | None:
    return body if isinstance(body, str) or body is None else json.dumps(body)


MAKERS: Final[tuple[Callable[..., Bad], ...]] = (create, update)


def _json() -> Iterator[Bad]:
    for make in MAKERS:
        for name, text in NOT_JSON.items():
            yield make(f"not JSON: {name}", text, 400, SECRET)
        for text in NO_OBJECT:
            yield make(f"no object: {text[:10]}", text, 400, SECRET)


def _types() -> Iterator[Bad]:
    for make in MAKERS:
        for path in REQUIRED if make is update else (*REQUIRED, "spec.reservationId", "spec.networkId"):
            yield make(f"{path} is missing", without(PLACEMENT, path))
            if not path.rpartition(".")[2].islower():
                yield make(f"{path} in snake case", in_snake_case(PLACEMENT, path))
            for name, value in WRONG_TYPES.items():
                if (path, name) != ("spec.count", "number"):
                    yield make(f"{path} is {name}", put(PLACEMENT, path, value), 400, SECRET, "98765")
        for path in OPTIONAL:
            for name in ("number", "truth", "list"):
                yield make(f"{path} is {name}", put(PLACEMENT, path, WRONG_TYPES[name]), 400, SECRET)


def _values() -> Iterator[Bad]:
    for make in MAKERS:
        for path, wrong in WORDS.items():
            for value in wrong:
                yield make(f"{path} is {str(value)[:60]!r}", put(PLACEMENT, path, value), 400, SECRET)
        for constraints in CONTRADICTORY:
            yield make(f"constraints {constraints}", put(PLACEMENT, "spec.constraints", constraints))
        for name, text in TEXTS.items():
            yield make(f"image: {name}", put(PLACEMENT, "spec.serverSpec.imageId", text), 400, "hunter2")
    for name, text in TEXTS.items():
        yield create(f"network: {name}", put(PLACEMENT, "spec.networkId", text), 400, "hunter2")
    for name, text in NAMES.items():
        yield create(f"name: {name}", put(PLACEMENT, "metadata.name", text))
    yield update("another count", put(PLACEMENT, "spec.count", 2))
    yield update("another policy", SPREAD)
    yield create("too large", json.dumps(PLACEMENT) + " " * 70_000, 413)


def _numbers() -> Iterator[Bad]:
    for literal in NUMBERS:
        values = (literal[:40],) if len(literal) > 9 else ()
        for make in MAKERS:
            yield make(f"count {literal[:24]}", with_count(PLACEMENT, "spec.count", literal), 400, *values)
        if literal != "null":
            body = with_count(put(SPREAD, "spec.constraints.maxSkew", 1), "spec.constraints.maxSkew", literal)
            yield create(f"maxSkew {literal[:24]}", body, 400, *values)


def _names() -> Iterator[Bad]:
    for name, identity in IDS.items():
        values = (identity,) if len(identity) > 5 else ()
        body = put(PLACEMENT, "spec.reservationId", identity)
        # A lone surrogate is no JSON, and so much text is too much.
        status = 400 if "\ud800" in identity else 413 if len(identity) > 65_536 else 404
        yield create(f"reservation: {name}", body, status, *values)
    for whose in ("other project", "other organization"):
        body = put(PLACEMENT, "spec.reservationId", f"reservation of {whose}")
        yield create(f"the reservation of {whose}", body, 404)


def _ids() -> Iterator[Bad]:
    for name, identity in IDS.items():
        values = (identity,) if len(identity) > 5 else ()
        for method, sent in (("GET", None), ("PUT", json.dumps(PLACEMENT)), ("DELETE", None)):
            ask = Ask(method, f"{PLACEMENTS}/{identity}", sent)
            yield Bad(f"placement: id {name}", ask, 400 if len(identity) > 63 else 404, values)
        for method, action in (("GET", ""), ("POST", "/stop"), ("POST", "/reconcile")):
            ask = Ask(method, f"{SERVERS}/{identity}{action}")
            yield Bad(f"server: id {name}", ask, 400 if len(identity) > 128 else 404, values)


def _requests() -> Iterator[Bad]:
    here = Ask("POST", PLACEMENTS, json.dumps(PLACEMENT))
    yield Bad("placement: dry run", replace(here, query=(("dryRun", "yes"),)), 400)
    yield Bad("placement: key", replace(here, headers=(("idempotency-key", "a b"),)), 400)
    yield Bad("placement: type", replace(here, headers=(("content-type", "text/plain"),)), 415)
    for name, value in (("limit", "0"), ("limit", SECRET), ("tag", SECRET), ("cursor", SECRET)):
        yield Bad(f"placements: {name}", Ask("GET", PLACEMENTS, query=((name, value),)), 400, (SECRET,))
    server = f"{SERVERS}/server of owner"
    for value in ("yes", "1", "TRUE", SECRET):
        reboot = Ask("POST", f"{server}/reboot", query=(("hard", value),))
        yield Bad("server: hard", reboot, 400, (SECRET,))
    yield Bad("server: start has no query", Ask("POST", f"{server}/start", query=(("hard", "true"),)), 400)
    for tag in ('"a"', 'W/"a"', "*", "a", SECRET):
        ask = Ask("POST", f"{server}/reconcile", headers=(("if-match", tag),))
        yield Bad("server: condition", ask, 409, (SECRET,))
    for method, path in (
        ("POST", SERVERS),
        ("DELETE", server),
        ("GET", f"{server}/stop"),
        ("PUT", PLACEMENTS),
        ("PATCH", PLACEMENTS),
        ("DELETE", PLACEMENTS),
        ("POST", f"{PLACEMENTS}/{ABSENT}"),
        ("PATCH", f"{PLACEMENTS}/{ABSENT}"),
    ):
        yield Bad("placement: method", Ask(method, path), 405)


PLACEMENT_CORPUS: Final = (*_json(), *_types(), *_values(), *_numbers(), *_names(), *_ids(), *_requests())
