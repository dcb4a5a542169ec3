"""What has to hold of the inventory after a run of the sync: it says of hardware what the document says.

Judged where the run tells that it applied the document, for pods that it does not tell are deferred, as long
as no later document is in use. A host that the document has in another place, or not at all, may still stand
where it is held; so a host is compared where both have it in the same place.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from testkit.world import INVENTORY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from testkit.dynamodb import MemoryDynamoDB
    from testkit.items import PodKey

    Told = dict[str, Any]


def disagreements(db: MemoryDynamoDB, document: Told, deferred: Collection[PodKey]) -> Iterator[str]:
    """Where the inventory says something else than the document."""
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


def _about(pod: str, told: Told, stored: list[Any] | None) -> Iterator[str]:
    where = f"{pod} {told['position']}"
    if stored is None:
        # All of its hosts may still stand elsewhere.
        return
    _, _, _, cordoned, hosts = stored
    if cordoned != told["cordoned"]:
        yield f"{where} is cordoned in {'the inventory' if cordoned else 'the document'} only"
    states = {(slot, host_id): state for slot, host_id, _, _, state in hosts}
    for host in told["hosts"]:
        state = states.get((host["slot"], host["id"]), host["state"])
        if state != host["state"]:
            yield f"{where} has {host['id']} as {state}, which is {host['state']}"
