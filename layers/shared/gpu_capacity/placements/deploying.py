"""Deploys the servers of a placement that are not there, each on the host where it has to be."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from gpu_capacity.placements.losses import Loss
from gpu_capacity.placements.record import Networking
from gpu_capacity.providers.port import DeployOutcome, HoldOutcome, HoldState, ServerOrder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from gpu_capacity.holders.roles import HasDeadline, HasInventory, HasProvider
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.reservations.roles import HasReservations

    class Needs(HasDeadline, HasProvider, HasReservations, Protocol):
        """What the functions of this module work with."""


DEPLOY_BATCH: Final = 48
"""Servers of one call of the provider."""

CALL_SECONDS: Final = 5
"""The time that a call of the provider may take: none begins with less."""

HELD_BY_ANOTHER: Final = "cannot be there: the host is held for another holder"
NOT_HELD_ANY_MORE: Final = "cannot be there: the host is not held for the reservation any more"
OCCUPIED: Final = "cannot be there: the host is occupied by another server"
REFUSED: Final = "cannot be there: the provider takes no server of this placement on the host any more"


@dataclass(frozen=True, slots=True)
class Deployed:
    """What became of the orders.

    ``lost`` are servers whose hosts turned out to be of no use. ``unfinished``: the time was up.
    ``failure``: why there is no point in going on.
    """

    lost: tuple[Loss, ...] = ()
    unfinished: bool = False
    failure: str | None = None


def deploy(
    services: Needs, placement: Placement, ordinals: Sequence[int], hosts: Mapping[int, str]
) -> Deployed:
    """Deploy these servers, as many as there is time for.

    Args:
        services: collaborators.
        placement: the record.
        ordinals: of the servers.
        hosts: where they have to be, as far as the inventory has the hosts.

    Raises:
        ProviderUnavailable: the provider did not answer.
    """
    reservation = services.reservations.get(placement.organization_id, placement.reservation_id)
    if reservation is None or reservation.life != placement.reservation_life:
        return Deployed(failure="its reservation does not exist any more")
    holder_id = reservation.hold_owner
    lost = [
        Loss(n, None, "has a host that is missing from the inventory") for n in ordinals if n not in hosts
    ]
    orders = (_order(placement, holder_id, n, hosts[n]) for n in ordinals if n in hosts)
    while batch := list(islice(orders, DEPLOY_BATCH)):
        if services.deadline.remaining_seconds() < CALL_SECONDS:
            return Deployed(tuple(lost), unfinished=True)
        outcomes = services.provider.deploy(batch)
        not_held = [order.host_id for order in batch if outcomes[order.host_id] is DeployOutcome.NOT_HELD]
        useless = _held(services, holder_id, placement.region_id, not_held) if not_held else {}
        for order in batch:
            match outcomes[order.host_id]:
                case DeployOutcome.OCCUPIED:
                    lost.append(Loss(order.ordinal, order.host_id, OCCUPIED))
                case DeployOutcome.FENCED if placement.move_of(order.ordinal) is None:
                    why = "the provider takes no servers of this placement any more, so {} is missing"
                    return Deployed(failure=why.format(order.name))
                case DeployOutcome.FENCED:
                    # It was there before: the provider never takes a server back to a host that it has left.
                    lost.append(Loss(order.ordinal, order.host_id, REFUSED, blames_host=False))
                case DeployOutcome.NOT_HELD if order.host_id in useless:
                    lost.append(Loss(order.ordinal, order.host_id, useless[order.host_id]))
                case _:
                    pass
    return Deployed(tuple(sorted(lost, key=lambda loss: loss.ordinal)))


def _held(services: Needs, holder_id: str, region_id: str, hosts: Sequence[str]) -> Mapping[str, str]:
    """Hold hosts that the reservation does not hold: the fleet has got them since, or the provider lost them.

    Their servers are deployed in a later round, once the provider has found the hosts fit.

    Returns:
        Why hosts are of no use, by id.
    """
    outcomes = services.provider.hold(holder_id, region_id, hosts)
    unfit = {
        hold.host_id: f"cannot be there: the host is unfit: {hold.message}"
        for hold in services.provider.held_on(hosts)
        if hold.state is HoldState.UNFIT
    }
    refused = {HoldOutcome.FENCED: NOT_HELD_ANY_MORE, HoldOutcome.OCCUPIED: HELD_BY_ANOTHER}
    return unfit | {host: refused[outcome] for host, outcome in outcomes.items() if outcome in refused}


def host_ids(services: HasInventory, placement: Placement) -> dict[int, str]:
    """The ids of its hosts by ordinal, as far as the inventory has them."""
    pair = (placement.region_id, placement.pod_id)
    pod = services.inventory.pods({pair}).get(pair)
    ids = {
        (domain.position, host.slot): host.id
        for domain in (pod.domains if pod else ())
        for host in domain.hosts
    }
    found = {
        ordinal: ids[position, slot]
        for ordinal, position, slot in placement.slots()
        if (position, slot) in ids
    }
    # Where a server has moved to is in the record, whatever the fleet document calls that place now.
    return found | {moved.ordinal: moved.host_id for moved in placement.moved if moved.ordinal in found}


def _order(placement: Placement, holder_id: str, ordinal: int, host_id: str) -> ServerOrder:
    networking = placement.networking or Networking()
    return ServerOrder(
        owner=placement.server_owner,
        holder_id=holder_id,
        region_id=placement.region_id,
        host_id=host_id,
        ordinal=ordinal,
        name=placement.server_name(ordinal),
        generation=placement.generation,
        image_id=placement.image_id,
        network_id=placement.network_id,
        allowed_source_addresses=networking.allowed_source_addresses or (),
        public_ip=networking.public_ip or False,
        security_groups=networking.security_groups or (),
        ssh_certificate_authority_id=placement.ssh_certificate_authority_id,
        user_data=None if placement.user_data is None else b64encode(placement.user_data).decode(),
    )
