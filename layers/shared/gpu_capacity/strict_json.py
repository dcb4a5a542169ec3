"""Reads JSON that every reader understands alike, or refuses it.

RFC 8259 leaves open what an object with a repeated name means: the standard library, and most parsers, keep
the last value without a word, and a person who reads the text may see the first. So this reader refuses a
repeated key and names its place. It also refuses what is no JSON although many parsers take it: ``NaN`` and
``Infinity``, another encoding than UTF-8, a lone surrogate.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Place: TypeAlias = "tuple[str | int, ...]"

KEY_SHOWN_MAX: Final = 64
"""Keys that a document makes up are shown as far as this."""


class JsonRefused(ValueError):
    """The text must not be read; the message says why and repeats no value of it."""


class NotJson(JsonRefused):
    """The text is no JSON."""


class KeyRepeated(JsonRefused):
    """An object has a key twice; ``place`` is the path to the key: names of objects, positions in arrays."""

    def __init__(self, place: Place) -> None:
        super().__init__(f"{dotted(place)}: the key stands there more than once")
        self.place = place


class _Repeating(dict[str, Any]):
    """An object that repeats a key, until its place is known."""

    key: str


def loads(text: bytes | str) -> Any:
    """The value of a JSON text.

    Raises:
        NotJson: it is no JSON text in UTF-8.
        KeyRepeated: an object in it has a key twice.
    """
    repeating = False

    def read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        nonlocal repeating
        repeating = True
        marked = _Repeating(found)
        marked.key = _first_repeated(pairs)[:KEY_SHOWN_MAX]
        return marked

    try:
        # The library would guess at UTF-16 and UTF-32 as well.
        plain = text.decode() if isinstance(text, bytes) else text
        value = json.loads(plain, object_pairs_hook=read_object, parse_constant=_refuse_constant)
        if "\\u" in plain:
            json.dumps(value, ensure_ascii=False).encode()
    except NotJson:
        raise
    except UnicodeError:
        raise NotJson("it has characters that are not Unicode") from None
    except ValueError:
        raise NotJson("it is not valid JSON") from None
    except RecursionError:
        raise NotJson("it is nested too deeply") from None
    if repeating:
        raise KeyRepeated(_place_in(value))
    return value


def dotted(place: Place) -> str:
    """A path for people: ``regions.0.pods``."""
    return ".".join(str(part) for part in place)


def _first_repeated(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            break
        seen.add(key)
    return key


def _refuse_constant(_name: str) -> NoReturn:
    raise NotJson("NaN and infinities are not JSON")


def _place_in(value: Any) -> Place:
    """Where the first object stands that repeats a key.

    One that was dropped for a later value of the same key stands in an object that repeats a key too: so
    the outermost is always found. Only the way to one part is kept at a time: with the ways to all of them
    a body of 64 KB would take gigabytes.
    """
    if isinstance(value, _Repeating):
        return (value.key,)
    way: list[str | int] = []
    left = [_parts_of(value)]
    while left:
        found = next(left[-1], None)
        if found is None:
            left.pop()
            del way[-1:]
            continue
        key, part = found
        if isinstance(part, _Repeating):
            return (*way, key, part.key)
        if isinstance(part, dict | list):
            way.append(key)
            left.append(_parts_of(part))
    raise AssertionError("an object repeats a key, and stands nowhere")


def _parts_of(part: dict[str, Any] | list[Any]) -> Iterator[tuple[str | int, Any]]:
    if isinstance(part, dict):
        return ((key[:KEY_SHOWN_MAX], inner) for key, inner in part.items())
    return iter(enumerate(part))
