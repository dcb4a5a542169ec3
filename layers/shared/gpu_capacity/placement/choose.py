"""Chooses the contiguous run of units that a request gets.

The algorithm, over the line of all pods:

1. Mark the start of every run of free units, and keep the runs with at least ``count`` units.
2. If none is left, the request cannot be placed. Count the excluded units by reason.
3. While the region is *young*, with fewer units owned than free, keep only the shortest of these runs. In an
   older region rank the lengths by how much the *waste* grows if ``count`` units are taken. A run wastes, for
   each size in use, the units that are left over if it is filled with that size. The sizes in use are those
   of the region's owned runs. Among equals prefer the shorter one.
4. Take a few runs in this order. Among equals begin with one that the seed selects; it is part of the
   holder's id.
5. For both ends of each, compute the waste to be expected if owned runs nearby are released with a chance of
   one in five: on each side none (20 of 25), the next one (4), or the next two (1). Take the end with the
   least. The rest of the run stays one run. Among equals the run that was drawn first, and the end by the
   seed.

Small weights decide between nearly equal ends, each for every size in use. A run that has room for a size
gains a twentieth of that size, so room in many runs is better. An end at the edge of the pod, which never
moves, gains a twentieth of a unit. A run without an owned run on either side is *unbroken*: breaking it costs
a tenth, unless all of it is taken. The ranking of step 3 counts the first and the last as well.

::

    owned runs of 3, 1 and, elsewhere, 4 units; one unit requested

      c c c . . c C C      the right one is taken: the other will be a run of four once the owned run of
              ^            three is released; beside the first it would be a run of two, which no size needs

After a lost race steps 3 to 5 are replaced: the seed selects any run that is long enough, and any start in it
at a multiple of ``count`` from one end. Runs with room for the largest size in use are left to requests of
that size, as long as at least half of all runs that are long enough are shorter.

- Why the sizes in use? A short rest that another request can use is better than a long one that none can
  fill. Best fit does not see the difference. The owned runs show the sizes without any further state.
- Why the shortest in a young region? Its first holders say little about later requests, and one for a whole
  pod should still find one (decision 39).
- Why expected waste? A free unit beside an owned run will be part of a longer run one day. Which of the
  possible runs is useful decides, so each counts with its chance (decision 44).
- Why does the seed decide between equals? If every request preferred the same run, all but one would lose it,
  and most writes would be refused. The same id gets the same decision again.
- Why any run after a single loss? A request that lost has rivals, and spreading them costs the fewest refused
  writes (decision 20).
- Why not the long runs? There are few of them, so requests that need one lose most often, and a small request
  inside a long run takes it from all of them.
- Why is the result valid? Step 1 keeps free bits only, a bit that is never free separates the pods, and the
  chosen units lie inside the run by construction.
- Why is a result always found? Step 4 always takes at least one run.
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
"""Number of runs whose neighbours are examined. More of them gain nothing measurable."""

NEIGHBOURHOOD_UNITS_MAX: Final = 128
"""How far around a run its neighbours are examined, in units: the size of the largest possible request."""

WASTE_COST: Final = 20
"""Cost of one wasted unit. Room for a unit of a size, and an end at the edge of a pod, are worth 1."""

SPLIT_COST: Final = 2
"""Cost of breaking an unbroken run, for each size in use: a tenth of a wasted unit."""

RELEASE_CHANCES: Final = (20, 4, 1)
"""Chances, of 25, that on one side no owned run, one, or two in a row are released, at one in five for
each."""

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
    """The first unit to take after a lost race.

    The draw selects one of the runs that begin at ``starts``, all equally likely, and in it any multiple of
    ``count`` from either end.
    """
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
    """The first unit to take: steps 3 to 5."""
    best, chosen = None, -1
    for first, length, opening in _shortlist(line, starts, count, draw):
        left, right = _costs_of_ends(line, first, length, count)
        # If both ends are equally good, the seed decides.
        at_right = right < left or (right == left and draw >> 63)
        cost = _ALL * opening + (right if at_right else left)
        if best is None or cost < best:
            best, chosen = cost, first + (length - count if at_right else 0)
    return chosen


def _shortlist(line: Line, starts: int, count: int, draw: int) -> Iterator[tuple[int, int, int]]:
    """Yield (first unit, length, cost of breaking it) of the runs to compare, least waste first."""
    sizes, owned = line.sizes, line.owned
    young = owned.bit_count() < line.free.bit_count()
    no_owner_before = starts & ~(owned << 1)
    ranked = []
    for length, exact in _by_length(line.free, starts, count):
        waste = wasted(sizes, length - count) - wasted(sizes, length)
        unbroken = exact & no_owner_before
        if unbroken and length > count and (unbroken := unbroken & ~(owned >> length)):
            opening = SPLIT_COST * sizes.bit_count()
            ranked.append((waste + opening, length, unbroken, opening))
            exact ^= unbroken  # noqa: PLW2901 - the others of this length
        if exact:
            ranked.append((waste, length, exact, 0))
        if young:
            break
    wanted = RUNS_COMPARED_MAX
    for _, length, equals, opening in sorted(ranked):
        # Begin with a drawn one, go on in the order of the line, and continue at its beginning.
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
    """Yield (length, starts of the runs of exactly that length), shortest first.

    All runs at ``starts`` must have at least ``length`` units.
    """
    # Entry k marks every bit from which 2 ** k consecutive bits are set.
    ladder = [free]
    while starts:
        longer = starts & free >> length
        if longer == starts:
            length = _shortest(ladder, starts, length)
            longer = starts & free >> length
        yield length, starts ^ longer
        starts, length = longer, length + 1


def _shortest(ladder: list[int], starts: int, length: int) -> int:
    """The length of the shortest of the runs at ``starts``, all of which have at least ``length`` units.

    Binary lifting: add 1, 2, 4, … to the length while all runs are that long, then smaller and smaller powers
    of two. The ladder is extended as needed.
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
    """How much the expected waste grows if the left, and if the right end of a run is taken."""
    begin = max(first - NEIGHBOURHOOD_UNITS_MAX, 0)
    seen = (1 << (first - begin + length + NEIGHBOURHOOD_UNITS_MAX)) - 1
    free, owned, begins = (
        line.free >> begin & seen,
        line.owned >> begin & seen,
        line.begins >> begin & seen,
    )
    first -= begin
    sizes, rest = line.sizes, length - count
    before, beyond = _room_before(free, owned, begins, first)
    after, further = _room_after(free, owned, begins, first + length)
    now = _expected(sizes, length, after, further) * RELEASE_CHANCES[0]
    now += _expected(sizes, before + length, after, further) * RELEASE_CHANCES[1]
    now += _expected(sizes, beyond + length, after, further) * RELEASE_CHANCES[2]
    left = _expected(sizes, 0, before, beyond) + _expected(sizes, rest, after, further)
    right = left
    if rest:
        right = _expected(sizes, rest, before, beyond) + _expected(sizes, 0, after, further)
    left, right = _CASES * left - now, _CASES * right - now
    edge = _ALL * sizes.bit_count()
    if not first or not owned >> (first - 1) & 1:
        left -= edge
        # If the whole run is taken, both ends are the same choice and get the same cost.
        right -= 0 if rest else edge
    if not owned >> (first + length) & 1:
        right -= edge
        left -= 0 if rest else edge
    return left, right


