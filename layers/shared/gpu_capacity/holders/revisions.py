"""The condition under which a record is written: it has not changed since it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.dynamodb.client import AttributeValue
    from gpu_capacity.holders.holder import Holder

_UNREVISED: Final = ("attempt", "failure", "counted", "pod")
"""Attributes that versions without revisions changed by single updates."""


def as_read(
    holder: Holder, item: Mapping[str, AttributeValue]
) -> tuple[str, dict[str, str], dict[str, AttributeValue]]:
    """The condition that a record has not changed since it was read: condition, names and values.

    ``item`` is the record, encoded. The condition includes the status, because an earlier version changes it
    without a new revision.
    """
    demands, names = ["#status = :status"], {"#status": "status"}
    values: dict[str, AttributeValue] = {":status": {"S": holder.status.value}}
    unrevised = _UNREVISED if holder.life is None and not holder.revision else ()
    for name in ("life", "revision", *unrevised):
        if name in item:
            demands.append(f"{name} = :{name}")
            values[f":{name}"] = item[name]
        else:
            demands.append(f"attribute_not_exists({name})")
    return " AND ".join(demands), names, values
