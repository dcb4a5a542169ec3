"""Sorts out the servers of a placement as its provider lists them. Pure.

While a server moves, the provider may list two of one ordinal: the new one, and the former one that it is
removing. Everybody who asks for the servers of a placement goes by this, so that each ordinal has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpu_capacity.placements.record import Placement
    from gpu_capacity.providers.port import Server


@dataclass(frozen=True, slots=True)
class Seating:
    """The servers of a placement.

    ``servers`` are those in their places, at most one of each ordinal, in order of ordinals. ``former`` are
    on hosts that the placement is leaving. ``strays`` are former ones on hosts that it has given back.
    """

    servers: tuple[Server, ...]
    former: tuple[Server, ...]
    strays: tuple[Server, ...]


def seating_of(placement: Placement, listed: Iterable[Server]) -> Seating:
    """Which of the listed servers are in their places.

    The record knows the host of a server that has moved. Any other server is where the provider says: its
    host may have been replaced in the fleet document under another id.
    """
    left = {(leaving.ordinal, leaving.host_id) for leaving in placement.leaving}
    moved = {one.ordinal: one.host_id for one in placement.moved}
    servers: dict[int, Server] = {}
    former, strays = [], []
    for server in listed:
        if (server.ordinal, server.host_id) in left:
            former.append(server)
        elif server.host_id != moved.get(server.ordinal, server.host_id):
            strays.append(server)
        else:
            servers.setdefault(server.ordinal, server)
    return Seating(tuple(servers[ordinal] for ordinal in sorted(servers)), tuple(former), tuple(strays))
