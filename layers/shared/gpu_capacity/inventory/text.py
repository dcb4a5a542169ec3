"""A pod's domains as text, for storage and for fingerprints.

JSON lists without keys, in the order of positions and slots:
``[[position, id, name, cordoned, [[slot, id, name, resource class, state], …]], …]``. Equal domains have
equal texts, so comparing texts shows whether a pod has changed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpu_capacity.inventory.model import Domain

TEXT_BYTES_MAX: Final = 390_000
"""An item of DynamoDB may have 400 KB. The rest is for the key and the other attributes."""


def text_of(domains: Iterable[Domain]) -> str:
    """Domains as text."""
    return json.dumps(
        [
            [
                d.position,
                d.id,
                d.name,
                d.cordoned,
                # ``h.state`` is itself a string. Reading ``.value`` would take longer than all the rest.
                [[h.slot, h.id, h.name, h.resource_class, h.state] for h in d.hosts],
            ]
            for d in domains
        ],
        separators=(",", ":"),
        ensure_ascii=False,
    )


def fits_into_an_item(domains: Iterable[Domain]) -> bool:
    """Whether a pod with these domains can be stored in one item."""
    return len(text_of(domains).encode()) <= TEXT_BYTES_MAX
