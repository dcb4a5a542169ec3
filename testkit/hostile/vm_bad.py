"""Bad requests to the VM API: bodies, numbers, texts, ids, queries, headers, methods."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.http.pages import cursor_of
from testkit.handlers.authority import STRANGERS_ORGANIZATION
from testkit.hostile.bad import SECRET, Bad, put, with_count, without
from testkit.hostile.bad_bodies import NO_OBJECT, NOT_JSON, WRONG_TYPES
from testkit.hostile.bad_requests import AUTHORIZATIONS, IDS
from testkit.hostile.service import ABSENT, Ask
from testkit.hostile.vm_service import (
    API_KEY,
    API_KEYS,
    HIDDEN_NODE,
    KEYS,
    PRICING,
    PUBLIC_KEYS,
    QUOTES,
    SEARCH,
    TEMPLATES,
    VMS,
    api_key_body,
    key_body,
    quote_body,
    vm_body,
)
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BODIES: Final[dict[str, dict[str, Any]]] = {
    VMS: vm_body(),
    QUOTES: quote_body(),
    KEYS: key_body(),
    API_KEY: api_key_body(),
}

# Values that are neither a count of GPUs nor a size of a disk.
NUMBERS: Final = (
    *("0", "-1", "3", "5", "7", "9", "16", "1.5", f"2.{'0' * 30}1", f"0.{'9' * 30}", "-1.0"),
    *("1e300", "1e400", "-2147483648", "9223372036854775808"),
    *("9" * 400, "9" * 5_000, "NaN", "Infinity", "-Infinity", '"1"', '"0x1"', '"\u0661"', "true", "[1]"),
)
TEXTS: Final = {
    "empty": "",
    "sixty-four": "n" * 64,
    "sixty thousand": "r" * 60_000,
}
NODES: Final = {
    "unknown": "vm99-nowhere",
    "hidden": HIDDEN_NODE,
    "upper case": "VM01",
    "trailing blank": "vm01 ",
    "trailing newline": "vm01\n",
    "null character": "vm01\x00",
    "path": "../vm01/../vm01",
    "statement": "vm01' OR '1'='1",
    "a key inside": "vm01#VM#ORG#161b9d5a",
    "pattern": "vm0?*%_",
    "emoji": "🙂🙂🙂🙂🙂🙂",
    "right to left": "\u202e10mv",
    "full width": "\uff56\uff4d\uff10\uff11",
    "template": "{{7*7}}${jndi:ldap://x}",
    "script": "<script>alert(1)</script>",
}
PUBLIC_KEY: Final = PUBLIC_KEYS["new"]
BAD_KEYS: Final = {
    "empty": "",
    "a word": SECRET,
    "type only": "ssh-ed25519",
    "another type": PUBLIC_KEY.replace("ssh-ed25519", "ssh-rsa"),
    "unknown type": PUBLIC_KEY.replace("ssh-ed25519", "ssh-hunter2"),
    "cut off": PUBLIC_KEY[:40],
    "no base64": "ssh-ed25519 !!!!hunter2!!!! me",
    "two keys": f"{PUBLIC_KEY}\n{PUBLIC_KEYS['owner']}",
    "an option before it": f'command="rm -rf /" {PUBLIC_KEY}',
    "a newline and a command": f"{PUBLIC_KEY}\ncommand hunter2",
    "carriage return": f"{PUBLIC_KEY}\rhunter2-x",
    "null character": f"{PUBLIC_KEY}\x00hunter2-x",
    "private": "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2-x\n-----END OPENSSH PRIVATE KEY-----",
    "pem": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----",
    "dss": "ssh-dss AAAAB3NzaC1kc3MAAACBAP hunter2-x",
    "surrogate": "ssh-ed25519 \udc41AAAA",
    "sixty thousand": "ssh-ed25519 " + "A" * 60_000,
    "taken": PUBLIC_KEYS["owner"],
}
LABELS: Final = {
    **WRONG_TYPES,
    "long": "n" * 101,
    "newline": f"{SECRET}\n",
    "null character": f"{SECRET}\x00",
}
SCOPES: Final = {
    **{name: value for name, value in WRONG_TYPES.items() if name != "list"},
    "empty": [],
    "a scope outside of a list": "read_only",
    "unknown": [SECRET],
    "one unknown": ["read_only", SECRET],
    "another case": ["READ_ONLY"],
    "a permission": ["vms:write"],
    "a number": [1],
    "null inside": [None],
    "a list inside": [["read_only"]],
    "a thousand": ["read_only"] * 1000,
}


def _cursor(age: str, organization: str = ORGANIZATION) -> str:
    """Return a cursor in the form of the list's cursors."""
    return cursor_of((age, organization), ("vms", organization, ""))


