"""Encodes and decodes the items about maintenances in the inventory table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import Item, encode
from gpu_capacity.dynamodb.decoding import (
    binary_or_none,
    decoder,
    flag,
    second,
    second_or_none,
    text,
    text_or_none,
    whole,
)
from gpu_capacity.dynamodb.tombstones import TTL_ATTRIBUTE
from gpu_capacity.inventory.items import decode_target
from gpu_capacity.inventory.maintenances import (
    Force,
    MaintainedHost,
    Maintenance,
    MaintenanceStatus,
    Permit,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.inventory.cordons import Target

KEPT_SECONDS: Final = 30 * 24 * 3600
"""How long the record of a maintenance is kept when it is over."""


def encode_maintenance(maintenance: Maintenance) -> Item:
    """The record of a maintenance. It expires some time after the maintenance is over."""
    force, over_at = maintenance.force, maintenance.over_at
    return keys.maintenance(maintenance.id) | encode(
        {
            "region": maintenance.region_id,
            "targets": [_target(target) for target in maintenance.targets],
            "starts": maintenance.start,
            "ends": maintenance.end,
            "reason": maintenance.reason,
            "by": maintenance.by,
            "created_at": maintenance.created_at,
            "status": maintenance.status.value,
            "revision": maintenance.revision,
            "force": force and {"noticed_at": force.noticed_at, "takes_effect_at": force.takes_effect_at},
            "permits": [_permit(permit) for permit in maintenance.permits] or None,
            "cancelled": maintenance.cancelled or None,
            "over_at": over_at,
            TTL_ATTRIBUTE: None if over_at is None else over_at + KEPT_SECONDS,
        }
    )


@decoder
def decode_maintenance(item: Mapping[str, Any]) -> Maintenance:
    """Decode the record of a maintenance."""
    force = item.get("force")
    return Maintenance(
        id=item["sk"].removeprefix(keys.MAINTENANCE_PREFIX),
        region_id=text(item, "region"),
        targets=tuple(decode_target(row) for row in item["targets"]),
        start=second(item, "starts"),
        end=second(item, "ends"),
        reason=text(item, "reason"),
        by=text(item, "by"),
        created_at=second(item, "created_at"),
        status=MaintenanceStatus(text(item, "status")),
        revision=whole(item, "revision"),
        force=None if force is None else Force(second(force, "noticed_at"), second(force, "takes_effect_at")),
        permits=tuple(
            Permit(
                text(row, "organization"),
                text(row, "holder"),
                binary_or_none(row, "life"),
                second(row, "at"),
                text(row, "by"),
            )
            for row in item.get("permits", ())
        ),
        cancelled=flag(item, "cancelled"),
        over_at=second_or_none(item, "over_at"),
    )


def encode_maintained_host(host: MaintainedHost) -> Item:
    """The item about a host that a maintenance has taken."""
    return keys.maintained_host(host.maintenance_id, host.host_id) | encode(
        {
            "pod": host.pod_id,
            "name": host.name,
            "since": host.since,
            "held": host.held or None,
            "in_effect_since": host.in_effect_since,
            "stopped": host.stopped,
            "back_since": host.back_since,
        }
    )


@decoder
def decode_maintained_host(item: Mapping[str, Any]) -> MaintainedHost:
    """Decode the item about a host that a maintenance has taken."""
    return MaintainedHost(
        maintenance_id=item["pk"].removeprefix(keys.maintained_hosts_partition("")),
        host_id=item["sk"].removeprefix(keys.HOST_PREFIX),
        pod_id=text(item, "pod"),
        name=text(item, "name"),
        since=second(item, "since"),
        held=flag(item, "held"),
        in_effect_since=second_or_none(item, "in_effect_since"),
        stopped=text_or_none(item, "stopped"),
        back_since=second_or_none(item, "back_since"),
    )


def _target(target: Target) -> dict[str, str]:
    named = {"pod": target.pod_id, "domain": target.domain_id, "host": target.host_id}
    return {name: value for name, value in named.items() if value is not None}


def _permit(permit: Permit) -> dict[str, Any]:
    row = {
        "organization": permit.organization_id,
        "holder": permit.holder_id,
        "life": permit.life,
        "at": permit.at,
        "by": permit.by,
    }
    return {name: value for name, value in row.items() if value is not None}
