"""The shapes and the ownership of a region's pods as last read, prepared for placement.

A snapshot is only advisory. What it allows, the conditions of the write check again. A refusal is given only
after a strongly consistent read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gpu_capacity.placement.hosts import HostDomain
from gpu_capacity.placement.line import Line, PodBits, longest_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gpu_capacity.inventory.model import PodShape
    from gpu_capacity.placement.model import Placement


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who owns the positions of a pod, with the topology version it was read with.

    ``owned`` is the mask of the owned positions. ``parts`` has the positions that are owned in part: the
    hosts of each holder, as masks over slots by holder tag. ``gpus`` has the single hosts that are owned in
    part: the GPUs of each holder, as masks by ``g`` and holder tag. An owned position that is in neither is
    owned whole. ``borders`` are the owned positions whose owner differs from that of the position before.
    ``stamps`` has the stamps of the domains; a write demands that they have not changed.
    """

    pod_id: str
    version: int
    owned: int
    parts: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    gpus: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    borders: int = 0
    stamps: Mapping[int, bytes] = field(default_factory=dict)

    def owned_hosts(self, position: int) -> int:
        """The mask of a domain's owned hosts; -1 (all bits) if the domain is owned whole or by GPUs."""
        if not self.owned >> position & 1:
            return 0
        if position not in self.parts or position in self.gpus:
            return -1
        owned = 0
        for hosts in self.parts[position].values():
            owned |= hosts
        return owned

    def free_gpus(self, position: int, count: int) -> int:
        """The mask of a host's free GPUs, of ``count``; 0 if the host is owned other than by GPUs."""
        if not self.owned >> position & 1:
            return (1 << count) - 1
        if position not in self.gpus or position in self.parts:
            return 0
        owned = 0
        for gpus in self.gpus[position].values():
            owned |= gpus
        return ((1 << count) - 1) & ~owned


@dataclass(frozen=True, slots=True)
class Basis:
    """What a placement was decided on, for the conditions of the write.

    ``version`` is the pod's topology version. ``stamps`` has the stamp of each position of the placement, in
    order; ``None`` for a domain that never had one.
    """

    version: int
    stamps: tuple[bytes | None, ...]


@dataclass(frozen=True, slots=True)
class UnitCounts:
    """Aggregate capacity of an offering in units; always ``largest_run <= available <= total``.

    ``total`` counts all complete units, also owned and cordoned ones; ``available`` those that a holder can
    take now; ``largest_run`` is the length of the longest run of available units.
    """

    total: int
    available: int
    largest_run: int

    def within(self, room: int | None) -> UnitCounts:
        """The capacity for someone who may take at most ``room`` units; ``None`` for any number."""
        if room is None:
            return self
        return UnitCounts(self.total, min(self.available, room), min(self.largest_run, room))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The pods of one region and flavor; both mappings are by pod id. Build it with ``Snapshot.of``."""

    shapes: Mapping[str, PodShape]
    ownership: Mapping[str, Ownership]
    line: Line

    @classmethod
    def of(cls, shapes: Iterable[PodShape], owned: Iterable[Ownership]) -> Snapshot:
        """Join shapes and ownership. The line omits pods whose two versions differ: see ``stale_pods``."""
        by_pod = {ownership.pod_id: ownership for ownership in owned}
        known = {shape.pod_id: shape for shape in shapes}
        line = Line.of(
            pod_bits(shape, by_pod[pod_id])
            for pod_id, shape in known.items()
            if pod_id in by_pod and by_pod[pod_id].version == shape.version
        )
        return cls(known, by_pod, line)

    @property
    def stale_pods(self) -> frozenset[str]:
        """Pods whose topology changed between the reads of shape and ownership."""
        return frozenset(
            pod_id
            for pod_id, ownership in self.ownership.items()
            if pod_id not in self.shapes or self.shapes[pod_id].version != ownership.version
        )

    def seeing(self, ownership: Ownership) -> Snapshot:
        """The snapshot with the ownership of one pod replaced by a later read.

        The other pods are not processed again, so that the cost does not depend on the number of pods.
        """
        owned = {**self.ownership, ownership.pod_id: ownership}
        shape = self.shapes.get(ownership.pod_id)
        laid_out = self.line.find(ownership.pod_id) is not None
        if not laid_out or shape is None or shape.version != ownership.version:
            return Snapshot.of(self.shapes.values(), owned.values())
        line = self.line.with_owned(ownership.pod_id, ownership.owned, ownership.borders)
        return Snapshot(self.shapes, owned, line)

    def basis_of(self, placement: Placement) -> Basis:
        """The basis of a placement that was decided on this snapshot."""
        ownership = self.ownership[placement.pod_id]
        return Basis(ownership.version, tuple(map(ownership.stamps.get, placement.positions)))

    def host_domains(self) -> list[HostDomain]:
        """Every domain with its hosts, for placement of single hosts, without the stale pods."""
        stale = self.stale_pods
        return [
            HostDomain(
                pod_id=pod_id,
                position=domain.position,
                usable=0 if domain.cordoned else domain.usable,
                owned=self.ownership[pod_id].owned_hosts(domain.position),
                sellable=domain.complete and not domain.cordoned,
            )
            for pod_id, shape in self.shapes.items()
            if pod_id in self.ownership and pod_id not in stale
            for domain in shape.domains
        ]

    def counts(self) -> UnitCounts:
        """The aggregate capacity of the pods."""
        return UnitCounts(
            total=sum(pod.complete.bit_count() for pod in self.line.pods),
            available=self.line.free.bit_count(),
            largest_run=longest_run(self.line.free),
        )


def pod_bits(shape: PodShape, ownership: Ownership) -> PodBits:
    """One pod as masks. Ownership of positions without a domain is ignored."""
    known = complete = cordoned = 0
    for domain in shape.domains:
        bit = 1 << domain.position
        known |= bit
        complete |= bit if domain.complete else 0
        cordoned |= bit if domain.cordoned else 0
    length = max(known.bit_length(), 1)
    whole = (1 << length) - 1
    owned, borders = ownership.owned & whole, ownership.borders & whole
    return PodBits(shape.pod_id, length, known, complete, cordoned, owned, borders)