AGE: Final = "001780000000#cafe0d44-0d44-4b50-8888-8dd25736052a"
CURSORS: Final = (
    *("a", "hunter2-cursor", "%%%%", "é", "A" * 5_000, f"{_cursor(AGE)}=x", f" {_cursor(AGE)}"),
    _cursor(AGE, STRANGERS_ORGANIZATION),
    *map(_cursor, ("", "1#cafe0d44-0d44-4b50-8888-8dd25736052a", "ORG#161b9d5a", "\x00" * 49, "9" * 2_000)),
    *map(_cursor, (AGE.upper(), f"{AGE}\n", "\ud800")),
)
QUERIES: Final[tuple[tuple[str, tuple[tuple[str, str], ...]], ...]] = (
    *((VMS, (("limit", text),)) for text in ("0", "-1", "201", "1e2", "a-number", "", "9" * 40, "٣", "1 0")),
    *((VMS, (("offset", text),)) for text in ("-1", "10001", "1.5", "a-number", "0x10", "\x00", "9" * 400)),
    (VMS, (("limit", "1"), ("limit", "2"))),
    *((VMS, (("status", text),)) for text in ("RUNNING", "hunter2", "running,stopped", "x" * 5_000)),
    (VMS, (("status", "hunter2"), ("status", "running"))),
    *((VMS, (("cursor", text),)) for text in CURSORS),
    (VMS, (("cursor", _cursor(AGE)), ("cursor", _cursor(AGE)))),
    # A cursor is valid only for the list that returned it: this one is of the list without a filter.
    (VMS, (("cursor", _cursor(AGE)), ("status", "running"))),
    (VMS, (("offset", "1"), ("offset", "2"))),
    *((SEARCH, (("gpu_count", text),)) for text in ("0", "9", "-1", "two", "2.5", "", "9" * 400)),
    *((SEARCH, (("gpu_type", text),)) for text in ("", "t" * 64, "r" * 5_000)),
    (SEARCH, (("gpu_type", "5090"), ("gpu_type", "4090"))),
)
# An empty text in a query counts as not given.
_NO_VALUE: Final = ""


def bad(name: str, path: str, body: Any, status: int = 422, *values: str, **changes: Any) -> Bad:
    """A POST with this body, as JSON unless it is text."""
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    return Bad(name, replace(Ask("POST", path, text), **changes), status, values)


def _echo(value: object) -> tuple[str, ...]:
    text = value if isinstance(value, str) else ""
    return (text,) if len(text.strip()) >= 6 else ()


def _json() -> Iterator[Bad]:
    for path in BODIES:
        for name, text in NOT_JSON.items():
            yield bad(f"not JSON: {name}", path, text, 422, SECRET)
        for text in NO_OBJECT:
            yield bad(f"no object: {text[:10]}", path, text, 422, SECRET)


def _types() -> Iterator[Bad]:
    required = {
        VMS: ("node", "gpu_type", "gpu_count", "storage_gb", "template_vmid"),
        QUOTES: ("gpu_type", "gpu_count", "storage_gb", "reservation_months"),
        KEYS: ("ssh_public_key",),
    }
    for path, fields in required.items():
        for field in fields:
            yield bad(f"{field} is missing", path, without(BODIES[path], field))
            for name, value in WRONG_TYPES.items():
                whole = name == "number" and field == "template_vmid"
                if not whole:
                    yield bad(f"{field} is {name}", path, put(BODIES[path], field, value), 422, SECRET)
    for field in ("rental_type", "auth_method", "password", "reservation_months", "ssh_key_id"):
        for name, value in WRONG_TYPES.items():
            if value is not None or field in ("rental_type", "auth_method", "password"):
                yield bad(f"{field} is {name}", VMS, put(BODIES[VMS], field, value), 422, SECRET)


