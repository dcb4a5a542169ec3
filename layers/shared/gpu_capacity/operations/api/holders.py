"""Holders of all organizations in the operators' API: bodies, requests and replies."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, StrictStr

from gpu_capacity.errors import InvalidRequest, NotFound
from gpu_capacity.holders.held import HeldEntry
from gpu_capacity.http.call import Reply
from gpu_capacity.http.pages import PAGE_ENTRIES_MAX, cut, page_of
from gpu_capacity.http.rendering import NO_CACHE, Timestamp, as_json, timestamp
from gpu_capacity.inventory.cordons import Target
from gpu_capacity.operations.api.cordons import target_in_query
from gpu_capacity.operations.find_holders import HolderSearch, entry_of, find_holders
from gpu_capacity.operations.force_delete import force_delete
from gpu_capacity.operations.get_holder import get_holder
from gpu_capacity.operations.kinds import STATUSES, HolderKind, kind_of
from gpu_capacity.operations.parts import parts_of, regions_of
from gpu_capacity.operations.reasons import REASON_BYTES_MAX
from gpu_capacity.plain_numbers import whole
from gpu_capacity.reservations.api.bodies import Body

if TYPE_CHECKING:
    from gpu_capacity.http.call import Call
    from gpu_capacity.operations.find_holders import Needs as SearchNeeds
    from gpu_capacity.operations.force_delete import Needs as DeleteNeeds
    from gpu_capacity.operations.get_holder import Needs as GetNeeds
    from gpu_capacity.operations.get_holder import ShownHolder
    from gpu_capacity.operations.kinds import Record


class HolderPodRead(Body):
    """Where in a pod a holder has something: positions of domains."""

    model_config = ConfigDict(title="holderPod")

    region_id: str
    pod_id: str
    positions: list[int]


class HolderPartRead(Body):
    """A domain of which a holder has something. ``gpus`` is how many GPUs it has of its only host."""

    model_config = ConfigDict(title="holderPart")

    region_id: str
    pod_id: str
    position: int
    domain_id: str | None = Field(None, description="Absent if the inventory does not have it any more.")
    host_ids: list[str]
    gpus: int | None = None


class HolderRead(Body):
    """A holder of any kind and organization."""

    model_config = ConfigDict(title="holder")

    kind: HolderKind
    id: str
    organization_id: str
    project_id: str | None = None
    name: str | None = None
    status: str = Field(description="As its own API has it; a reservation may also be `claiming`.")
    region_ids: list[str]
    creation_time: Timestamp
    created_by: str
    unsettled_since: Timestamp | None = Field(None, description="Since when there is work to do for it.")
    failure: str | None = None
    removal: str | None = Field(None, description="Why an operator has deleted it.")
    pods: list[HolderPodRead]


class HolderDetailRead(HolderRead):
    """A holder, and the hardware that it has by name."""

    model_config = ConfigDict(title="holderDetail")

    parts: list[HolderPartRead]


class ForceDeleteBody(Body):
    """Why a holder is deleted. Its owner reads it."""

    model_config = ConfigDict(title="forceDelete")

    reason: StrictStr = Field(min_length=1, max_length=REASON_BYTES_MAX, description="At most 512 bytes.")


@dataclass(frozen=True, slots=True)
class _Listed:
    """A record as an entry of a list in pages."""

    record: Record

    @property
    def id(self) -> str:
        """Its place within the list."""
        entry = entry_of(self.record)
        return f"{entry.created_at} {entry.sort_key}"

    @property
    def organization_id(self) -> str:
        """Whose it is."""
        return self.record.organization_id


def list_holders(call: Call[SearchNeeds]) -> Reply:
    """200 with the holders that the query asks for, the oldest first; ``Link`` leads to the next page."""
    page = page_of(call, "holders", ())
    after = None if page.after is None else _entry_at(*page.after)
    limit = PAGE_ENTRIES_MAX if page.limit is None else page.limit
    found = find_holders(call.services, holder_search(call), after, limit + 1)
    if page.limit is None and len(found) > limit:
        raise InvalidRequest("query limit", "required, as there are more holders than one answer takes")
    views, link = cut(page, [_Listed(record) for record in found], lambda one: holder_view(one.record))
    return Reply(HTTPStatus.OK, views, NO_CACHE | link)


def _entry_at(place: str, organization_id: str) -> HeldEntry:
    """The entry that a cursor names.

    Raises:
        InvalidRequest: it names none. The digest of a cursor is no signature.
    """
    second, _, sort_key = place.partition(" ")
    try:
        return HeldEntry(whole(second), organization_id, sort_key)
    except ValueError:
        raise InvalidRequest("query cursor", "is none that this list gave out") from None


def show_holder(call: Call[GetNeeds]) -> Reply:
    """200 with a holder."""
    organization_id, kind, holder_id = _named(call)
    return Reply(
        HTTPStatus.OK, detail_view(get_holder(call.services, kind, organization_id, holder_id)), NO_CACHE
    )


def delete_holder(call: Call[DeleteNeeds]) -> Reply:
    """202 once the deletion has begun."""
    reason = call.body(ForceDeleteBody).reason
    organization_id, kind, holder_id = _named(call)
    force_delete(call.services, call.caller, kind, organization_id, holder_id, reason)
    return Reply(HTTPStatus.ACCEPTED, None, NO_CACHE)


def _named(call: Call[object]) -> tuple[str, HolderKind, str]:
    """Organization, kind and id in the path.

    Raises:
        NotFound: there is no such kind.
    """
    path = call.path_parameters
    try:
        return path["organizationID"], HolderKind(path["kind"]), path["holderID"]
    except ValueError:
        raise NotFound(f"there is no such kind: it is one of {', '.join(HolderKind)}") from None


def holder_search(call: Call[object]) -> HolderSearch:
    """What the query parameters ask for.

    Raises:
        InvalidRequest: one is malformed, or hardware is named without its region.
    """
    regions, target = call.values("regionID"), target_in_query(call)
    if target != Target() and len(regions) != 1:
        raise InvalidRequest("target", "a pod, domain or host goes with one regionID")
    return HolderSearch(
        regions=regions,
        target=None if target == Target() else target,
        kinds=kinds_in_query(call),
        statuses=_statuses(call),
        organizations=call.values("organizationID"),
        older_than=seconds_in_query(call, "olderThan"),
        younger_than=seconds_in_query(call, "youngerThan"),
    )


def _statuses(call: Call[object]) -> frozenset[str]:
    statuses = call.values("status")
    if not statuses <= STATUSES:
        raise InvalidRequest("query status", f"must be one of {', '.join(sorted(STATUSES))}")
    return statuses


def kinds_in_query(call: Call[object]) -> frozenset[HolderKind]:
    """The kinds of holders that the query names.

    Raises:
        InvalidRequest: there is no such kind.
    """
    kinds = call.values("kind")
    if not kinds <= set(HolderKind):
        raise InvalidRequest("query kind", f"must be one of {', '.join(HolderKind)}")
    return frozenset(map(HolderKind, kinds))


def seconds_in_query(call: Call[object], name: str) -> int | None:
    """A query parameter that is a number of seconds; None if it is absent.

    Raises:
        InvalidRequest: it is no whole number of at most ten digits.
    """
    text = call.single(name)
    if text is None:
        return None
    try:
        seconds = whole(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < 10**10:
        raise InvalidRequest(f"query {name}", "must be a whole number of seconds")
    return seconds


def holder_view(record: Record) -> dict[str, Any]:
    """A holder as JSON."""
    positions: dict[tuple[str, str], list[int]] = {}
    for part in parts_of(record):
        positions.setdefault((part.region_id, part.pod_id), []).append(part.position)
    return as_json(
        HolderRead.model_construct(
            kind=kind_of(record),
            id=record.id,
            organization_id=record.organization_id,
            project_id=getattr(record, "project_id", None),
            name=getattr(record, "name", None) or getattr(record, "instance_label", None),
            status=record.status.value,
            region_ids=sorted(regions_of(record)),
            creation_time=timestamp(record.created_at),
            created_by=getattr(record, "created_by", None) or getattr(record, "subject", ""),
            unsettled_since=timestamp(record.unsettled_since),
            failure=getattr(record, "failure", None),
            removal=record.removal,
            pods=[
                HolderPodRead.model_construct(region_id=region_id, pod_id=pod_id, positions=places)
                for (region_id, pod_id), places in sorted(positions.items())
            ],
        )
    )


def detail_view(shown: ShownHolder) -> dict[str, Any]:
    """A holder as JSON, with what it has by name."""
    parts = [
        as_json(
            HolderPartRead.model_construct(
                region_id=part.region_id,
                pod_id=part.pod_id,
                position=part.position,
                domain_id=part.domain_id,
                host_ids=list(part.host_ids),
                gpus=part.gpus.bit_count() or None,
            )
        )
        for part in shown.parts
    ]
    return {**holder_view(shown.record), "parts": parts}