def _expected(sizes: int, length: int, one_back: int, two_back: int) -> int:
    """The expected waste of a run, which grows by ``one_back`` or ``two_back`` if neighbours are released."""
    none, one, two = RELEASE_CHANCES
    return (
        none * wasted(sizes, length)
        + one * wasted(sizes, length + one_back)
        + two * wasted(sizes, length + two_back)
    )


def _room_before(free: int, owned: int, begins: int, first: int) -> list[int]:
    """How much a run grows towards lower positions if one, and if two owned runs there are released."""
    at, rooms = first, []
    for _ in RELEASE_CHANCES[1:]:
        if at and owned >> (at - 1) & 1:
            owner = max((begins & ((1 << at) - 1)).bit_length() - 1, 0)
            at = (~free & ((1 << owner) - 1)).bit_length()
        rooms.append(first - at)
    return rooms


def _room_after(free: int, owned: int, begins: int, end: int) -> list[int]:
    """Like ``_room_before``, towards higher positions."""
    at, rooms = end, []
    for _ in RELEASE_CHANCES[1:]:
        if owned >> at & 1:
            ends = (begins | ~owned) >> (at + 1)
            at += (ends & -ends).bit_length()
            at += _run_length(free, at)
        rooms.append(at - end)
    return rooms


@lru_cache(maxsize=1 << 14)
def wasted(sizes: int, length: int) -> int:
    """The cost of what a run leaves over if it is filled with one size, summed over the sizes in use.

    A unit that is left over costs ``WASTE_COST``.

    If the run has room for a size, that size is subtracted once, so room in two runs counts more than in one.
    """
    total, size = 0, 0
    while sizes := sizes >> 1:
        size += 1
        if sizes & 1:
            total += WASTE_COST * (length % size) - (size if length >= size else 0)
    return total


def _run_length(free: int, first: int) -> int:
    """The number of consecutive set bits from ``first`` on."""
    rest = free >> first
    return (~rest & (rest + 1)).bit_length() - 1


def explain(line: Line, count: int) -> Unplaceable:
    """Count the units that a request could not use, each once by the first reason that applies."""
    available = line.free.bit_count()
    claimed = cordoned = incomplete = 0
    for pod in line.pods:
        claimed += (pod.known & pod.owned).bit_count()
        unowned = pod.known & ~pod.owned
        cordoned += (unowned & pod.cordoned).bit_count()
        incomplete += (unowned & ~pod.cordoned & ~pod.complete).bit_count()
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
    """64 evenly distributed bits from a seed and an attempt (the finalizer of splitmix64)."""
    z = (seed + (attempt + 1) * 0x9E3779B97F4A7C15) & _WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
    return z ^ (z >> 31)
