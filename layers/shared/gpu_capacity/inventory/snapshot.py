"""A region as it was last seen: shapes and ownership of its pods, laid out for placement.

The snapshot is only advisory. What it allows is re-validated by the conditions of the write; what it
refuses is only believed after a strongly consistent read.
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
    """Which positions of a pod are owned, as a mask, and the topology version they were read with.

    ``parts`` tells of the positions that are owned in part which hosts each holder has: masks over slots,
    by holder tag. ``gpus`` tells the same of single hosts that are owned in part: masks over their GPUs, by
    ``g`` and holder tag. An owned position that is in neither is owned whole. ``borders`` are the owned
    positions whose owner is another one than that of the position before. ``stamps`` are what the domains'
    attributes show where no map of parts does: a write demands that they still do.
    """

    pod_id: str
    version: int
    owned: int
    parts: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    gpus: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    borders: int = 0
    stamps: Mapping[int, bytes] = field(default_factory=dict)

    def owned_hosts(self, position: int) -> int:
        """Hosts of a domain that somebody owns; every bit is set where it is owned whole or by GPUs."""
        if not self.owned >> position & 1:
            return 0
        if position not in self.parts or position in self.gpus:
            return -1
        owned = 0
        for hosts in self.parts[position].values():
            owned |= hosts
        return owned

    def free_gpus(self, position: int, count: int) -> int:
        """Those of a host's ``count`` GPUs that nobody owns; none where the host is owned as such."""
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
    """What a placement was decided on: the pod's topology version, and the stamp of each of its positions.

    A stamp is ``None`` where the domain never had one.
    """

    version: int
    stamps: tuple[bytes | None, ...]


@dataclass(frozen=True, slots=True)
class UnitCounts:
    """Aggregate capacity of an offering; always ``largest_run <= available <= total``.

    ``total`` are the complete units, whoever has them and whether they are cordoned or not; ``available``
    those of them that a holder can take now; ``largest_run`` the longest run of available ones.
    """

    total: int
    available: int
    largest_run: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Pods of one region and flavor. Build it with ``Snapshot.of``."""

    shapes: Mapping[str, PodShape]
    ownership: Mapping[str, Ownership]
    line: Line

    @classmethod
    def of(cls, shapes: Iterable[PodShape], owned: Iterable[Ownership]) -> Snapshot:
        """Join shapes and ownership. A pod seen in two different versions is left out: see ``stale_pods``."""
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
        """Pods whose shape and ownership were read on different sides of a change of topology."""
        return frozenset(
            pod_id
            for pod_id, ownership in self.ownership.items()
            if pod_id not in self.shapes or self.shapes[pod_id].version != ownership.version
        )

    def seeing(self, ownership: Ownership) -> Snapshot:
        """The snapshot with one pod's ownership replaced by a later reading.

        What is known of the other pods stays as it is laid out: a claim costs the same however many pods
        the region has.
        """
        owned = {**self.ownership, ownership.pod_id: ownership}
        shape = self.shapes.get(ownership.pod_id)
        laid_out = self.line.find(ownership.pod_id) is not None
        if not laid_out or shape is None or shape.version != ownership.version:
            return Snapshot.of(self.shapes.values(), owned.values())
        line = self.line.with_owned(ownership.pod_id, ownership.owned, ownership.borders)
        return Snapshot(self.shapes, owned, line)

    def basis_of(self, placement: Placement) -> Basis:
        """What a placement was decided on."""
        ownership = self.ownership[placement.pod_id]
        return Basis(ownership.version, tuple(map(ownership.stamps.get, placement.positions)))

    def host_domains(self) -> list[HostDomain]:
        """Every domain as far as its single hosts go; pods seen in two versions are left out."""
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
        """How many units there are, are available, and are available side by side."""
        return UnitCounts(
            total=sum(pod.complete.bit_count() for pod in self.line.pods),
            available=self.line.free.bit_count(),
            largest_run=longest_run(self.line.free),
        )


def pod_bits(shape: PodShape, ownership: Ownership) -> PodBits:
    """One pod as masks. Only domains that the topology knows can be free."""
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
