"""Policies that choose units for a job: (free, begins, size, seed) to the bits to take, 0 for a refusal.

The bits are those of a `Line`: pods side by side, separated by one bit that is never set. ``begins`` marks
the first unit of each claim; every unit that is not free is claimed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.inventory.bookings import TAG_BYTES, Booking
from gpu_capacity.inventory.items import encode_booking
from gpu_capacity.placement.line import Line, PodBits, at_least, longest_run, nth_bit, starts_of_runs
from gpu_capacity.placement.model import Placement, Request
from gpu_capacity.reservations.planning import decide
from testkit.world import GB300, INVENTORY, REGION, World, pod

if TYPE_CHECKING:
    from collections.abc import Mapping

Policy: TypeAlias = Callable[[int, int, int, int], int]

SECONDS_APART: Final = 3
"""Seconds between requests to one environment, which caches a snapshot for two seconds."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Pods of equal length on one line. Build it with `Layout.of`."""

    length: int
    line: Line
    offsets: Mapping[str, int]

    @classmethod
    def of(cls, pods: int, length: int) -> Layout:
        """``pods`` pods of ``length`` complete units each, all free."""
        whole = (1 << length) - 1
        line = Line.of(PodBits(f"pod{n:04}", length, whole, whole, 0, 0) for n in range(pods))
        return cls(length, line, {p.pod_id: o for p, o in zip(line.pods, line.offsets, strict=True)})

    @property
    def units(self) -> int:
        """All units of all pods."""
        return self.length * len(self.line.pods)

    def pod_masks(self, free: int) -> list[int]:
        """The free bits of each pod, shifted to its own position 0."""
        whole = (1 << self.length) - 1
        return [free >> offset & whole for offset in self.line.offsets]


def this_chooser(layout: Layout, *, seconds_apart: int = SECONDS_APART) -> Policy:
    """The service's decisions: an environment that reads, caches and claims as in a request.

    It decides on the snapshot of the inventory's store, updated with its own claims. It notices releases only
    when it reads. Requests come ``seconds_apart``; at 0 it reads again only if nothing fits.
    """
    tables = _Tables(layout)
    inventory, clock = tables.world.services.inventory, tables.world.clock

    def choose(free: int, begins: int, size: int, seed: int) -> int:
        tables.show(free, begins)
        clock.advance(seconds_apart)
        snapshot, decision = decide(inventory, REGION, GB300.id, Request(size, seed), fresh=False)
        if not isinstance(decision, Placement):
            return 0
        first = layout.offsets[decision.pod_id] + decision.start
        booking = Booking(_tag(first), decision.start, size, clock.now())
        place = (REGION, GB300.id, decision.pod_id)
        inventory.note_booking(place, booking, snapshot.basis_of(decision).version)
        return _block(first, size)

    return choose


class _Tables:
    """The tables of a service with these pods, updated to the state of a replay."""

    def __init__(self, layout: Layout) -> None:
        pods = tuple(pod(p.pod_id, layout.length, hosts=1) for p in layout.line.pods)
        self.world = World(pods=pods, trusting=True)
        self._layout = layout
        self._shown = dict.fromkeys(layout.offsets, (layout.line.pods[0].free, 0))

    def show(self, free: int, begins: int) -> None:
        """Write the claims of every pod in which something changed."""
        whole = (1 << self._layout.length) - 1
        for pod_id, offset in self._layout.offsets.items():
            now = free >> offset & whole, begins >> offset & whole
            if self._shown[pod_id] != now:
                self._shown[pod_id] = now
                item = keys.owners(REGION, GB300.id, pod_id) | encode({"v": 1} | self._bookings(offset, *now))
                self.world.db.put_item(TableName=INVENTORY, Item=item)

    def _bookings(self, offset: int, free: int, begins: int) -> dict[str, bytes]:
        """One for each claim: from its first unit to the next one that is free or another claim's first."""
        found, now = {}, self.world.clock.now()
        for first in range(self._layout.length):
            if begins >> first & 1:
                end = first + 1
                while end < self._layout.length and not (free | begins) >> end & 1:
                    end += 1
                tag = _tag(offset + first)
                found[keys.booking_attribute(tag)] = encode_booking(Booking(tag, first, end - first, now))
        return found


