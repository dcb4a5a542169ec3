"""Encodes and decodes what the records of reservations and placements have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.decoding import (
    SCHEMA,
    flag,
    rows,
    second,
    second_or_none,
    text,
    text_or_none,
    whole,
)
from gpu_capacity.holders.project_scoped import Tag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.holders.project_scoped import ProjectScoped


def encode_common(record: ProjectScoped) -> dict[str, Any]:
    """The common attributes.

    ``unsettled`` and ``unsettled_since`` exist only while the record is unsettled: they are the keys of the
    sparse index that reconcile reads. ``held`` and ``created_at`` are those of the index of all holders, and
    never change.
    """
    unsettled = record.is_unsettled
    return {
        "project": record.project_id,
        "name": record.name,
        "description": record.description,
        "tags": [[tag.name, tag.value] for tag in record.tags] or None,
        "region": record.region_id,
        "flavor": record.flavor_id,
        "created_at": record.created_at,
        "created_by": record.created_by,
        "fingerprint": record.fingerprint,
        "keyed": record.keyed or None,
        "counted": record.counted or None,
        "attempt": record.attempt,
        "failure": record.failure,
        "deleted_at": record.deleted_at,
        "removal": record.removal,
        "unsettled": keys.unsettled_shard(record.id) if unsettled else None,
        "unsettled_since": record.unsettled_since if unsettled else None,
        "held": keys.held_partition((record.region_id,), record.id),
        "schema": SCHEMA,
    }


def decode_common(item: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The fields of ``ProjectScoped`` in an item whose sort key begins with ``prefix``."""
    return {
        "id": item["sk"].removeprefix(prefix),
        "organization_id": item["pk"].removeprefix(keys.organization_partition("")),
        "project_id": text(item, "project"),
        "name": text(item, "name"),
        "description": text_or_none(item, "description"),
        "tags": tuple(Tag(name, value) for name, value in rows(item.get("tags", ()), str, str)),
        "region_id": text(item, "region"),
        "flavor_id": text(item, "flavor"),
        "created_at": second(item, "created_at"),
        "created_by": text(item, "created_by"),
        "fingerprint": text(item, "fingerprint"),
        "keyed": flag(item, "keyed"),
        "counted": flag(item, "counted"),
        "attempt": whole(item, "attempt"),
        "failure": text_or_none(item, "failure"),
        "deleted_at": second_or_none(item, "deleted_at"),
        "removal": text_or_none(item, "removal"),
        "unsettled_since": second_or_none(item, "unsettled_since"),
    }
