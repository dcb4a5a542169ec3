"""The binary form of protocol buffers (proto3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.http.protobuf.types import EnumType, Field, Malformed, Message, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator


DEPTH_MAX: Final = 32
"""How deep groups may nest, which only unknown fields can be. No message of ours is deeper than its table."""

_VARINT, _FIXED64, _LENGTH, _START, _END, _FIXED32 = range(6)
_FIXED_BYTES: Final = {_FIXED64: 8, _FIXED32: 4}
_WIRE: Final = 0b111
"""The bits of a tag that say how its field is written; the others are its number."""
_LOW: Final = 0x7F
"""The bits of an octet of a number; the highest one says that another octet follows."""
_VARINT_BYTES_MAX: Final = 10
_SHORT_BYTES_MAX: Final = 5
"""Of tags and lengths, which have 32 bits."""
_BITS: Final = (1 << 64) - 1
_TAG_MAX: Final = (1 << 32) - 1


def encode(message: Message, value: Any) -> bytes:
    """The octets of a message. What has its default is left out, as proto3 demands.

    Args:
        message: which one.
        value: its JSON form; names that the message does not have are ignored.
    """
    if message.of_text is not None:
        value = message.of_text(value)
    octets = bytearray()
    for field in message.fields:
        for one in _occurrences(field, value.get(field.name)):
            octets += _encoded(field, one)
    return bytes(octets)


def _occurrences(field: Field, value: Any) -> Iterator[Any]:
    """What the wire has of a field: nothing, a value, or one after the other."""
    if field.is_map:
        for key, inner in (value or {}).items():
            yield {"key": key, "value": inner}
    elif field.repeated:
        yield from value or ()
    elif value is not None and (isinstance(field.kind, Message) or _has_content(field.kind, value)):
        yield value


def _has_content(kind: Scalar | EnumType, value: Any) -> bool:
    return bool(kind.number(value) if isinstance(kind, EnumType) else _number_or_text(kind, value))


def _number_or_text(kind: Scalar, value: Any) -> int | str:
    return str(value) if kind is Scalar.STRING else int(value)


def _encoded(field: Field, value: Any) -> bytes:
    kind = field.entry if field.is_map else field.kind
    if isinstance(kind, EnumType):
        return _varint(field.number << 3 | _VARINT) + _varint(kind.number(value))
    if isinstance(kind, Message):
        content = encode(kind, value)
    elif kind is Scalar.STRING:
        content = str(value).encode()
    else:
        return _varint(field.number << 3 | _VARINT) + _varint(int(value))
    return _varint(field.number << 3 | _LENGTH) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Seven bits an octet, the lowest first; a negative number has ten."""
    rest = number & _BITS
    octets = bytearray()
    while rest > _LOW:
        octets.append(rest & _LOW | ~_LOW & 0xFF)
        rest >>= 7
    octets.append(rest)
    return bytes(octets)


# Decoding


def decode(message: Message, octets: bytes) -> Any:
    """The JSON form of a message; what is not sent is not there.

    As every parser of proto3 has to: unknown fields are skipped, of a field that comes again the last value
    counts, and messages that come again are merged.

    Raises:
        Malformed: the octets are no message.
    """
    fields = _decoded(message, memoryview(octets))
    return message.as_text(fields) if message.as_text is not None else fields


def _decoded(message: Message, octets: memoryview) -> dict[str, Any]:
    found: dict[str, Any] = {}
    parts: dict[str, list[bytes]] = {}
    for number, wire, content in _fields(octets):
        field = message.at(number)
        if field is None or wire != _wire(field):
            continue
        if isinstance(field.kind, Message) and not field.repeated and not field.is_map:
            # Messages joined are messages merged.
            parts.setdefault(field.name, []).append(bytes(content))
            continue
        if field.is_map:
            entry = _decoded(field.entry, content)
            default: Any = decode(field.kind, b"") if isinstance(field.kind, Message) else ""
            found.setdefault(field.name, {})[entry.get("key", "")] = entry.get("value", default)
        elif field.repeated:
            found.setdefault(field.name, []).append(_value(field.kind, content))
        else:
            found[field.name] = _value(field.kind, content)
    for field in message.fields:
        if field.name in parts and isinstance(field.kind, Message):
            found[field.name] = decode(field.kind, b"".join(parts[field.name]))
    return found


def _wire(field: Field) -> int:
    if field.is_map or isinstance(field.kind, Message) or field.kind is Scalar.STRING:
        return _LENGTH
    return _VARINT


def _value(kind: Scalar | EnumType | Message, content: Any) -> Any:
    if isinstance(kind, Message):
        return decode(kind, bytes(content))
    if isinstance(kind, EnumType):
        number = _signed(content, 32)
        return kind.values.get(number, number)
    if kind is Scalar.STRING:
        try:
            return bytes(content).decode()
        except UnicodeDecodeError:
            raise Malformed("a text is not UTF-8") from None
    if kind is Scalar.UINT32:
        return content & ((1 << 32) - 1)
    return _signed(content, 32 if kind is Scalar.INT32 else 64)


def _signed(number: int, bits: int) -> int:
    low = number & ((1 << bits) - 1)
    return low - (1 << bits) if low >> (bits - 1) else low


def _fields(octets: memoryview) -> Iterator[tuple[int, int, Any]]:
    """The fields on the wire as number, type and content. Groups, which proto3 does not have, are skipped."""
    groups: list[int] = []
    at = 0
    while at < len(octets):
        tag, at = _read_varint(octets, at, _SHORT_BYTES_MAX)
        number, wire = tag >> 3, tag & _WIRE
        if not number or tag > _TAG_MAX:
            raise Malformed("a field has no valid number")
        if wire in (_START, _END):
            _step_in_or_out(groups, number, wire)
            continue
        content, at = _content(octets, at, wire)
        if at > len(octets):
            raise Malformed("a field goes beyond the end")
        if not groups:
            yield number, wire, content
    if groups:
        raise Malformed("a group has no end")


def _step_in_or_out(groups: list[int], number: int, wire: int) -> None:
    if wire == _START:
        groups.append(number)
    elif not groups or groups.pop() != number:
        raise Malformed("a group ends that did not begin")
    if len(groups) > DEPTH_MAX:
        raise Malformed("groups are nested too deeply")


def _content(octets: memoryview, at: int, wire: int) -> tuple[Any, int]:
    """The content of a field and where it ends, which may be beyond the end."""
    if wire == _VARINT:
        return _read_varint(octets, at)
    if wire == _LENGTH:
        size, at = _read_varint(octets, at, _SHORT_BYTES_MAX)
        return octets[at : at + size], at + size
    if wire not in _FIXED_BYTES:
        raise Malformed("a field has no valid type")
    return None, at + _FIXED_BYTES[wire]


def _read_varint(octets: memoryview, at: int, bytes_max: int = _VARINT_BYTES_MAX) -> tuple[int, int]:
    """A number and where it ends. Bits beyond the 64th are dropped, as other parsers do."""
    number = 0
    for index, octet in enumerate(octets[at : at + bytes_max]):
        number |= (octet & _LOW) << 7 * index
        if octet <= _LOW:
            return number & _BITS, at + index + 1
    raise Malformed("a number does not end")
