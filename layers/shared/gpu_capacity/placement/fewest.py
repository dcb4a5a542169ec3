"""Chooses the best of all sets of so many items that are large enough together.

Let ``t`` be the size of the smallest of the ``chosen`` largest items, and ``slack`` what these largest have
above ``wanted``. An item larger than ``t`` that is left out, and one smaller than ``t`` that is taken, each
costs its distance from ``t``: the total of a set is that of the largest items less these distances. So a set
is large enough if and only if its distances add up to at most ``slack``, and items of size ``t`` are free.

Of items of one size only their number matters to the total, so a best set has those of the highest values.
What is left is to say for each size how many: for a number of items and a sum of distances only the best
value counts, however it came about. There are few such states, because sums beyond ``slack`` are dropped, and
where one item less would not be large enough, ``slack`` is less than ``t``.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

_Kept: TypeAlias = "tuple[_Kept, int, int] | None"
"""What was decided before, and for one size: how far it is from ``t``, and how many items of it are taken."""

_States: TypeAlias = "dict[tuple[int, int], tuple[int, _Kept]]"


def fewest(sizes: Sequence[int], wanted: int) -> int | None:
    """The smallest number of items that add up to ``wanted``; None if all together are too small."""
    totals = accumulate(sorted(sizes, reverse=True))
    return next((number for number, total in enumerate(totals, 1) if total >= wanted), None)


def best_set(sizes: Sequence[int], values: Sequence[int], chosen: int, wanted: int) -> list[int] | None:
    """The places of ``chosen`` items with the highest sum of values whose sizes add up to ``wanted`` or more.

    Of items that are equal in both the first ones are taken.

    Args:
        sizes: of all items, in whole numbers from 0.
        values: of all items, in the same order.
        chosen: how many items to take, from 1 to all.
        wanted: what their sizes have to add up to at least.

    Returns:
        The places in ascending order; None if the largest ``chosen`` items are too small together.
    """
    largest = sorted(sizes, reverse=True)[:chosen]
    middle, slack = largest[-1], sum(largest) - wanted
    if slack < 0:
        return None
    by_size: dict[int, list[int]] = {}
    for place in sorted(range(len(sizes)), key=lambda place: -values[place]):
        by_size.setdefault(sizes[place], []).append(place)
    sums = {size: [0, *accumulate(values[place] for place in by_size[size])] for size in by_size}

    # The best value and how it came about, by the number of items and the sum of distances. Sizes far from
    # the middle come first: few of their items fit into the slack, so there are few states for long.
    states: _States = {(0, 0): (0, None)}
    for size in sorted(by_size, key=lambda size: -abs(size - middle)):
        if size > middle or 0 < middle - size <= slack:
            states = _with_size(states, size - middle, sums[size], slack)
    (number, _), (_, kept) = max(
        (item for item in states.items() if 0 <= chosen - item[0][0] < len(sums[middle])),
        key=lambda item: item[1][0] + sums[middle][chosen - item[0][0]],
    )
    places = by_size[middle][: chosen - number]
    while kept is not None:
        kept, beyond, taken = kept
        places += by_size[middle + beyond][:taken]
    return sorted(places)


def _with_size(states: _States, beyond: int, sums: list[int], slack: int) -> _States:
    """The states after deciding on the items of one size, which is ``beyond`` the middle.

    ``sums[n]`` is the value of the ``n`` best ones.
    """
    distance, every = abs(beyond), len(sums) - 1
    after: _States = {}
    for (number, cost), (value, kept) in states.items():
        for moved in range(min(every, (slack - cost) // distance) + 1):
            taken = every - moved if beyond > 0 else moved
            state, total = (number + taken, cost + moved * distance), value + sums[taken]
            if state not in after or total > after[state][0]:
                after[state] = (total, (kept, beyond, taken))
    return after
