"""Which contiguous run a request gets.

The algorithm, over the line of all pods:

1. Mark the start of every run of free units, and keep those with at least ``count`` units.
2. None left: the request is unplaceable; count what was excluded and why.
3. While the region is *young*, with fewer units claimed than free, keep the shortest only: its claims do not
   tell yet what is asked for, and what the shortest cannot spoil are the longest, whole pods above all. Later
   rank these runs, all lengths that there are, by the fragmentation that taking ``count`` units of one leaves
   behind: the units that the sizes in use, those of the region's claims, cannot use. A run that no claim is
   beside is *unbroken*, as large as can be sold there, and breaking it costs a little more. Of equals the
   shorter.
4. Take a few runs in this order, of equals those from a drawn one on.
5. Of their ends choose the one that leaves the least behind: now, and with less weight once the claim next to
   the run is given back. An end at the edge of the pod is better than one at a claim, as the rest can then
   grow. What remains of the run is one run again.

After a lost race 3 to 5 are left out: pick any run that fits by the seed, and any slot of it that is a
multiple of ``count`` from one end.

Why by the seed among equals: if everyone prefers the same run, all but one lose it, and most of what is
written is refused. Why any run after a single loss: whoever lost has company, and crowds waste the fewest
writes that way. Why the result is valid: only free bits are kept in step 1, pods are separated by a bit that
is never free, and the slot lies inside the run by construction. Why it is found: step 4 always takes a run.
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

RUNS_COMPARED_MAX: Final = 6
"""Runs whose surroundings are looked at; more gain nothing that can be measured."""

SEEN_MAX: Final = 128
"""How far around a run claims and gaps are looked at, in units; the largest claim has as many."""

NOW: Final = 10
"""What is left behind now weighs this many times what the end of a neighbouring claim would leave behind."""

EDGE: Final = 2
"""What the edge of a pod is worth, for each size in use: a fifth of a unit left behind now."""

UNBROKEN: Final = 4
"""What breaking an unbroken run costs, for each size in use: as much as standing at both edges of a pod."""

_WORD = (1 << 64) - 1


def place(line: Line, request: Request) -> Placement | Unplaceable:
    """Choose ``request.count`` contiguous free units, or explain why there are none."""
    count = request.count
    roomy = at_least(line.free, count)
    starts = roomy & starts_of_runs(line.free)
    if not starts:
        return explain(line, count)
    draw = mix(request.seed, request.attempt)
    first = _anywhere(line.free, starts, count, draw) if request.attempt else _best(line, starts, count, draw)
    pod, position = line.locate(first)
    return Placement(pod.pod_id, position, count)


def _anywhere(free: int, starts: int, count: int, draw: int) -> int:
    """Any of the runs at ``starts``, all equally likely; in it any multiple of ``count`` from either end."""
    first = nth_bit(starts, draw % starts.bit_count())
    slack = _run_length(free, first) - count
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
        cost = opening + (right if at_right else left)
        if best is None or cost < best:
            best, chosen = cost, first + (length - count if at_right else 0)
    return chosen


def _shortlist(line: Line, starts: int, count: int, draw: int) -> Iterator[tuple[int, int, int]]:
    """(first unit, length, cost of breaking it) of the runs to compare, the least left behind first."""
    sizes, claimed = line.sizes, line.claimed
    young = claimed.bit_count() < line.free.bit_count()
    no_claim_before = starts & ~(claimed << 1)
    ranked = []
    for length, exact in _by_length(line.free, starts, count):
        waste = NOW * (wasted(sizes, length - count) - wasted(sizes, length))
        unbroken = exact & no_claim_before
        if unbroken and length > count and (unbroken := unbroken & ~(claimed >> length)):
            opening = UNBROKEN * sizes.bit_count()
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
    """What taking the left and the right end of a run costs; only differences mean something."""
    begin = max(first - SEEN_MAX, 0)
    seen = (1 << (first - begin + length + SEEN_MAX)) - 1
    free, claimed, begins = (
        line.free >> begin & seen,
        line.claimed >> begin & seen,
        line.begins >> begin & seen,
    )
    first -= begin
    sizes, end, rest = line.sizes, first + length, length - count
    whole, left_over = wasted(sizes, length), wasted(sizes, length - count)
    left = right = NOW * (left_over - whole)
    edge = EDGE * sizes.bit_count()
    if first and claimed >> (first - 1) & 1:
        # The claim before the run and what is free before that: one run with this one when the claim is gone.
        owner = (begins & ((1 << first) - 1)).bit_length() - 1
        gap = first - (~free & ((1 << max(owner, 0)) - 1)).bit_length()
        joined = wasted(sizes, gap + length) - whole
        left += wasted(sizes, gap) - joined
        right += wasted(sizes, gap + rest) - left_over - joined
    else:
        left -= edge
        # Without a rest both ends are taken, and the right one counts for both.
        right -= 0 if rest else edge
    if claimed >> end & 1:
        after = (begins | ~claimed) >> (end + 1)
        gap = (after & -after).bit_length()
        gap += _run_length(free, end + gap)
        joined = wasted(sizes, gap + length) - whole
        left += wasted(sizes, gap + rest) - left_over - joined
        right += wasted(sizes, gap) - joined
    else:
        right -= edge
    return left, right


@lru_cache(maxsize=1 << 14)
def wasted(sizes: int, length: int) -> int:
    """How many units of a run its best filling with one size leaves over, summed over the sizes in use."""
    total, size = 0, 0
    while sizes := sizes >> 1:
        size += 1
        if sizes & 1:
            total += length % size
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
        claimed += (pod.known & pod.claimed).bit_count()
        unclaimed = pod.known & ~pod.claimed
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
