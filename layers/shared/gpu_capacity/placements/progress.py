"""How far the servers of a placement are, and which of them are rebuilt next. Pure.

A server is *provisioned* once its image runs or has run: running, stopping or stopped. Of the others all are
*in flight*, also those that failed: only the provider, or somebody who reconciles them, can bring them back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from gpu_capacity.providers.port import ServerState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.placements.record import Placement
    from gpu_capacity.providers.port import Server

_PROVISIONED: Final = frozenset({ServerState.RUNNING, ServerState.STOPPING, ServerState.STOPPED})


class Drift(StrEnum):
    """Whether a server has the image of its placement. The words are published."""

    UP_TO_DATE = "UpToDate"
    DRIFTED = "Drifted"
    CONVERGING = "Converging"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many servers of a placement are where.

    ``updated`` have the wanted image and are provisioned, ``drifted`` are all others. ``in_flight`` of these
    are not provisioned, and ``stalled`` of those have failed. ``ready`` run, whatever their image.
    """

    ready: int
    updated: int
    drifted: int
    in_flight: int
    stalled: int


def is_provisioned(server: Server) -> bool:
    """Whether a server has come up with the image that it was last given."""
    return server.state in _PROVISIONED


def drift_of(placement: Placement, server: Server) -> Drift:
    """Whether a server has the image that its placement wants."""
    if server.image_id != placement.image_id:
        return Drift.DRIFTED
    return Drift.UP_TO_DATE if is_provisioned(server) else Drift.CONVERGING


def counts_of(placement: Placement, servers: Sequence[Server]) -> Counts:
    """The counts of a placement. A host without a server counts as one in flight."""
    updated = sum(drift_of(placement, server) is Drift.UP_TO_DATE for server in servers)
    return Counts(
        ready=sum(server.state is ServerState.RUNNING for server in servers),
        updated=updated,
        drifted=placement.count - updated,
        in_flight=placement.count - sum(map(is_provisioned, servers)),
        stalled=sum(server.state is ServerState.FAILED for server in servers),
    )


def next_to_rebuild(placement: Placement, servers: Sequence[Server]) -> list[Server]:
    """The servers that a rolling update may rebuild now: first those that are in flight, then working ones.

    At most ``max_unavailable`` servers are on their way to the wanted image at a time, and one that fails on
    the way stays among them: it keeps its slot until the image changes again. A server that works is taken
    only while fewer than ``max_unavailable`` are in flight, for whatever reason.
    """
    budget = placement.max_unavailable
    drifts = [(server, drift_of(placement, server)) for server in servers]
    slots = budget - sum(drift is Drift.CONVERGING for _, drift in drifts)
    drifted = [server for server, drift in drifts if drift is Drift.DRIFTED]
    in_flight = [server for server in drifted if not is_provisioned(server)][: max(0, slots)]
    working = [server for server in drifted if is_provisioned(server)]
    unavailable = placement.count - sum(map(is_provisioned, servers))
    may_go = min(slots - len(in_flight), budget - unavailable)
    return [*in_flight, *working[: max(0, may_go)]]
