"""A provider that simulates servers on hosts and VMs in the servers table.

Every function imports this module, so it imports the rest only when a provider is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.providers.registry import Settings, Site
    from gpu_capacity.providers.simulated.region import SimulatedRegion
    from gpu_capacity.providers.simulated.vms import SimulatedVms


def host_provider(site: Site) -> Callable[[], SimulatedRegion]:
    """See ``providers/registry.py``."""
    table, behaviour = site.settings.text("SERVERS_TABLE"), _behaviour(site.settings)

    def make() -> SimulatedRegion:
        from gpu_capacity.dynamodb.database import Database  # noqa: PLC0415 - see above
        from gpu_capacity.providers.simulated.region import (  # noqa: PLC0415 - see above
            SimulatedBehaviour,
            SimulatedRegion,
        )

        database = Database(site.dynamodb, site.pause, site.clock)
        return SimulatedRegion(database, table, site.clock, site.pause, SimulatedBehaviour(**behaviour))

    return make


def vm_provider(site: Site) -> Callable[[], SimulatedVms]:
    """See ``providers/registry.py``."""
    table, behaviour = site.settings.text("SERVERS_TABLE"), _behaviour(site.settings)

    def make() -> SimulatedVms:
        from gpu_capacity.dynamodb.database import Database  # noqa: PLC0415 - see above
        from gpu_capacity.providers.simulated.region import SimulatedBehaviour  # noqa: PLC0415 - see above
        from gpu_capacity.providers.simulated.vms import SimulatedVms  # noqa: PLC0415 - see above

        database = Database(site.dynamodb, site.pause, site.clock)
        return SimulatedVms(database, table, site.clock, site.pause, SimulatedBehaviour(**behaviour))

    return make


def _behaviour(settings: Settings) -> dict[str, Any]:
    """The fields of ``SimulatedBehaviour``, from the settings."""
    return {
        "ready_seconds": settings.whole("SIMULATED_READY_SECONDS", 2),
        "delete_seconds": settings.whole("SIMULATED_DELETE_SECONDS", 1),
        "failure_share": settings.share("SIMULATED_FAILURE_SHARE", 0.0),
        "stuck_share": settings.share("SIMULATED_STUCK_SHARE", 0.0),
        "failing_hosts": frozenset(settings.words("SIMULATED_FAILING_HOSTS")),
        "stuck_hosts": frozenset(settings.words("SIMULATED_STUCK_HOSTS")),
    }
