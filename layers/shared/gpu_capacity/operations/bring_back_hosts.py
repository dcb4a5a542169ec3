"""Brings hosts back from a maintenance: fit ones at once; a host that stays unfit is quarantined.

The provider's maintenance is ended first, by a name that is never used again. A host's item is removed last,
so that a run that dies is repeated.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.providers.port import PowerAction, Readiness

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from gpu_capacity.holders.roles import HasClock, HasMaintenances, HasProvider, HasQuarantine
    from gpu_capacity.inventory.maintenances import MaintainedHost, Maintenance
    from gpu_capacity.providers.port import Fitness

    class Needs(HasClock, HasMaintenances, HasProvider, HasQuarantine, Protocol):
        """What the functions of this module work with."""


ACTOR: Final = "schedule:run_maintenances"

HOSTS_PER_CALL: Final = 100

FIT_SECONDS_MAX: Final = 900
"""How long a host may take to be fit again: it may have to boot, or to be cleaned."""


def bring_back(services: Needs, maintenance: Maintenance, hosts: Sequence[MaintainedHost]) -> int:
    """Go on with hosts that leave a maintenance; returns how many are not back yet.

    Raises:
        ProviderUnavailable: the provider did not answer.
        StorageUnavailable: the database did not answer.
    """
    left = 0
    for start in range(0, len(hosts), HOSTS_PER_CALL):
        left += _bring_back(services, maintenance, hosts[start : start + HOSTS_PER_CALL])
    return left


def _bring_back(services: Needs, maintenance: Maintenance, hosts: Sequence[MaintainedHost]) -> int:
    now = services.clock.now()
    marked = [marked for host in hosts if (marked := _marked(services, host, now)) is not None]
    for name in dict.fromkeys(host.name for host in marked):
        services.provider.end_maintenance(name, [host.host_id for host in marked if host.name == name])
    ids = [host.host_id for host in marked]
    fitness, others = services.provider.fitness(ids), services.provider.maintained(ids)
    back = 0
    for host in marked:
        if others[host.host_id]:
            # Another maintenance has it. Whether it is fit shows when that is over, too.
            continue
        fit = fitness[host.host_id]
        if fit.readiness is not Readiness.READY:
            if now < (host.back_since or now) + FIT_SECONDS_MAX:
                continue
            _quarantine(services, maintenance, host, fit)
        if host.stopped is not None:
            services.provider.power(host.stopped, host.host_id, PowerAction.START)
        services.maintenances.give_back(host)
        back += 1
    return len(hosts) - back


def _marked(services: Needs, host: MaintainedHost, now: int) -> MaintainedHost | None:
    """The host, marked as leaving; ``None`` if its item has changed meanwhile: the next run goes on."""
    if host.back_since is not None:
        return host
    marked = replace(host, back_since=now)
    return marked if services.maintenances.change_host(host, marked) else None


def _quarantine(services: Needs, maintenance: Maintenance, host: MaintainedHost, fit: Fitness) -> None:
    """Keep a host from new holders that is not fit after its maintenance."""
    services.quarantine.set(
        maintenance.region_id,
        host.host_id,
        "unfit after a maintenance",
        f"maintenance {maintenance.id}: {fit.readiness.value}: {fit.reason or 'no reason known'}",
        by=ACTOR,
        pod_id=host.pod_id,
    )