def _numbers() -> Iterator[Bad]:
    for literal in NUMBERS:
        name, values = f"number {literal[:24]}", (literal[:40],) if len(literal) > 9 else ()
        yield bad(f"GPUs, {name}", VMS, with_count(BODIES[VMS], "gpu_count", literal), 422, *values)
        yield bad(f"GB, {name}", VMS, with_count(BODIES[VMS], "storage_gb", literal), 422, *values)
        yield bad(f"GPUs, {name}", QUOTES, with_count(BODIES[QUOTES], "gpu_count", literal), 422, *values)
        if literal != "3":
            months = with_count(BODIES[QUOTES], "reservation_months", literal)
            yield bad(f"months, {name}", QUOTES, months, 422, *values)
        if literal in ("0", "-1", "1.5", "NaN", "true") or len(literal) > 9:
            vmid = with_count(BODIES[VMS], "template_vmid", literal)
            yield bad(f"template, {name}", VMS, vmid, 422, *values)


def _texts() -> Iterator[Bad]:
    for name, text in TEXTS.items():
        for path, field in ((VMS, "node"), (VMS, "gpu_type"), (QUOTES, "gpu_type"), (VMS, "ssh_key_id")):
            yield bad(f"{field}: {name}", path, put(BODIES[path], field, text), 422, *_echo(text))
    for name, text in NODES.items():
        yield bad(f"node: {name}", VMS, vm_body(node=text), 400, *_echo(text))
        yield bad(f"type: {name}", VMS, vm_body(gpu_type=text), 400, *_echo(text))
        yield bad(f"type: {name}", QUOTES, quote_body(gpu_type=text), 400, *_echo(text))
        by_key = vm_body(auth_method="ssh_key", password=None, ssh_key_id=text)
        yield bad(f"SSH key: {name}", VMS, by_key, 400, *_echo(text))
    for word in ("ON_DEMAND", "spot", "on_demand ", "", "reserved\n", "interruptible\x00"):
        yield bad(f"rental type {word!r}", VMS, vm_body(rental_type=word))
    for word in ("PASSWORD", "none", "", "ssh-key"):
        yield bad(f"login {word!r}", VMS, vm_body(auth_method=word))
    passwords = ("", "eleven-char", "p" * 257, "p" * 60_000, "hunter2-do-not\nrepeat", "hunter2-do-not\x00x")
    for text in (*passwords, "hunter2-do-not\u202ex", "hunter2-do-not\u2028x"):
        yield bad(f"password of {len(text)}", VMS, vm_body(password=text), 422, *_echo(text))


def _rules() -> Iterator[Bad]:
    """Requests whose fields are valid but contradict each other or the state."""
    yield bad("months missing", VMS, vm_body(rental_type="reserved"))
    yield bad("months not reserved", VMS, vm_body(reservation_months=1))
    yield bad("months not reserved either", VMS, vm_body(rental_type="interruptible", reservation_months=6))
    yield bad("months of no term", VMS, vm_body(rental_type="reserved", reservation_months=12))
    yield bad("password missing", VMS, without(vm_body(), "password"))
    yield bad("password with a key", VMS, vm_body(auth_method="ssh_key"), 422, vm_body()["password"])
    yield bad("another type than the node's", VMS, vm_body(gpu_type="4090"), 400)
    yield bad("no room", VMS, vm_body(gpu_count=8), 400)
    yield bad("no room for an interruptible one", VMS, vm_body(gpu_count=8, rental_type="interruptible"), 400)
    for name, text in BAD_KEYS.items():
        status = 400 if name == "taken" else 422
        yield bad(f"key: {name}", KEYS, key_body(ssh_public_key=text), status, *_echo(text), "hunter2")
    for name, value in LABELS.items():
        yield bad(f"key's label: {name}", KEYS, key_body(label=value), 422, SECRET)
        yield bad(f"API key's name: {name}", API_KEY, api_key_body(name=value), 422, SECRET)
    for name, value in SCOPES.items():
        yield bad(f"scopes: {name}", API_KEY, api_key_body(scopes=value), 422, SECRET)
    yield bad("unknown template", VMS, vm_body(template_vmid=987_654), 400, "987654")


