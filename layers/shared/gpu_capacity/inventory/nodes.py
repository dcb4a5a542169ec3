"""VM nodes: hosts that are rented in slices, and their places in the inventory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_capacity.inventory.model import Flavor, Host, Region


@dataclass(frozen=True, slots=True)
class NodePlace:
    """A VM node and its place: a host that is alone in its domain, of a flavor that is rented in slices."""

    region: Region
    flavor: Flavor
    pod_id: str
    position: int
    host: Host

    @property
    def pod(self) -> tuple[str, str, str]:
        """Region id, flavor id and pod id: the pod whose ownership item covers the node."""
        return self.region.id, self.flavor.id, self.pod_id

    @property
    def gpus(self) -> int:
        """The number of GPUs of the node."""
        return self.flavor.gpu.physical_count
