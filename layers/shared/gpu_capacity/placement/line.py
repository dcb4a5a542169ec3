"""The pods of a region and flavor as one line of bits.

Every pod has one bit for each position, followed by one bit that is never set. So no run crosses from one pod
into the next, and one operation on a Python integer examines all pods at once. A decision for the whole
region takes tens of microseconds, without an index that would have to be kept up to date.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class PodBits:
    """One pod as masks over its positions; bit ``i`` is position ``i``.

    ``known`` positions have a domain, ``complete`` ones a complete domain, ``cordoned`` ones a domain that
    takes no new holder, ``owned`` ones a domain that is owned in whole or in part. ``borders`` are the owned
    positions whose owner differs from that of the position before. Without ``borders`` neighbouring owned
    positions count as one owned run.
    """

    pod_id: str
    length: int
    known: int
    complete: int
    cordoned: int
    owned: int
    borders: int = 0

    @property
    def free(self) -> int:
        """Units that a request can take now."""
        return self.complete & ~self.cordoned & ~self.owned

    @property
    def begins(self) -> int:
        """The first unit of every owned run."""
        return self.owned & (self.borders | ~(self.owned << 1))


@dataclass(frozen=True, slots=True)
class Line:
    """Pods side by side. Build it with ``Line.of``.

    ``offsets`` has the first bit of each pod. ``free``, ``owned`` and ``begins`` join the masks of the pods.
    Bit ``n`` of ``sizes`` is set if an owned run has ``n`` units: the sizes that are requested in this
    region, as far as the snapshot shows.
    """

    pods: tuple[PodBits, ...]
    offsets: tuple[int, ...]
    free: int
    owned: int
    begins: int
    sizes: int

    @classmethod
    def of(cls, pods: Iterable[PodBits]) -> Line:
        """Lay out pods in the order of their ids."""
        ordered = tuple(sorted(pods, key=lambda pod: pod.pod_id))
        offsets: list[int] = []
        end = 0
        for pod in ordered:
            offsets.append(end)
            end += pod.length + 1

        free = _join([pod.free for pod in ordered], offsets, end)
        owned = _join([pod.owned for pod in ordered], offsets, end)
        begins = _join([pod.begins for pod in ordered], offsets, end)
        return cls(ordered, tuple(offsets), free, owned, begins, sizes_of_owned_runs(begins, owned))

    def find(self, pod_id: str) -> int | None:
        """The index of a pod in ``pods``; ``None`` if it is not on the line."""
        index = bisect_left(self.pods, pod_id, key=lambda pod: pod.pod_id)
        return index if index < len(self.pods) and self.pods[index].pod_id == pod_id else None

    def only(self, pod_id: str) -> Line | None:
        """A line with one of the pods only; ``None`` if it is not on the line."""
        index = self.find(pod_id)
        return None if index is None else Line.of([self.pods[index]])

    def with_owned(self, pod_id: str, owned: int, borders: int = 0) -> Line:
        """The line with other owned positions in one pod. Positions that the pod does not have are ignored.

        Raises:
            KeyError: the pod is not on the line.
        """
        index = self.find(pod_id)
        if index is None:
            raise KeyError(pod_id)
        before = self.pods[index]
        whole = (1 << before.length) - 1
        after = replace(before, owned=owned & whole, borders=borders & whole)
        offset = self.offsets[index]
        all_owned = self.owned ^ (before.owned ^ after.owned) << offset
        begins = self.begins ^ (before.begins ^ after.begins) << offset
        return Line(
            (*self.pods[:index], after, *self.pods[index + 1 :]),
            self.offsets,
            self.free ^ (before.free ^ after.free) << offset,
            all_owned,
            begins,
            sizes_of_owned_runs(begins, all_owned),
        )

    def locate(self, bit: int) -> tuple[PodBits, int]:
        """The pod and the position in it that a bit of the line belongs to."""
        index = bisect_right(self.offsets, bit) - 1
        return self.pods[index], bit - self.offsets[index]


def _join(masks: Sequence[int], offsets: Sequence[int], end: int) -> int:
    """All masks, each shifted to its offset, in linear time (repeated ``|=`` would be quadratic)."""
    if not masks:
        return 0
    digits = [
        format(mask, f"0{following - offset}b")
        for mask, offset, following in zip(masks, offsets, [*offsets[1:], end], strict=True)
    ]
    return int("".join(reversed(digits)), 2)


def sizes_of_owned_runs(begins: int, owned: int) -> int:
    """A mask with bit ``n`` set if an owned run has ``n`` units. ``begins`` marks the first unit of each."""
    inside = owned & ~begins
    sizes, growing, size = 0, begins, 0
    while growing:
        size += 1
        ended = growing & ~(inside >> size)
        sizes |= bool(ended) << size
        growing ^= ended
    return sizes


def starts_of_runs(free: int) -> int:
    """The first bit of every maximal run of set bits."""
    return free & ~(free << 1)


def at_least(free: int, length: int) -> int:
    """Every bit from which ``length`` consecutive bits are set, in log2(length) steps.

    If ``a`` marks the bits from which ``k`` bits are set, then ``a & a >> j`` marks the bits from which
    ``k + j`` bits are set, for any ``j <= k``. So each step can double the length.
    """
    reach, marked = 1, free
    while reach < length and marked:
        step = min(reach, length - reach)
        marked &= marked >> step
        reach += step
    return marked


def longest_run(free: int) -> int:
    """The length of the longest run of set bits."""
    if not free:
        return 0
    # Double the length until no run is that long, then search between the last two lengths.
    ladder = [free]
    while following := ladder[-1] & ladder[-1] >> (1 << (len(ladder) - 1)):
        ladder.append(following)
    reach = 1 << (len(ladder) - 1)
    marked = ladder[-1]
    for exponent in range(len(ladder) - 2, -1, -1):
        if narrowed := marked & ladder[exponent] >> reach:
            marked = narrowed
            reach += 1 << exponent
    return reach


def nth_bit(bits: int, n: int) -> int:
    """The position of the ``n``-th set bit (from 0), by binary search on the number of set bits."""
    base = 0
    width = bits.bit_length()
    while width > 1:
        half = width // 2
        low = bits & ((1 << half) - 1)
        below = low.bit_count()
        if n < below:
            bits, width = low, half
        else:
            bits, width, base, n = bits >> half, width - half, base + half, n - below
    return base