def _tag(first: int) -> bytes:
    """Return the tag of a booking, from its first unit: no two current claims have the same one."""
    return first.to_bytes(TAG_BYTES, "big")


def first_fit(_layout: Layout) -> Policy:
    """The lowest place that fits."""
    return lambda free, _begins, size, _seed: _block(_lowest(at_least(free, size)), size)


def random_fit(_layout: Layout) -> Policy:
    """Any place that fits, all equally likely."""

    def choose(free: int, _begins: int, size: int, seed: int) -> int:
        places = at_least(free, size)
        return _block(nth_bit(places, seed % places.bit_count()), size) if places else 0

    return choose


def best_fit(_layout: Layout) -> Policy:
    """The left end of a shortest run that fits; of several the lowest."""

    def choose(free: int, _begins: int, size: int, _seed: int) -> int:
        roomy = at_least(free, size)
        starts = roomy & starts_of_runs(free)
        longer = free >> size
        while starts:
            if exact := starts & ~(roomy & longer):
                return _block(_lowest(exact), size)
            roomy &= longer
            longer >>= 1
        return 0

    return choose


def worst_fit(_layout: Layout) -> Policy:
    """The left end of a longest run; of several the lowest."""

    def choose(free: int, _begins: int, size: int, _seed: int) -> int:
        longest = longest_run(free)
        return _block(_lowest(at_least(free, longest)), size) if longest >= size else 0

    return choose


def buddy(layout: Layout) -> Policy:
    """Buddy allocation: blocks of powers of two at multiples of their size; a job takes a whole block.

    A pod of 18 has a block of 16 and one of 2, so nothing larger than 16 is placed.
    """
    aligned = {}
    size = 1
    while size <= layout.length:
        aligned[size] = sum(
            1 << offset + place
            for offset in layout.line.offsets
            for place in range(0, layout.length - size + 1, size)
        )
        size *= 2

    def choose(free: int, _begins: int, size: int, _seed: int) -> int:
        wanted = 1 << (size - 1).bit_length()
        block = wanted
        while block in aligned:
            whole = at_least(free, block) & aligned[block]
            parents = at_least(free, 2 * block) & aligned.get(2 * block, 0)
            # Prefer blocks that are not half of a larger free one.
            if alone := whole & ~(parents | parents << block):
                return _block(_lowest(alone), wanted)
            block *= 2
        return 0

    return choose


def any_units_in_one_pod(layout: Layout) -> Policy:
    """Without contiguity: any free units of the pod with the fewest free units that suffice."""

    def choose(free: int, _begins: int, size: int, _seed: int) -> int:
        masks = layout.pod_masks(free)
        enough = [(mask.bit_count(), pod) for pod, mask in enumerate(masks) if mask.bit_count() >= size]
        if not enough:
            return 0
        pod = min(enough)[1]
        return _lowest_bits(masks[pod], size) << layout.line.offsets[pod]

    return choose


def pooled(_layout: Layout) -> Policy:
    """Without contiguity and pods: any free units, which Kaufman and Roberts compute exactly."""
    return lambda free, _begins, size, _seed: _lowest_bits(free, size) if free.bit_count() >= size else 0


POLICIES: Mapping[str, Callable[[Layout], Policy]] = {
    "this chooser": this_chooser,
    "best fit": best_fit,
    "first fit": first_fit,
    "worst fit": worst_fit,
    "buddy": buddy,
    "random": random_fit,
    "any units in one pod": any_units_in_one_pod,
}


def _lowest(bits: int) -> int:
    """The position of the lowest set bit, -1 where there is none."""
    return (bits & -bits).bit_length() - 1


def _block(start: int, size: int) -> int:
    return ((1 << size) - 1) << start if start >= 0 else 0


def _lowest_bits(mask: int, count: int) -> int:
    taken = 0
    for _ in range(count):
        lowest = mask & -mask
        taken |= lowest
        mask ^= lowest
    return taken
