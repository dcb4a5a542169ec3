"""Says in words why a reservation has its statuses. Derived from what is shown, and not stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pydantic import ConfigDict, Field

from gpu_capacity.inventory.units import Health
from gpu_capacity.reservations.api.bodies import Body
from gpu_capacity.reservations.record import Status

if TYPE_CHECKING:
    from gpu_capacity.holders.project_scoped import ProjectScoped
    from gpu_capacity.reservations.observation import ImpairedHost, Observed
    from gpu_capacity.reservations.record import Reservation

HOSTS_NAMED_MAX: Final = 10
"""A message names so many hosts and counts the others."""

CLAIMING: Final = "claiming: the request that creates it is in progress, or has died"


class ProvisioningDetail(Body):
    """Why a resource has its provisioning status."""

    model_config = ConfigDict(title="resourceProvisioningStatusDetail")

    reason: Literal[
        "Provisioning",
        "Provisioned",
        "Errored",
        "Deprovisioning",
        "Deprovisioned",
        "DependencyNotReady",
        "DependencyFailed",
        "DependencyNotFound",
    ]
    message: str = Field(description="For people. Programs should go by the reason.")


class HealthDetail(Body):
    """Why a resource has its health status."""

    model_config = ConfigDict(title="resourceHealthStatusDetail")

    reason: Literal["Healthy", "Degraded", "Unknown"]
    message: str = Field(description="For people. Programs should go by the reason.")


def explain_provisioning(reservation: Reservation) -> tuple[str, str]:
    """The reason and the explanation of the provisioning status."""
    units, hosts = _counted(reservation.owned_units, "unit"), _counted(reservation.hosts_expected, "host")
    why = reservation.failure
    match reservation.status:
        case Status.CLAIMING:
            explained = "Provisioning", CLAIMING
        case Status.PENDING:
            explained = "Provisioning", f"{units} claimed; holding {hosts} begins in a moment"
        case Status.PROVISIONING if why is not None:
            explained = "DependencyFailed", f"provisioning failed and its hosts are being released: {why}"
        case Status.PROVISIONING:
            explained = "Provisioning", f"holding {hosts} of {units}{_moved(reservation)}"
        case Status.PROVISIONED:
            explained = "Provisioned", f"{hosts} of {units} are held{_freed(reservation)}"
        case Status.ERROR:
            explained = "Errored", f"{why}; nothing is reserved, so delete it and create another one"
        case _:
            explained = (
                "Deprovisioning",
                f"{by_operator(reservation)}its hosts are being released; then its units are given back",
            )
    return explained


def by_operator(resource: ProjectScoped) -> str:
    """Why an operator has deleted a resource, before what happens now; empty if none has."""
    return f"deleted by an operator: {resource.removal}; " if resource.removal else ""


def _moved(reservation: Reservation) -> str:
    """Why it was moved the last time; empty if it was not."""
    if not reservation.moved_for:
        return ""
    return f" in another place, after {reservation.moved_for[-1]}"


def _freed(reservation: Reservation) -> str:
    """How many released units are still to be freed; empty if none is."""
    units = sum(run.placement.count for run in reservation.leaving)
    return f"; {_counted(units, 'released unit')} will be free in a moment" if units else ""


def explain_health(observed: Observed) -> tuple[str, str]:
    """The reason and the explanation of the health status."""
    expected = observed.reservation.hosts_expected
    hosts = _counted(expected, "host")
    match observed.health:
        case Health.HEALTHY:
            return "Healthy", f"{hosts} in service"
        case Health.UNKNOWN if expected == 0:
            return "Unknown", "it has no hosts"
        case Health.UNKNOWN:
            return "Unknown", f"nothing is known of its {hosts}"
        case Health.ERROR:
            return "Degraded", f"none of {hosts} is in service{_named(observed)}"
        case _:
            return "Degraded", f"not all of {hosts} are in service{_named(observed)}"


def _named(observed: Observed) -> str:
    """The hosts that are not in service, after a colon; empty if the topology could not be read."""
    named = [_host(host) for host in observed.impaired[:HOSTS_NAMED_MAX]]
    more = len(observed.impaired) - len(named)
    if more:
        named.append(f"{more} more")
    if observed.unlisted:
        named.append(f"{observed.unlisted} that the inventory does not have")
    return f": {', '.join(named)}" if named else ""


def _host(impaired: ImpairedHost) -> str:
    why = impaired.host.state.value.replace("_", " ")
    if impaired.quarantine is not None:
        why = f"in quarantine: {impaired.quarantine}"
    return f"{impaired.id} ({why})"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
