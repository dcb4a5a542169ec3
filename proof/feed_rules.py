"""Invariant of the inventory after a sync: it agrees with the fleet document.

Checked when the sync reports that it applied the document, for pods that it does not report as deferred, and
only while no later document is in use. A host that the document moves or removes may stay where it is held,
so a host is compared only if both have it in the same place.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from testkit.world import INVENTORY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from testkit.dynamodb import MemoryDynamoDB
    from testkit.items import PodKey

    Published = dict[str, Any]


def disagreements(db: MemoryDynamoDB, document: Published, deferred: Collection[PodKey]) -> Iterator[str]:
    """Yield each difference between the inventory and the document."""
    for region in document["regions"]:
        for pod in region["pods"]:
            item = db.table(INVENTORY).get((f"HOSTS#{region['id']}", f"POD#{pod['id']}"))
            if (region["id"], pod["id"]) in deferred:
                continue
            if item is None:
                yield f"{region['id']} {pod['id']} is not in the inventory"
                continue
            stored = {row[0]: row for row in json.loads(item["domains"]["S"])}
            for domain in pod["domains"]:
                yield from _about(f"{region['id']} {pod['id']}", domain, stored.get(domain["position"]))


def _about(pod: str, published: Published, stored: list[Any] | None) -> Iterator[str]:
    where = f"{pod} {published['position']}"
    if stored is None:
        # All of its hosts may still be held elsewhere.
        return
    _, _, _, cordoned, hosts = stored
    if cordoned != published["cordoned"]:
        yield f"{where} is cordoned in {'the inventory' if cordoned else 'the document'} only"
    states = {(slot, host_id): state for slot, host_id, _, _, state in hosts}
    for host in published["hosts"]:
        state = states.get((host["slot"], host["id"]), host["state"])
        if state != host["state"]:
            yield f"{where} has {host['id']} as {state}, which is {host['state']}"
