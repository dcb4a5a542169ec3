"""What the machines of a fleet document say, and what they do not say. Imports nothing of the product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def catalogue_of(document: dict[str, Any], *region_ids: str) -> dict[str, Any]:
    """What the machines of a document do not say: its regions, or those that are named, without pods."""
    return {
        "schemaVersion": 1,
        "flavors": document["flavors"],
        "regions": [
            {name: value for name, value in region.items() if name != "pods"}
            for region in document["regions"]
            if not region_ids or region["id"] in region_ids
        ],
    }


def facts_of(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield host id, resource class and the facts of each host of a document."""
    for region in document["regions"]:
        for pod in region["pods"]:
            for domain in pod["domains"]:
                for host in domain["hosts"]:
                    facts = {
                        "region": region["id"],
                        "pod": pod["id"],
                        "domain": domain["id"],
                        "position": domain["position"],
                        "slot": host["slot"],
                        "flavor": pod["flavorId"],
                    }
                    yield host["id"], host["resourceClass"], facts
