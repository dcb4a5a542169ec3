"""Which contiguous run a request gets.

The algorithm, over the line of all pods:

1. Mark the start of every run of free units, and keep those with at least ``count`` units.
2. None left: the request is unplaceable; count what was excluded and why.
3. While the region is *young*, with fewer units claimed than free, keep the shortest only: its claims do not
   tell yet what is asked for, and what the shortest cannot spoil are the longest, whole pods above all. Later
   rank these runs, all lengths that there are, by how much more is *wasted* once ``count`` units of one are
   taken. A run wastes what it leaves over when it is filled with one size, summed over the sizes in use:
   those of the region's claims. Of equals the shorter.
4. Take a few runs in this order, of equals those from a drawn one on.
5. Of their ends choose the one after which the least waste is to be expected if each claim nearby is given
   back with a chance of one in five. What remains of the run is one run again.

Among what is nearly alike small weights decide. Room for a size is best had in many runs. An end at the edge
of a pod is better than one at a claim. And a run that no claim is beside is *unbroken*, as large as can be
sold there, and better not broken.

After a lost race 3 to 5 are left out: pick any run that fits by the seed, and any slot of it that is a
multiple of ``count`` from one end. Runs that a claim of the largest size in use fits in are left to such
claims, as long as at least half of all that fit are shorter.

Why by the seed among equals: if everyone prefers the same run, all but one lose it, and most of what is
written is refused. Why any run after a single loss: whoever lost has company, and crowds waste the fewest
writes that way. Why not the long ones: there are few, so whoever needs one loses most often, and a small
claim in one takes it from all of them. Why the result is valid: only free bits are kept in step 1, pods are
separated by a bit that is never free, and the slot lies inside the run by construction. Why it is found:
step 4 always takes a run.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from gpu_capacity.placement.line import at_least, longest_run, nth_bit, starts_of_runs
from gpu_capacity.placement.model import Placement, Unplaceable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpu_capacity.placement.line import Line
    from gpu_capacity.placement.model import Request

RUNS_COMPARED_MAX: Final = 8
"""Runs whose surroundings are looked at; more gain nothing that can be measured."""

NEIGHBOURHOOD_UNITS_MAX: Final = 128
"""How far around a run claims and gaps are looked at, in units; the largest claim has as many."""

WASTE_COST: Final = 20
"""What a wasted unit costs; room for a size, and the edge of a pod, are worth 1."""

SPLIT_COST: Final = 2
"""What breaking an unbroken run costs, for each size in use: a tenth of a unit."""

RELEASE_CHANCES: Final = (20, 4, 1)
"""Of 25: that none, one, and two of the claims in a row on one side are given back, at one in five each."""

_CASES: Final = sum(RELEASE_CHANCES)
_ALL: Final = _CASES**2

_WORD = (1 << 64) - 1


def place(line: Line, request: Request) -> Placement | Unplaceable:
    """Choose ``request.count`` contiguous free units, or explain why there are none."""
    count = request.count
    roomy = at_least(line.free, count)
    starts = roomy & starts_of_runs(line.free)
    if not starts:
        return explain(line, count)
    draw = mix(request.seed, request.attempt)
    first = (_anywhere if request.attempt else _best)(line, starts, count, draw)
    pod, position = line.locate(first)
    return Placement(pod.pod_id, position, count)


def _anywhere(line: Line, starts: int, count: int, draw: int) -> int:
    """Any of the runs at ``starts``, all equally likely; in it any multiple of ``count`` from either end."""
    largest = line.sizes.bit_length() - 1
    short = starts & ~at_least(line.free, largest)
    if 2 * short.bit_count() >= starts.bit_count():
        starts = short
    first = nth_bit(starts, draw % starts.bit_count())
    slack = _run_length(line.free, first) - count
    draw >>= 32
    along = (draw >> 1) % (slack // count + 1) * count
    return first + (slack - along if draw & 1 else along)


def _best(line: Line, starts: int, count: int, draw: int) -> int:
    """The first unit to take: see steps 3 to 5."""
    best, chosen = None, -1
    for first, length, opening in _shortlist(line, starts, count, draw):
        left, right = _costs_of_ends(line, first, length, count)
        # Equally good ends: either, by the seed.
        at_right = right < left or (right == left and draw >> 63)
        cost = _ALL * opening + (right if at_right else left)
        if best is None or cost < best:
            best, chosen = cost, first + (length - count if at_right else 0)
    return chosen


def _shortlist(line: Line, starts: int, count: int, draw: int) -> Iterator[tuple[int, int, int]]:
    """(first unit, length, cost of breaking it) of the runs to compare, the least wasted first."""
    sizes, claimed = line.sizes, line.owned
    young = claimed.bit_count() < line.free.bit_count()
    no_claim_before = starts & ~(claimed << 1)
    ranked = []
    for length, exact in _by_length(line.free, starts, count):
        waste = wasted(sizes, length - count) - wasted(sizes, length)
        unbroken = exact & no_claim_before
        if unbroken and length > count and (unbroken := unbroken & ~(claimed >> length)):
            opening = SPLIT_COST * sizes.bit_count()
            ranked.append((waste + opening, length, unbroken, opening))
            exact ^= unbroken  # noqa: PLW2901 - what is left of them
        if exact:
            ranked.append((waste, length, exact, 0))
        if young:
            break
    wanted = RUNS_COMPARED_MAX
    for _, length, equals, opening in sorted(ranked):
        # From one of them on, in the order of the line and around its end.
        at = nth_bit(equals, draw % equals.bit_count())
        for alike in (equals >> at << at, equals & ((1 << at) - 1)):
            rest = alike
            while rest and wanted:
                lowest = rest & -rest
                yield lowest.bit_length() - 1, length, opening
                rest ^= lowest
                wanted -= 1
        if not wanted:
            return


def _by_length(free: int, starts: int, length: int) -> Iterator[tuple[int, int]]:
    """(length, starts of the runs of that length), shortest first; all have ``length`` units or more."""
    # The k-th marks the bits from which 2 ** k bits are set.
    ladder = [free]
    while starts:
        longer = starts & free >> length
        if longer == starts:
            length = _shortest(ladder, starts, length)
            longer = starts & free >> length
        yield length, starts ^ longer
        starts, length = longer, length + 1


def _shortest(ladder: list[int], starts: int, length: int) -> int:
    """The length of the shortest of the runs at ``starts``, all of which have ``length`` units.

    Binary lifting: the length grows by 1, 2, 4, … while every run keeps up, then by falling powers of two.
    The ladder grows as far as it is climbed.
    """
    rung = 0
    while starts & ladder[rung] >> length == starts:
        length += 1 << rung
        rung += 1
        if rung == len(ladder):
            ladder.append(ladder[-1] & ladder[-1] >> (1 << (rung - 1)))
    for lower in range(rung - 1, -1, -1):
        if starts & ladder[lower] >> length == starts:
            length += 1 << lower
    return length


def _costs_of_ends(line: Line, first: int, length: int, count: int) -> tuple[int, int]:
    """How much more waste is to be expected when the left and when the right end of a run is taken."""
    begin = max(first - NEIGHBOURHOOD_UNITS_MAX, 0)
    seen = (1 << (first - begin + length + NEIGHBOURHOOD_UNITS_MAX)) - 1
    free, claimed, begins = (
        line.free >> begin & seen,
        line.owned >> begin & seen,
        line.begins >> begin & seen,
    )
    first -= begin
    sizes, rest = line.sizes, length - count
    before, beyond = _room_before(free, claimed, begins, first)
    after, further = _room_after(free, claimed, begins, first + length)
    now = _expected(sizes, length, after, further) * RELEASE_CHANCES[0]
    now += _expected(sizes, before + length, after, further) * RELEASE_CHANCES[1]
    now += _expected(sizes, beyond + length, after, further) * RELEASE_CHANCES[2]
    left = _expected(sizes, 0, before, beyond) + _expected(sizes, rest, after, further)
    right = left
    if rest:
        right = _expected(sizes, rest, before, beyond) + _expected(sizes, 0, after, further)
    left, right = _CASES * left - now, _CASES * right - now
    edge = _ALL * sizes.bit_count()
    if not first or not claimed >> (first - 1) & 1:
        left -= edge
        # Without a rest both ends are taken, and the right one counts for both.
        right -= 0 if rest else edge
    if not claimed >> (first + length) & 1:
        right -= edge
        left -= 0 if rest else edge
    return left, right


def _expected(sizes: int, length: int, one_back: int, two_back: int) -> int:
    """The waste of a run to be expected that is longer when one, and when two claims are given back."""
    none, one, two = RELEASE_CHANCES
    return (
        none * wasted(sizes, length)
        + one * wasted(sizes, length + one_back)
        + two * wasted(sizes, length + two_back)
    )


def _room_before(free: int, claimed: int, begins: int, first: int) -> list[int]:
    """How much longer a run is towards lower positions when one, and when two claims there are given back."""
    at, rooms = first, []
    for _ in RELEASE_CHANCES[1:]:
        if at and claimed >> (at - 1) & 1:
            owner = max((begins & ((1 << at) - 1)).bit_length() - 1, 0)
            at = (~free & ((1 << owner) - 1)).bit_length()
        rooms.append(first - at)
    return rooms


def _room_after(free: int, claimed: int, begins: int, end: int) -> list[int]:
    """The same towards higher positions."""
    at, rooms = end, []
    for _ in RELEASE_CHANCES[1:]:
        if claimed >> at & 1:
            ends = (begins | ~claimed) >> (at + 1)
            at += (ends & -ends).bit_length()
            at += _run_length(free, at)
        rooms.append(at - end)
    return rooms


@lru_cache(maxsize=1 << 14)
def wasted(sizes: int, length: int) -> int:
    """The cost of what a run leaves over if it is filled with one size, summed over the sizes in use.

    A unit that is left over costs ``WASTE_COST``.

    Where it has room for a size that size is taken off once: so room in two runs counts more than in one.
    """
    total, size = 0, 0
    while sizes := sizes >> 1:
        size += 1
        if sizes & 1:
            total += WASTE_COST * (length % size) - (size if length >= size else 0)
    return total


def _run_length(free: int, first: int) -> int:
    """How many set bits follow from ``first`` on, itself included."""
    rest = free >> first
    return (~rest & (rest + 1)).bit_length() - 1


def explain(line: Line, count: int) -> Unplaceable:
    """Count what a request could not use. Each unit is counted once."""
    available = line.free.bit_count()
    claimed = cordoned = incomplete = 0
    for pod in line.pods:
        claimed += (pod.known & pod.owned).bit_count()
        unclaimed = pod.known & ~pod.owned
        cordoned += (unclaimed & pod.cordoned).bit_count()
        incomplete += (unclaimed & ~pod.cordoned & ~pod.complete).bit_count()
    return Unplaceable(
        requested=count,
        available=available,
        largest_run=longest_run(line.free),
        claimed=claimed,
        cordoned=cordoned,
        incomplete=incomplete,
        largest_possible=max(map(longest_run, {pod.known for pod in line.pods}), default=0),
    )


def mix(seed: int, attempt: int) -> int:
    """64 well spread bits from a seed and an attempt (the finalizer of splitmix64)."""
    z = (seed + (attempt + 1) * 0x9E3779B97F4A7C15) & _WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
    return z ^ (z >> 31)
