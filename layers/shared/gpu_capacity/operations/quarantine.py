"""Set hosts aside that failed: a quarantined host is not sold, and its holder sees that it is impaired.

Workflows and schedules set quarantines. An operator lifts them, or a fleet document that says the host was
repaired since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import InvalidRequest, NotFound
from gpu_capacity.inventory.cordons import Cause, Cordon, Target
from gpu_capacity.operations.cordoning import CordonChange, CordonWriter

if TYPE_CHECKING:
    from gpu_capacity.inventory.fleet.store import FleetStore
    from gpu_capacity.ports import Clock, Pause, Telemetry

TEXT_BYTES_MAX: Final = 256
"""A reason and its evidence are cut to so many bytes each: together they are as long as any other reason."""


@dataclass(frozen=True, slots=True)
class Quarantines:
    """Sets and lifts quarantines.

    Attributes:
        store: the fleet.
        telemetry: gets metrics, warnings and audit lines.
        pause: between attempts.
        clock: for the time of a quarantine.
    """

    store: FleetStore
    telemetry: Telemetry
    pause: Pause
    clock: Clock

    def set(
        self,
        region_id: str,
        host_id: str,
        reason: str,
        evidence: str = "",
        *,
        by: str = "workflow",
        pod_id: str | None = None,
    ) -> bool:
        """Put a host into quarantine for a workflow or schedule, which goes on if that is not possible.

        Args:
            region_id: of the host.
            host_id: of the host.
            reason: what its holder reads.
            evidence: what was seen of the failure, for operators.
            by: who found out; goes into the entry and the audit line.
            pod_id: where the host was last seen, which saves a search through the region.

        Returns:
            Whether it is in quarantine: not if the inventory does not have it any more, or if the region has
            too many entries already.

        Raises:
            StorageUnavailable: the outcome is unknown; repeat it.
        """
        try:
            self.place(region_id, host_id, reason, evidence, by=by, pod_id=pod_id)
        except NotFound:
            return False
        except InvalidRequest as error:
            self.telemetry.warning("host not quarantined", host=host_id, region=region_id, reason=str(error))
            return False
        return True

    def place(
        self,
        region_id: str,
        host_id: str,
        reason: str,
        evidence: str = "",
        *,
        by: str,
        pod_id: str | None = None,
    ) -> CordonChange:
        """Put a host into quarantine. One that is in quarantine stays there, with its first reason and time.

        Each write demands what it was decided on, so a repeated or late one is harmless.

        Args:
            region_id: of the host.
            host_id: of the host.
            reason: what its holder reads.
            evidence: what was seen of the failure, for operators.
            by: who found out; goes into the entry and the audit line.
            pod_id: where the host was last seen, which saves a search through the region.

        Raises:
            InvalidRequest: the region has too many entries already.
            NotFound: the inventory does not have the host.
            StorageUnavailable: the outcome is unknown; repeat it.
        """
        target = Target(host_id=host_id)
        pods = self._pods(region_id, target, pod_id)
        if not pods:
            raise NotFound("the region has no such host")
        new = Cordon(
            target,
            _cut(reason),
            self.clock.now(),
            by,
            Cause.QUARANTINE,
            _cut(evidence) or None,
        )
        writer = CordonWriter(self.store, self.pause)
        after = writer.change(
            region_id, lambda known: None if known.of(target, Cause.QUARANTINE) else known.with_cordon(new)
        )
        if after.of(target, Cause.QUARANTINE) is new:
            self.telemetry.count("HostsQuarantined")
            self.telemetry.warning(
                "host quarantined", host=host_id, region=region_id, reason=reason, evidence=evidence
            )
            self.telemetry.audit(by, "quarantine", f"{region_id}: {target}", "set", reason=reason)
        return CordonChange(after, writer.write_pods(region_id, pods))

    def lift(self, region_id: str, host_id: str, *, by: str) -> CordonChange:
        """Lift the quarantine of a host. What else keeps it out of sale stays.

        Capacity claims that wait for it are served by the schedule of the filler.

        Raises:
            NotFound: the host is not in quarantine.
            StorageUnavailable: others wrote first in every attempt. It may be lifted; repeat it.
        """
        target = Target(host_id=host_id)
        if self.store.cordons(region_id).of(target, Cause.QUARANTINE) is None:
            raise NotFound(f"{target} is not in quarantine")
        writer = CordonWriter(self.store, self.pause)
        after = writer.change(
            region_id,
            lambda known: (
                known.without(target, Cause.QUARANTINE) if known.of(target, Cause.QUARANTINE) else None
            ),
        )
        self.telemetry.audit(by, "lift_quarantine", f"{region_id}: {target}", "lifted")
        return CordonChange(after, writer.write_pods(region_id, self.store.pods_with(region_id, target)))

    def _pods(self, region_id: str, target: Target, pod_id: str | None) -> list[str]:
        """The pods that have the host: the one where it was last seen, else as the whole region is read."""
        if pod_id is not None:
            stored = self.store.read_pod(region_id, pod_id)
            if stored is not None and target.is_in(stored.pod):
                return [pod_id]
        return self.store.pods_with(region_id, target)


def _cut(text: str) -> str:
    return text.encode()[:TEXT_BYTES_MAX].decode(errors="ignore")
