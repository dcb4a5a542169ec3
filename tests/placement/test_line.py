from __future__ import annotations

import random

import pytest

from gpu_capacity.placement.line import Line, PodBits, at_least, longest_run, nth_bit, starts_of_runs
from tests.placement.lines import line, pod_bits


def _bits(mask: int) -> list[int]:
    return [place for place in range(mask.bit_length()) if mask >> place & 1]


def test_pods_are_side_by_side_with_a_bit_between_them_that_is_never_set() -> None:
    whole = line("...", "..")

    assert whole.offsets == (0, 4)
    assert _bits(whole.free) == [0, 1, 2, 4, 5]


def test_pods_are_ordered_by_id() -> None:
    first, second = pod_bits("a", "..c"), pod_bits("b", "c.")

    assert Line.of([second, first]) == Line.of([first, second])


def test_a_line_of_no_pods_has_nothing_free() -> None:
    assert Line.of([]).free == 0


def test_a_pod_without_domains_has_its_place_and_offers_nothing() -> None:
    whole = line("", "..")

    assert longest_run(whole.free) == 2
    assert whole.locate(_bits(whole.free)[0])[0].pod_id == "p01"


def test_every_free_bit_belongs_to_a_unit_of_its_pod() -> None:
    whole = line(".c.", "", "x|..", ".")

    found = [(pod.pod_id, position) for pod, position in map(whole.locate, _bits(whole.free))]

    assert found == [("p00", 0), ("p00", 2), ("p02", 2), ("p02", 3), ("p03", 0)]


def test_only_complete_units_neither_owned_nor_cordoned_are_free() -> None:
    pod = pod_bits("p", ".cx|. ")

    assert _bits(pod.free) == [0, 4]
    assert _bits(pod.complete) == [0, 1, 3, 4]


def test_a_run_starts_where_a_free_unit_follows_one_that_is_not() -> None:
    assert _bits(starts_of_runs(0b0110_1101)) == [0, 2, 5]
    assert starts_of_runs(0) == 0


@pytest.mark.parametrize("seed", range(20))
def test_at_least_marks_exactly_the_bits_from_which_so_many_are_free(seed: int) -> None:
    free = random.Random(seed).getrandbits(90)  # noqa: S311 - no secret

    for length in (1, 2, 3, 5, 8, 13, 91):
        wanted = [p for p in range(90) if all(free >> (p + k) & 1 for k in range(length))]
        assert _bits(at_least(free, length)) == wanted


@pytest.mark.parametrize("seed", range(20))
def test_the_longest_run_equals_a_simple_count(seed: int) -> None:
    source = random.Random(seed)  # noqa: S311 - no secret
    free = source.getrandbits(200) | source.getrandbits(200)

    assert longest_run(free) == max(map(len, format(free, "b").split("0")))


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 7, 8, 9, 1000, 16_384])
def test_the_longest_run_is_found_at_powers_of_two_and_next_to_them(length: int) -> None:
    assert longest_run(((1 << length) - 1) << 5) == length


def test_the_nth_bit_counts_set_bits_from_the_lowest() -> None:
    bits = 0b1000_0000_0000_0110_1001

    assert [nth_bit(bits, n) for n in range(5)] == _bits(bits)


def test_changed_ownership_of_one_pod_changes_its_bits_only() -> None:
    assert line("..c.", "...").with_owned("p00", 0b0001) == line("c...", "...")


def test_changed_ownership_of_a_pod_that_is_not_on_the_line_raises() -> None:
    with pytest.raises(KeyError):
        line("...").with_owned("p01", 0)


def test_an_owned_run_begins_at_a_border_and_after_a_position_without_an_owner() -> None:
    assert _bits(line("cc.cCcC", "ccx|c").begins) == [0, 3, 4, 6, 8, 12]


def test_adjacent_owned_units_are_one_run_if_no_borders_are_given() -> None:
    pod = PodBits("p", length=5, known=0b11111, complete=0b11111, cordoned=0, owned=0b11011)

    assert _bits(pod.begins) == [0, 3]


def test_the_sizes_in_use_are_those_of_the_owned_runs() -> None:
    assert _bits(line("cc.cCcccC", ".c").sizes) == [1, 2, 4]
    assert line("..", "..").sizes == 0


def test_an_owned_run_at_the_end_of_a_pod_does_not_reach_into_the_next() -> None:
    assert _bits(line("..cc", "ccc.").sizes) == [2, 3]


@pytest.mark.parametrize("seed", range(10))
def test_updating_ownership_gives_the_same_line_as_building_it(seed: int) -> None:
    source = random.Random(seed)  # noqa: S311 - no secret
    before, after = ("".join(source.choices("..cCx|", k=12)) for _ in range(2))
    after = "".join(
        new if old in ".cC" and new in ".cC" else old for old, new in zip(before, after, strict=True)
    )
    changed = line("c.C.", after, "..")

    pod = changed.pods[1]

    assert line("c.C.", before, "..").with_owned("p01", pod.owned, pod.borders) == changed
