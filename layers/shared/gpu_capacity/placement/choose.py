"""Which contiguous run a request gets.

The algorithm, over the line of all pods:

1. Mark the start of every run of free units, and keep those with at least ``count`` units.
2. None left: the request is unplaceable; count what was excluded and why.
3. Find the shortest length ``L >= count`` that some run has: best fit leaves long runs whole.
4. The candidates are the runs of length ``L`` exactly. A lost race widens them to every run that fits.
5. Pick one candidate by the seed, uniformly.
6. In the run, take one of its two ends by the seed, so that what remains is one run again. After a lost
   race take any slot that is a multiple of ``count`` from one end.

Why random among equals: if everyone prefers the same run, all but one lose it, and most of what is written
is refused. Why every run after a single loss: whoever lost has company, and crowds waste the fewest writes
that way. Why the result is valid: only free bits are kept in step 1, pods are separated by a bit that is
never free, and the slot lies inside the run by construction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.placement.line import at_least, longest_run, nth_bit, starts_of_runs
from gpu_capacity.placement.model import Placement, Unplaceable

if TYPE_CHECKING:
    from gpu_capacity.placement.line import Line
    from gpu_capacity.placement.model import Request

_WORD = (1 << 64) - 1


def place(line: Line, request: Request) -> Placement | Unplaceable:
    """Choose ``request.count`` contiguous free units, or explain why there are none."""
    count = request.count
    free = line.free
    roomy = at_least(free, count)
    starts = roomy & starts_of_runs(free)
    if not starts:
        return explain(line, count)
    draw = mix(request.seed, request.attempt)
    candidates = starts if request.attempt else _tightest(free, roomy, starts, count)
    first = nth_bit(candidates, draw % candidates.bit_count())
    slack = _run_length(free, first) - count
    pod, position = line.locate(first + _offset(slack, count, draw >> 32, anywhere=request.attempt > 0))
    return Placement(pod.pod_id, position, count)


def _tightest(free: int, roomy: int, starts: int, count: int) -> int:
    """Those of the runs at ``starts`` that are shortest; ``roomy`` marks bits with ``count`` set from there.

    Binary lifting: the reach grows by 1, 2, 4, … while every run keeps up, then by falling powers of two.
    ``ladder[k]`` marks the bits from which ``2 ** k`` bits are set.
    """
    ladder = [free]
    reach, marked = count, roomy
    while True:
        narrowed = marked & ladder[-1] >> reach
        if starts & ~narrowed:
            break
        step = 1 << (len(ladder) - 1)
        reach, marked = reach + step, narrowed
        ladder.append(ladder[-1] & ladder[-1] >> step)
    for exponent in range(len(ladder) - 2, -1, -1):
        narrowed = marked & ladder[exponent] >> reach
        if not starts & ~narrowed:
            reach, marked = reach + (1 << exponent), narrowed
    return starts & ~(marked & free >> reach)


def _run_length(free: int, first: int) -> int:
    """How many set bits follow from ``first`` on, itself included."""
    rest = free >> first
    return (~rest & (rest + 1)).bit_length() - 1


def _offset(slack: int, count: int, draw: int, *, anywhere: bool) -> int:
    """How far from the run's first unit to start."""
    from_right = draw & 1
    steps = slack // count
    along = (draw >> 1) % (steps + 1) * count if anywhere else 0
    return slack - along if from_right else along


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
    )


def mix(seed: int, attempt: int) -> int:
    """64 well spread bits from a seed and an attempt (the finalizer of splitmix64)."""
    z = (seed + (attempt + 1) * 0x9E3779B97F4A7C15) & _WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
    return z ^ (z >> 31)
