"""What the simulated providers share: their table, and how the machines behave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.providers.aside import AsideTable
from gpu_capacity.providers.simulated import keys

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.ports import Clock, Pause
    from gpu_capacity.providers.simulated.behaviour import SimulatedBehaviour


class SimulatedTable(AsideTable):
    """The servers table, with the clock that tells how far things are."""

    def __init__(
        self, database: Database, table: str, clock: Clock, pause: Pause, behaviour: SimulatedBehaviour
    ) -> None:
        super().__init__("the simulated region", database, table, clock, pause)
        self._behaviour = behaviour

    def _aside_partition(self) -> str:
        return keys.HOSTS.maintained_partition
