"""Best sets of items, compared with trying every set."""

from __future__ import annotations

from itertools import combinations
from random import Random

from gpu_capacity.placement.fewest import best_set, fewest


def test_a_best_set_is_as_good_as_the_best_of_all_sets() -> None:
    chance = Random(3)  # noqa: S311 - no secret
    for _ in range(1500):
        number = chance.randint(1, 8)
        sizes = [chance.randint(0, 9) for _ in range(number)]
        values = [chance.randint(-5, 5) for _ in range(number)]
        chosen = chance.randint(1, number)
        wanted = chance.randint(0, sum(sizes) + 1)
        large_enough = [
            places
            for places in combinations(range(number), chosen)
            if sum(sizes[place] for place in places) >= wanted
        ]
        found = best_set(sizes, values, chosen, wanted)
        if not large_enough:
            assert found is None
            continue
        assert found is not None
        assert tuple(found) in large_enough
        assert sum(values[place] for place in found) == max(
            sum(values[place] for place in places) for places in large_enough
        )


def test_the_fewest_items_are_the_largest() -> None:
    assert fewest([3, 1, 4, 1, 5], 9) == 2
    assert fewest([3, 1, 4, 1, 5], 10) == 3
    assert fewest([3, 1], 5) is None


def test_of_equal_items_the_first_are_taken() -> None:
    assert best_set([2, 2, 2], [1, 1, 1], 2, 4) == [0, 1]
