"""Owning and freeing parts of domains: the hosts that single instances are made of.

The attribute of a domain that is owned in part is a map from holder tag to the mask of that holder's hosts.
It is compared and set as a whole, so a domain never changes hands unseen, and one attribute says all: a
rack with one claimed tray is not free for a reservation, and a reserved rack has no free tray. Whoever
empties a domain leaves a fresh stamp there, not nothing: a write that was decided before must not find it as
it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode_value
from gpu_capacity.dynamodb.writes import Update

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.dynamodb.client import AttributeValue

POD_LABEL: Final = "pod:"


def change_parts(
    table: str,
    pod: tuple[str, str, str],
    changes: Mapping[int, tuple[Mapping[str, int] | bytes | None, Mapping[str, int]]],
    version: int | None,
    stamp: bytes,
) -> Update:
    """Change who owns which hosts in some domains of a pod.

    Args:
        table: the inventory table.
        pod: region id, flavor id, pod id.
        changes: by position, the parts as they must be now (a stamp or ``None``: nobody owns anything, and
            that is what stands there) and as they are to be (empty: nobody does).
        version: the topology version that must still be in force; ``None`` when only giving back.
        stamp: a fresh one, for domains that are emptied.
    """
    sets = []
    demands = [] if version is None else ["v = :version"]
    values: dict[str, AttributeValue] = {} if version is None else {":version": encode_value(version)}
    for position, (before, after) in sorted(changes.items()):
        domain = keys.domain_attribute(position)
        if before is None:
            demands.append(f"attribute_not_exists({domain})")
        else:
            demands.append(f"{domain} = :o{position}")
            values[f":o{position}"] = encode_value(before if isinstance(before, bytes) else dict(before))
        sets.append(f"{domain} = {f':n{position}' if after else ':stamp'}")
        values |= {f":n{position}": encode_value(dict(after))} if after else {":stamp": encode_value(stamp)}
    return Update(
        f"{POD_LABEL}{'#'.join(pod)}",
        table,
        keys.owners(*pod),
        "SET " + ", ".join(sets),
        " AND ".join(demands),
        {},
        values,
    )


def with_hosts(parts: Mapping[str, int] | None, tag: str, hosts: int) -> dict[str, int]:
    """The parts of a domain after a holder took these hosts as well."""
    after = dict(parts or {})
    after[tag] = after.get(tag, 0) | hosts
    return after


def without_hosts(parts: Mapping[str, int], tag: str, hosts: int) -> dict[str, int]:
    """The parts of a domain after a holder gave these hosts back."""
    after = dict(parts)
    left = after.pop(tag, 0) & ~hosts
    if left:
        after[tag] = left
    return after
