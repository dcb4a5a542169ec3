"""List the faults that customers have reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasInventory
    from gpu_capacity.placements.fault_reports import FaultReport, FaultReportStore

    class Needs(HasInventory, Protocol):
        """What the functions of this module work with."""

        @property
        def fault_reports(self) -> FaultReportStore:
            """Reports of faults."""


def list_fault_reports(services: Needs, regions: frozenset[str]) -> list[FaultReport]:
    """The reports of these regions, of all if none is named, of the last 90 days; latest first."""
    wanted = regions or {region.id for region in services.inventory.regions()}
    return services.fault_reports.of_regions(wanted)
