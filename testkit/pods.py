"""Who owns what in a pod's item, read without the product's decoders."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

STAMP_BYTES = 6
"""What tells a stamp from the owner of a whole domain, which has 8."""


def owned_whole(item: Mapping[str, Any]) -> dict[int, bytes]:
    """By position the tag of whoever owns the domain whole: by a booking, or as a version before wrote it."""
    owners = {
        int(name[1:]): value["B"]
        for name, value in item.items()
        if is_domain(name) and "B" in value and len(value["B"]) != STAMP_BYTES
    }
    for name, value in item.items():
        if name[0] == "b":
            first, count = int.from_bytes(value["B"][:2], "big"), value["B"][2]
            owners |= dict.fromkeys(range(first, first + count), urlsafe_b64decode(name[1:]))
    return owners


def owned_in_part(item: Mapping[str, Any]) -> dict[int, dict[str, int]]:
    """By position the masks of those who own hosts or GPUs of the domain, by tag."""
    return {
        int(name[1:]): {tag: int(mask["N"]) for tag, mask in value["M"].items()}
        for name, value in item.items()
        if is_domain(name) and "M" in value
    }


def is_domain(name: str) -> bool:
    """Whether an attribute stands for a domain."""
    return name[0] == "d" and name[1:].isdigit()


def without_stamps(item: Mapping[str, Any]) -> dict[str, Any]:
    """The item as it would be if nobody had ever owned what is free now."""
    return {
        name: value
        for name, value in item.items()
        if not (is_domain(name) and "B" in value and len(value["B"]) == STAMP_BYTES)
    }
