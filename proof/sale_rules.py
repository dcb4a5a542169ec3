"""What is for sale of a pod, by the stored hardware and by what is out of sale beside the fleet document.

An entry (a cordon, a quarantine, a maintenance) is in force in a pod from the next write of its hardware on.
Whoever books or gets hardware from then on, while the entry is there, is told by the ledger's rules.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from proof.fleet import SOLD
from testkit.items import hardware_of

if TYPE_CHECKING:
    from testkit.items import Hardware, Item, PodKey, RecordKey


class SaleRules:
    """Tracks what is out of sale, by region."""

    def __init__(self) -> None:
        self._entries: defaultdict[str, list[dict[str, str]]] = defaultdict(list)

    def note(self, key: RecordKey, after: Item | None) -> None:
        """Note a write of the item about a region."""
        rows = after["cordons"]["L"] if after else []
        self._entries[key[1].removeprefix("REGION#")] = [
            {name: next(iter(value.values())) for name, value in row["M"].items()} for row in rows
        ]

    def hardware(self, pod: PodKey, item: Item) -> Hardware:
        """A pod's hardware as it may be sold from the write of this item on."""
        entries = self._entries[pod[0]]
        stored = hardware_of(item, SOLD)
        ids = {domain_id: position for position, domain_id, *_ in json.loads(item["domains"]["S"])}
        aside = {entry["host"] for entry in entries if "host" in entry}
        cordoned = set(stored.cordoned)
        for entry in entries:
            if "host" in entry or entry.get("pod", pod[1]) != pod[1]:
                continue
            cordoned |= (
                {ids[entry["domain"]]} & stored.slots.keys() if "domain" in entry else set(stored.slots)
            )
        slots = {
            position: {slot: (host, serves and host not in aside) for slot, (host, serves) in found.items()}
            for position, found in stored.slots.items()
        }
        return replace(stored, slots=slots, cordoned=frozenset(cordoned))
