"""Fleet documents may be published as plain JSON or as gzip."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Final

from gpu_capacity.errors import FeedRefusal, FeedRefused
from gpu_capacity.inventory.fleet.document import UNPACKED_BYTES_MAX

_GZIP: Final = b"\x1f\x8b"


def packed(plain: bytes) -> bytes:
    """The document as gzip: what is large would exceed the limit otherwise. The same each time."""
    return gzip.compress(plain, compresslevel=1, mtime=0)


def unpacked(raw: bytes, bytes_max: int = UNPACKED_BYTES_MAX) -> bytes:
    """The plain document. Its first bytes show whether it is gzip; file names and headers are ignored.

    Decompresses at most one byte more than ``bytes_max``, because a few bytes of gzip can expand without
    limit.

    Raises:
        FeedRefused: ``too_large``, or ``malformed`` if the gzip data is incomplete or damaged.
    """
    if not raw.startswith(_GZIP):
        return raw
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as package:
            plain = package.read(bytes_max + 1)
    except EOFError:
        raise FeedRefused(FeedRefusal.MALFORMED, "document: the gzip data is cut off") from None
    except (gzip.BadGzipFile, zlib.error):
        raise FeedRefused(FeedRefusal.MALFORMED, "document: the gzip data is damaged") from None
    if len(plain) > bytes_max:
        raise FeedRefused(FeedRefusal.TOO_LARGE, f"the unpacked document has more than {bytes_max} bytes")
    return plain
