"""A provider that simulates hosts, servers and VMs in the servers table.

Every function imports this module, so it imports the rest only when a provider is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.providers.registry import Settings, Site
    from gpu_capacity.providers.simulated.behaviour import SimulatedBehaviour
    from gpu_capacity.providers.simulated.region import SimulatedRegion
    from gpu_capacity.providers.simulated.table import SimulatedTable
    from gpu_capacity.providers.simulated.vms import SimulatedVms

    Made = TypeVar("Made", bound=SimulatedTable)


def host_provider(site: Site) -> Callable[[], SimulatedRegion]:
    """See ``providers/registry.py``."""

    def kind() -> type[SimulatedRegion]:
        from gpu_capacity.providers.simulated.region import SimulatedRegion  # noqa: PLC0415 - see above

        return SimulatedRegion

    return _maker(site, kind)


def vm_provider(site: Site) -> Callable[[], SimulatedVms]:
    """See ``providers/registry.py``."""

    def kind() -> type[SimulatedVms]:
        from gpu_capacity.providers.simulated.vms import SimulatedVms  # noqa: PLC0415 - see above

        return SimulatedVms

    return _maker(site, kind)


def _maker(site: Site, kind: Callable[[], type[Made]]) -> Callable[[], Made]:
    table, behaviour = site.settings.text("SERVERS_TABLE"), _behaviour(site.settings)

    def make() -> Made:
        from gpu_capacity.dynamodb.database import Database  # noqa: PLC0415 - see above

        database = Database(site.dynamodb, site.pause, site.clock)
        return kind()(database, table, site.clock, site.pause, behaviour())

    return make


def _behaviour(settings: Settings) -> Callable[[], SimulatedBehaviour]:
    """What makes the behaviour that the settings say. The settings are read at once."""
    holds: dict[str, Any] = {
        "ready_seconds": settings.whole("SIMULATED_READY_SECONDS", 2),
        "delete_seconds": settings.whole("SIMULATED_DELETE_SECONDS", 1),
        "failure_share": settings.share("SIMULATED_FAILURE_SHARE", 0.0),
        "stuck_share": settings.share("SIMULATED_STUCK_SHARE", 0.0),
        "failing_hosts": frozenset(settings.words("SIMULATED_FAILING_HOSTS")),
        "stuck_hosts": frozenset(settings.words("SIMULATED_STUCK_HOSTS")),
    }
    boots: dict[str, Any] = {
        "boot_seconds": settings.whole("SIMULATED_BOOT_SECONDS", 2),
        "rebuild_seconds": settings.whole("SIMULATED_REBUILD_SECONDS", 2),
        "reboot_seconds": settings.whole("SIMULATED_REBOOT_SECONDS", 1),
        "stop_seconds": settings.whole("SIMULATED_STOP_SECONDS", 1),
        "failure_share": settings.share("SIMULATED_BOOT_FAILURE_SHARE", 0.0),
        "stuck_share": settings.share("SIMULATED_BOOT_STUCK_SHARE", 0.0),
        "failing_hosts": frozenset(settings.words("SIMULATED_BOOT_FAILING_HOSTS")),
        "stuck_hosts": frozenset(settings.words("SIMULATED_BOOT_STUCK_HOSTS")),
        "failing_images": frozenset(settings.words("SIMULATED_BOOT_FAILING_IMAGES")),
    }

    def make() -> SimulatedBehaviour:
        from gpu_capacity.providers.simulated import behaviour  # noqa: PLC0415 - see above

        return behaviour.SimulatedBehaviour(**holds, boots=behaviour.SimulatedBoots(**boots))

    return make
