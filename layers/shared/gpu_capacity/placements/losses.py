"""Which servers of a placement have lost their hosts, and so have to move. Pure.

A server that its customer has stopped is not lost. One that failed may have failed because of its image: then
other hosts would fail as well. An image is *proven* once a server of the placement was up with it. Of an
unproven one two servers are moved at most, so that no customer's image sets a whole reservation aside; and
when servers fail on the way to another image, which is unproven, none is: they wait for the next image.

Where most servers of a placement vanish at once, the hosts are not to blame: somebody or something has
removed them, and they are deployed again where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.placements.progress import is_provisioned
from gpu_capacity.providers.port import ServerState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gpu_capacity.placements.record import Placement
    from gpu_capacity.providers.port import Server

MOVES_MAX: Final = 5
"""How often a server moves until it is up. What fails on so many hosts does not fail because of them."""

UNPROVEN_MOVES_MAX: Final = 2
"""The same of all servers of a placement together, as long as none was up with the image."""

VANISHED_TOGETHER_MIN: Final = 4
"""From so many on, more than half of a placement's servers are too many to have lost their hosts at once."""

LATE: Final = "was not up when the time was over"
NEVER_LISTED: Final = "was not there when the time was over"
VANISHED: Final = "has vanished: the host provider does not have it any more"


@dataclass(frozen=True, slots=True)
class Loss:
    """A server without a host that is any good. ``reason`` is for customers.

    ``host_id`` is None if nothing knows the host. ``blames_host``: the host is to be set aside; of a server
    that still runs (``runs``) only once that has moved, or if it cannot.
    """

    ordinal: int
    host_id: str | None
    reason: str
    blames_host: bool = True
    runs: bool = False


def losses_of(
    placement: Placement, servers: Sequence[Server], hosts: Mapping[int, str], *, late: bool
) -> list[Loss]:
    """The servers that have lost their hosts, in order of ordinals.

    Args:
        placement: the record.
        servers: those in their places.
        hosts: the hosts of its servers by ordinal, as far as the inventory has them.
        late: the time in which servers have to come up is over.
    """
    by_ordinal = {server.ordinal: server for server in servers}
    vanished = vanished_of(placement, servers)
    condemned = {(one.ordinal, one.host_id): one for one in placement.condemned}
    found = []
    for ordinal in range(placement.count):
        server = by_ordinal.get(ordinal)
        if server is not None and (one := condemned.get((ordinal, server.host_id))) is not None:
            found.append(Loss(ordinal, server.host_id, one.reason, one.sets_aside, runs=True))
        elif server is not None:
            reason = _reason(server, late=late)
            if reason is not None and _host_is_suspect(placement, servers, server):
                found.append(Loss(ordinal, server.host_id, reason))
        elif ordinal in vanished:
            found.append(Loss(ordinal, hosts.get(ordinal), VANISHED))
        elif late:
            found.append(Loss(ordinal, hosts.get(ordinal), NEVER_LISTED))
    return found


def vanished_of(placement: Placement, servers: Sequence[Server]) -> frozenset[int]:
    """The servers that were up and are not listed any more; none if so many went that it is not the hosts."""
    there = {server.ordinal for server in servers}
    gone = {o for o in range(placement.count) if o not in there and not placement.is_awaited(o)}
    if len(gone) >= VANISHED_TOGETHER_MIN and 2 * len(gone) > placement.count:
        return frozenset()
    return frozenset(gone)


def may_move(placement: Placement, servers: Collection[Server], loss: Loss) -> bool:
    """Whether a lost server may move once more, and not wait for a former one of its ordinal to go first."""
    moved = placement.move_of(loss.ordinal)
    if placement.is_leaving(loss.ordinal) or (moved is not None and moved.times >= MOVES_MAX):
        return False
    return is_proven(placement, servers) or sum(m.times for m in placement.moved) < UNPROVEN_MOVES_MAX


def is_proven(placement: Placement, servers: Collection[Server]) -> bool:
    """Whether a server was up with the image that the placement wants."""
    if placement.served >= placement.generation:
        return True
    return any(is_provisioned(s) and s.image_id == placement.image_id for s in servers)


def _reason(server: Server, *, late: bool) -> str | None:
    """Why a server is of no use; None if it is, or may still come up."""
    if server.state is ServerState.FAILED:
        return f"failed: {server.message}" if server.message else "failed"
    return LATE if late and not is_provisioned(server) else None


def _host_is_suspect(placement: Placement, servers: Sequence[Server], server: Server) -> bool:
    """Whether a server that is of no use failed because of its host, as far as one can tell."""
    same_image = [other for other in servers if other.image_id == server.image_id and is_provisioned(other)]
    if same_image or placement.served >= server.generation:
        return True
    # The first image of all may move servers a few times. Any other one waits for the next image.
    return placement.served == 0 and server.generation == 1
