"""A fleet document as it is published: plain, or packed with gzip."""

from __future__ import annotations

import zlib
from typing import Final

from gpu_capacity.errors import FeedRefusal, FeedRefused
from gpu_capacity.fleet.document import UNPACKED_BYTES_MAX

_GZIP: Final = b"\x1f\x8b"
_GZIP_HEADER: Final = 16 + zlib.MAX_WBITS
"""How zlib is told to expect the header and the checksum of gzip."""


def unpacked(raw: bytes, bytes_max: int = UNPACKED_BYTES_MAX) -> bytes:
    """The plain document. Told by its first bytes, whatever a server or a file name says.

    Never unpacks more than ``bytes_max`` and a little: what a few bytes can stand for has no end.

    Raises:
        FeedRefused: ``too_large``, or ``malformed`` where it is cut off or damaged.
    """
    if not raw.startswith(_GZIP):
        return raw
    parts: list[bytes] = []
    left, room = raw, bytes_max
    try:
        while left:
            member = zlib.decompressobj(wbits=_GZIP_HEADER)
            part = member.decompress(left, room + 1)
            room -= len(part)
            if room < 0:
                raise FeedRefused(
                    FeedRefusal.TOO_LARGE, f"the unpacked document has more than {bytes_max} bytes"
                )
            if not member.eof:
                raise FeedRefused(FeedRefusal.MALFORMED, "document: the gzip data is cut off")
            parts.append(part)
            left = member.unused_data
    except zlib.error:
        raise FeedRefused(FeedRefusal.MALFORMED, "document: the gzip data is damaged") from None
    return b"".join(parts)
