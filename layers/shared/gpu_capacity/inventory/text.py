"""A pod's domains as text: how they are stored, and what a fingerprint of them is taken of.

JSON lists without names, in position and slot order: ``[[position, id, name, cordoned, [[slot, id, name,
resource class, state], …]], …]``. Equal domains have equal texts, so a pod that did not change is told by its
text alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpu_capacity.inventory.model import Domain

TEXT_BYTES_MAX: Final = 390_000
"""DynamoDB takes 400 KB an item; the rest is for the key and the other attributes."""


def text_of(domains: Iterable[Domain]) -> str:
    """Domains as text."""
    return json.dumps(
        [
            [
                d.position,
                d.id,
                d.name,
                d.cordoned,
                # A state is a text itself; asking for its value takes longer than all the rest.
                [[h.slot, h.id, h.name, h.resource_class, h.state] for h in d.hosts],
            ]
            for d in domains
        ],
        separators=(",", ":"),
        ensure_ascii=False,
    )


def fits_into_an_item(domains: Iterable[Domain]) -> bool:
    """Whether a pod of these domains can be stored."""
    return len(text_of(domains).encode()) <= TEXT_BYTES_MAX
