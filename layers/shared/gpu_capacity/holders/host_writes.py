"""Writes that transfer ownership of parts of domains: the hosts that single instances use.

The attribute of a domain that is owned in part is a map from holder tag to the mask of that holder's hosts.
Writes compare and set the map as a whole, so every change of ownership is noticed. One attribute is enough
for all kinds of holders: a rack with one owned tray is not free for a reservation, and a reserved rack has no
free tray. A write that removes the last owner of a domain sets a new stamp instead of removing the attribute,
so that a write that was decided earlier is refused.
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
    """The write that changes the owners of hosts in some domains of a pod.

    Args:
        table: the inventory table.
        pod: region id, flavor id, pod id.
        changes: by position, the expected and the new parts of the domain. A stamp or ``None`` (no attribute)
            as expected value means that the domain has no owner; an empty map as new value leaves it without
            owner.
        version: the expected topology version; ``None`` if hosts are only released.
        stamp: a new stamp, for domains that are left without owner.
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
    """The parts of a domain after a holder has taken these hosts in addition."""
    after = dict(parts or {})
    after[tag] = after.get(tag, 0) | hosts
    return after


def without_hosts(parts: Mapping[str, int], tag: str, hosts: int) -> dict[str, int]:
    """The parts of a domain after a holder has released these hosts."""
    after = dict(parts)
    left = after.pop(tag, 0) & ~hosts
    if left:
        after[tag] = left
    return after
