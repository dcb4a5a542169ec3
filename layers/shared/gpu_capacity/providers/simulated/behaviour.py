"""How the simulated provider behaves: how long things take, and what fails or hangs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SimulatedBoots:
    """How servers of placements behave: times in seconds, shares between 0 and 1, hosts and images by id.

    A share is of boots, not of hosts: a server that failed may boot at the next attempt.
    """

    boot_seconds: int = 2
    rebuild_seconds: int = 2
    reboot_seconds: int = 1
    stop_seconds: int = 1
    failure_share: float = 0.0
    stuck_share: float = 0.0
    failing_hosts: frozenset[str] = frozenset()
    stuck_hosts: frozenset[str] = frozenset()
    failing_images: frozenset[str] = frozenset()

    def fails(self, host_id: str, image_id: str, boot: int) -> bool:
        """Whether this boot of a host (a number, from 1) fails."""
        drawn = _draw("fail", f"{host_id}:{image_id}:{boot}") < self.failure_share
        return drawn or host_id in self.failing_hosts or image_id in self.failing_images

    def hangs(self, host_id: str, image_id: str, boot: int) -> bool:
        """Whether this boot of a host never ends."""
        drawn = _draw("hang", f"{host_id}:{image_id}:{boot}") < self.stuck_share
        return drawn or host_id in self.stuck_hosts


@dataclass(frozen=True, slots=True)
class SimulatedBehaviour:
    """How holds and VMs behave, and servers in ``boots``: times in seconds, shares between 0 and 1, host ids.

    The share of hosts is selected by host id, so that a run can be repeated.
    """

    ready_seconds: int = 2
    delete_seconds: int = 1
    failure_share: float = 0.0
    stuck_share: float = 0.0
    failing_hosts: frozenset[str] = frozenset()
    stuck_hosts: frozenset[str] = frozenset()
    boots: SimulatedBoots = field(default_factory=SimulatedBoots)

    def fails(self, host_id: str) -> bool:
        """Whether a hold of this host, or a VM on it, fails instead of getting ready."""
        return host_id in self.failing_hosts or _draw("fail", host_id) < self.failure_share

    def hangs(self, host_id: str) -> bool:
        """Whether a hold of this host, or a VM on it, never gets ready."""
        return host_id in self.stuck_hosts or _draw("hang", host_id) < self.stuck_share


def _draw(purpose: str, text: str) -> float:
    """A number in [0, 1) that depends on the purpose and the text only."""
    digest = hashlib.sha256(f"{purpose}:{text}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