def _sizes() -> Iterator[Bad]:
    for path, body in BODIES.items():
        text = json.dumps(body)
        for size in (64 * 1024 + 1, 2 * 1024 * 1024):
            yield bad(f"{size} bytes", path, text + " " * (size - len(text)))
        yield bad("too large in bytes, not in characters", path, '{"x": "' + "é" * 40_000 + '"}')
        large = base64.b64encode(b"x" * (64 * 1024 + 1)).decode()
        for name, encoded in {"large": large, "no base64": "not base64!", "padding": "e30"}.items():
            yield bad(f"base64: {name}", path, encoded, base64=True)
        for kind in ("text/plain", "application/xml", "multipart/form-data", "application/json2", ""):
            yield bad(f"content type {kind!r}", path, text, headers=(("content-type", kind),))


def _ids() -> Iterator[Bad]:
    for name, identity in IDS.items():
        for method, path in (("GET", VMS), ("DELETE", VMS), ("DELETE", KEYS), ("DELETE", API_KEYS)):
            yield Bad(f"id: {name}", Ask(method, f"{path}/{identity}"), 404, _echo(identity))
        for action in ("start", "stop"):
            yield Bad(f"id: {name}", Ask("POST", f"{VMS}/{identity}/{action}"), 404, _echo(identity))


def _statuses() -> Iterator[Bad]:
    """Actions that the status of a VM does not allow, and others."""
    for thing, action in (("vm", "start"), ("stopped vm", "stop")):
        yield Bad(f"{action} of a {thing}", Ask("POST", f"{VMS}/{thing} of owner/{action}"), 400)


def _queries() -> Iterator[Bad]:
    for path, query in QUERIES:
        if query[0][1] != _NO_VALUE:
            name = f"query {query[0][0]} {query[0][1][:20]!r}"
            yield Bad(name, Ask("GET", path, query=query), 422, _echo(query[0][1]))


def _headers() -> Iterator[Bad]:
    for name in ("unknown", "*", "", "161b9d5a-701d-4fea-848d-0e345edf16e9 ", "ORG#", "🙂", "o" * 5_000):
        headers = (("x-organization-id", name),)
        for ask in (Ask("GET", VMS), Ask("POST", VMS, json.dumps(vm_body())), Ask("GET", KEYS)):
            yield Bad(f"organization {name[:20]!r}", replace(ask, headers=headers), 403, _echo(name))
    for name, text in AUTHORIZATIONS.items():
        for path in (VMS, KEYS):
            yield Bad(f"authorization: {name}", Ask("GET", path), 401, _echo(text), text)
    for text in ("Bearer nv_", "nv_", f"Bearer nv_{'A' * 43}", f"nv_{'A' * 5_000}", "Basic nv_hunter2"):
        yield Bad(f"API key {text[:16]}", Ask("GET", VMS), 401, (), text)


def _paths() -> Iterator[Bad]:
    known = {
        VMS: ("PUT", "PATCH", "DELETE"),
        f"{VMS}/{ABSENT}": ("POST", "PUT", "PATCH"),
        f"{VMS}/{ABSENT}/start": ("GET", "PUT", "PATCH", "DELETE"),
        f"{VMS}/{ABSENT}/stop": ("GET", "PUT", "PATCH", "DELETE"),
        QUOTES: ("GET", "PUT", "PATCH", "DELETE"),
        SEARCH: ("POST", "PUT", "PATCH", "DELETE"),
        PRICING: ("POST", "PUT", "PATCH", "DELETE"),
        KEYS: ("PUT", "PATCH", "DELETE"),
        f"{KEYS}/{ABSENT}": ("GET", "POST", "PUT", "PATCH"),
        API_KEY: ("GET", "PUT", "PATCH", "DELETE"),
        API_KEYS: ("POST", "PUT", "PATCH", "DELETE"),
        f"{API_KEYS}/0123456789abcdef": ("GET", "POST", "PUT", "PATCH"),
        TEMPLATES: ("POST", "PUT", "PATCH", "DELETE"),
    }
    for path, methods in known.items():
        for method in methods:
            yield Bad(f"method of {path}", Ask(method, path, "{}"), 405)


_MAKERS: tuple[Callable[[], Iterator[Bad]], ...] = (
    *(_json, _types, _numbers, _texts, _rules, _sizes),
    *(_ids, _statuses, _queries, _headers, _paths),
)
VM_CORPUS: Final = tuple(
    {(found.ask, found.authorization): found for make in _MAKERS for found in make()}.values()
)
