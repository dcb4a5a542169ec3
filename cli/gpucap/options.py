"""Turns an operation of the document into options and arguments, and what was given back into a request."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from gpu_capacity_client.document import KEY, PAGING, Operation, Parameter, Schema, resolved
from gpucap.exits import usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpucap.verbs import Verb

PLAIN: Final = frozenset({"string", "integer", "number", "boolean"})
SECRET: Final = frozenset({"password"})
"""Asked for, and not an argument: those stay in the history of the shell, and other users see them."""
ORGANIZATION: Final = "organization"
PROJECT: Final = "project"


@dataclass(frozen=True)
class Field:
    """A value of the body, at a path such as ``spec.serverSpec.imageId``."""

    path: str
    option: str
    schema: Schema
    required: bool
    """Whether the document demands it; if it is in an object that may be missing, only with that object."""
    description: str

    @property
    def key(self) -> str:
        """The name of the value among those of a command."""
        return identifier(self.option)

    @property
    def is_secret(self) -> bool:
        """Whether it is asked for."""
        return self.path in SECRET

    @property
    def repeats(self) -> bool:
        """Whether its option may be given several times."""
        return self.schema.get("type") == "array"


@dataclass(frozen=True)
class Given:
    """A parameter of path, query or headers."""

    parameter: Parameter
    option: str

    @property
    def key(self) -> str:
        """The name of the value among those of a command."""
        return identifier(self.option)

    @property
    def is_argument(self) -> bool:
        """Whether it is given by its place: what is in the path, except for what a profile knows."""
        return self.parameter.place == "path" and self.option != ORGANIZATION


def identifier(option: str) -> str:
    """Return the name of a Python variable for an option."""
    return f"{option.replace('-', '_')}_"


def usual_name(name: str) -> str:
    """Return the option of a field or parameter: ``regionId`` and ``regionID`` are ``--region``."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name.removeprefix("X-"))
    plain = re.sub(r"[^a-z0-9]+", "-", parted.lower())
    return plain.removesuffix("-id") or plain


def fields(operation: Operation, verb: Verb) -> list[Field]:
    """Return the values of the body of an operation; none if it has no body."""
    if operation.body is None:
        return []
    return list(_leaves(resolved(operation.body), verb))


def given(operation: Operation, verb: Verb) -> list[Given]:
    """Return the parameters that a command takes. Pages it follows by itself."""
    return [
        Given(parameter, verb.options.get(parameter.name, usual_name(parameter.name)))
        for parameter in operation.parameters
        if not (operation.is_paged and parameter.name in PAGING)
    ]


def _leaves(
    schema: Schema, verb: Verb, above: tuple[str, ...] = (), *, demanded: bool = True
) -> Iterator[Field]:
    for name, part in schema.get("properties", {}).items():
        found, path = resolved(part), (*above, name)
        required = demanded and name in schema.get("required", ())
        if found.get("type") == "object" and "properties" in found:
            yield from _leaves(found, verb, path, demanded=required)
            continue
        where = ".".join(path)
        repeats = found.get("type") == "array"
        usual = usual_name(name.removesuffix("s") if repeats else name)
        yield Field(where, verb.options.get(where, usual), found, required, found.get("description", ""))


def body(operation: Operation, verb: Verb, values: dict[str, Any], start: Any) -> Any:
    """Return the body of a request: what it starts from, with the values of options laid over.

    Raises:
        Ended: a value that the service needs is missing, or a value is malformed.
    """
    if operation.body is None:
        return None
    built: dict[str, Any] = json.loads(json.dumps(start or {}))
    missing = []
    for field in fields(operation, verb):
        value = values.get(field.key)
        if value is not None and value != []:
            put(built, field.path, _value(field, value))
        elif get(built, field.path) is None:
            if field.path in verb.defaults:
                put(built, field.path, verb.defaults[field.path])
            elif field.required:
                missing.append(f"--{field.option}")
    if missing:
        raise usage(f"missing: {', '.join(missing)}")
    return built


def parameters(operation: Operation, verb: Verb, values: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a request by their names in the document.

    Raises:
        Ended: one that is part of the path is missing.
    """
    found: dict[str, Any] = {}
    for one in given(operation, verb):
        value = values.get(one.key)
        if value is None or value == [] or value is False:
            if one.parameter.required:
                raise usage(f"missing: --{one.option}")
            continue
        found[one.parameter.name] = value
    return found


def _value(field: Field, value: Any) -> Any:
    """What is sent for the value of an option."""
    if field.repeats:
        return [_entry(resolved(field.schema["items"]), field, entry) for entry in value]
    if field.schema.get("contentEncoding") == "base64":
        return base64.b64encode(_text_or_file(field, value).encode()).decode()
    if field.schema.get("type") == "string":
        return _text_or_file(field, value) if field.schema.get("maxLength", 0) > LONG else value
    return value if field.schema.get("type") in PLAIN else _parsed(field, value)


LONG: Final = 512
"""A text that may be longer than this can come from a file: ``@path``."""


def from_files(field: Field) -> bool:
    """Whether the text of a field can come from a file."""
    is_long = field.schema.get("maxLength", 0) > LONG or field.schema.get("contentEncoding") == "base64"
    return field.schema.get("type") == "string" and is_long


def _text_or_file(field: Field, value: str) -> str:
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise usage(f"--{field.option}: {value[1:]} cannot be read: {error}") from None


def entry_form(schema: Schema) -> str:
    """How an entry of a list of objects is written; empty for what is written as it is.

    A tag is ``name=value``, a target ``pod=NAME,domain=NAME,host=NAME``.
    """
    if schema.get("type") == "string":
        return ""
    names = list(schema.get("properties", ()))
    if names == ["name", "value"]:
        return "name=value"
    texts = names and all(resolved(part).get("type") == "string" for part in schema["properties"].values())
    return ",".join(f"{usual_name(name)}=…" for name in names) if texts else "JSON"


def _entry(schema: Schema, field: Field, text: str) -> Any:
    """One entry of a list, of the form that ``entry_form`` tells; JSON does as well."""
    form = entry_form(schema)
    if form in {"", "JSON"} or text.startswith("{"):
        return text if form == "" else _parsed(field, text)
    if form == "name=value":
        name, equals, value = text.partition("=")
        return {"name": name, "value": value} if equals else _malformed(field, form)
    names = {usual_name(name): name for name in schema["properties"]}
    built = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        if name not in names or not value:
            return _malformed(field, form)
        built[names[name]] = value
    return built


def _malformed(field: Field, form: str) -> NoReturn:
    raise usage(f"--{field.option} takes {form}")


def _parsed(field: Field, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise usage(f"--{field.option} takes JSON") from None


def get(value: Any, path: str) -> Any:
    """Return what is at a path with dots; None if there is nothing."""
    for name in path.split(".") if path else ():
        value = value.get(name) if isinstance(value, dict) else None
    return value


def put(into: dict[str, Any], path: str, value: Any) -> None:
    """Set what is at a path with dots; objects on the way there are made."""
    *above, last = path.split(".")
    for name in above:
        into = into.setdefault(name, {})
    into[last] = value


def is_key(parameter: Parameter) -> bool:
    """Whether a parameter is the idempotency key."""
    return parameter.name == KEY
