"""A JSON parser that refuses text which different parsers read differently.

RFC 8259 does not define what an object with a repeated name means. The standard library and most other
parsers silently keep the last value, while a person who reads the text may see the first. So this parser
refuses a repeated key and reports its path. It also refuses what is not JSON although many parsers accept it:
``NaN`` and ``Infinity``, encodings other than UTF-8, and lone surrogates.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Place: TypeAlias = "tuple[str | int, ...]"

KEY_SHOWN_MAX: Final = 64
"""Keys come from the document and may be long: messages show this many characters of each."""


class JsonRefused(ValueError):
    """The text is refused. The message says why and repeats no value of the text."""


class NotJson(JsonRefused):
    """The text is not JSON."""


class KeyRepeated(JsonRefused):
    """An object has a key twice. ``place`` is the path to the key: keys of objects and indexes of arrays."""

    def __init__(self, place: Place) -> None:
        super().__init__(f"{dotted(place)}: the key occurs more than once")
        self.place = place


class _Repeating(dict[str, Any]):
    """Marks an object that repeats a key until its path is known."""

    key: str


def loads(text: bytes | str) -> Any:
    """Parse a JSON text.

    Raises:
        NotJson: the text is not JSON in UTF-8.
        KeyRepeated: an object in the text has a key twice.
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
        # Given bytes, ``json.loads`` would also detect and accept UTF-16 and UTF-32.
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
    """A path for messages, such as ``regions.0.pods``."""
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
    """The path to the first repeated key.

    An object that repeats a key may itself have been dropped, as the earlier value of a repeated key. Then
    the object around it repeats a key too, so the outermost one is always found. The search keeps one path at
    a time: keeping the paths to all parts would take gigabytes for a body of 64 KB.
    """
    if isinstance(value, _Repeating):
        return (value.key,)
    path: list[str | int] = []
    unread = [_parts_of(value)]
    while unread:
        found = next(unread[-1], None)
        if found is None:
            unread.pop()
            del path[-1:]
            continue
        key, part = found
        if isinstance(part, _Repeating):
            return (*path, key, part.key)
        if isinstance(part, dict | list):
            path.append(key)
            unread.append(_parts_of(part))
    raise AssertionError("an object repeats a key, but none was found")


def _parts_of(part: dict[str, Any] | list[Any]) -> Iterator[tuple[str | int, Any]]:
    if isinstance(part, dict):
        return ((key[:KEY_SHOWN_MAX], inner) for key, inner in part.items())
    return iter(enumerate(part))
