"""Placement against a brute-force oracle, on small lines of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st

from gpu_capacity.inventory.snapshot import Ownership, Snapshot
from gpu_capacity.inventory.units import shape_of
from gpu_capacity.placement.choose import (
    RELEASE_CHANCES,
    RUNS_COMPARED_MAX,
    SPLIT_COST,
    WASTE_COST,
    explain,
    mix,
    place,
)
from gpu_capacity.placement.line import Line, PodBits, longest_run
from gpu_capacity.placement.model import Placement, Request, Unplaceable
from testkit.searching import examples
from testkit.world import offering, pod

if TYPE_CHECKING:
    import random

SEEDS = st.integers(0, 2**64 - 1)
ATTEMPTS = st.integers(0, 4)
COUNTS = st.integers(1, 9)

# ``.`` free, ``c`` owned, ``C`` the first of another claim right beside one, ``x`` incomplete, ``|``
# cordoned, blank no domain; free is drawn most often.
PICTURES = st.text(alphabet="......ccCx| ", max_size=14)


def _pod_bits(pod_id: str, picture: str) -> PodBits:
    def mask(letters: str) -> int:
        return sum(1 << place for place, letter in enumerate(picture) if letter in letters)

    known, complete = mask(".cCx|"), mask(".cC|")
    return PodBits(pod_id, max(len(picture), 1), known, complete, mask("|"), mask("cC"), mask("C"))


@st.composite
def regions(draw: st.DrawFn) -> dict[str, str]:
    """Pods by id, as pictures."""
    pictures = draw(st.lists(PICTURES, max_size=5))
    ids = draw(st.lists(st.integers(0, 99), min_size=len(pictures), max_size=len(pictures), unique=True))
    return {f"pod{number}": picture for number, picture in zip(ids, pictures, strict=True)}


FREE = st.integers(1, 7).map(lambda units: "." * units)
CLAIM = st.integers(1, 5).map(lambda units: "C" + "c" * (units - 1))
CROWDED_PODS = st.lists(st.one_of(FREE, CLAIM, CLAIM, st.sampled_from("x| ")), min_size=1, max_size=8)


@st.composite
def crowded_regions(draw: st.DrawFn) -> dict[str, str]:
    """Few pods with many adjacent owned runs and some free units between them."""
    pods = draw(st.lists(CROWDED_PODS.map("".join), min_size=1, max_size=3))
    return {f"pod{number}": picture for number, picture in enumerate(pods)}


def _line(region: dict[str, str]) -> Line:
    return Line.of(_pod_bits(pod_id, picture) for pod_id, picture in region.items())


def _runs(region: dict[str, str]) -> list[tuple[str, int, int]]:
    """(pod, start, length) of every run of free units, found letter by letter."""
    found = []
    for pod_id, picture in region.items():
        start = None
        for position, letter in enumerate(picture + "c"):
            if letter == "." and start is None:
                start = position
            elif letter != "." and start is not None:
                found.append((pod_id, start, position - start))
                start = None
    return found


def _claims(picture: str) -> list[range]:
    """The positions of every owned run of a pod, found letter by letter."""
    begins = [
        at
        for at, letter in enumerate(picture)
        if letter == "C" or (letter == "c" and (at == 0 or picture[at - 1] not in "cC"))
    ]
    claims = []
    for at in begins:
        end = at + 1
        while end < len(picture) and picture[end] == "c":
            end += 1
        claims.append(range(at, end))
    return claims


def _without(picture: str, claim: range) -> str:
    return "".join("." if at in claim else letter for at, letter in enumerate(picture))


def _sizes_in_use(region: dict[str, str]) -> set[int]:
    return {len(claim) for picture in region.values() for claim in _claims(picture)}


def _is_young(region: dict[str, str]) -> bool:
    everything = "".join(region.values())
    return everything.count("c") + everything.count("C") < everything.count(".")


def _candidates(region: dict[str, str], count: int) -> list[tuple[str, int, int]]:
    """The runs that fit; while the region is young, the shortest of them."""
    fitting = [run for run in _runs(region) if run[2] >= count]
    shortest = min((length for *_, length in fitting), default=0)
    return [run for run in fitting if not _is_young(region) or run[2] == shortest]


def _opening(region: dict[str, str], run: tuple[str, int, int], count: int) -> int:
    """The cost of breaking a run with no owned run beside it; none if it is taken whole."""
    pod_id, start, length = run
    picture = f" {region[pod_id]} "
    if length == count or picture[start] in "cC" or picture[start + length + 1] in "cC":
        return 0
    return SPLIT_COST * len(_sizes_in_use(region))


def _wasted(sizes: set[int], length: int) -> int:
    return sum(WASTE_COST * (length % size) - size * (length >= size) for size in sizes)


def _given_back(picture: str, at: int, step: int, claims: int) -> str:
    """The pod without the nearest owned runs in a row, going from a unit of a run in one direction."""
    while 0 <= at < len(picture) and picture[at] == ".":
        at += step
    for claim in _claims(picture):
        if claims and at in claim:
            return _given_back(_without(picture, claim), at, step, claims - 1)
    return picture


def _left_behind(region: dict[str, str], run: tuple[str, int, int], start: int, count: int) -> int:
    """What is left behind, computed as described over whole pods, without any shortcut."""
    pod_id, sizes = run[0], _sizes_in_use(region)

    def wasted(picture: str) -> int:
        return sum(_wasted(sizes, length) for _, _, length in _runs({"": picture}))

    before = region[pod_id]
    edges = sum(
        not 0 <= beside < len(before) or before[beside] not in ".cC" for beside in (start - 1, start + count)
    )
    cost = sum(RELEASE_CHANCES) ** 2 * (_opening(region, run, count) - edges * len(sizes))
    for claims_before, chance in enumerate(RELEASE_CHANCES):
        for claims_after, other in enumerate(RELEASE_CHANCES):
            later = _given_back(before, run[1], -1, claims_before)
            later = _given_back(later, run[1], 1, claims_after)
            taken = later[:start] + "-" * count + later[start + count :]
            cost += chance * other * (wasted(taken) - wasted(later))
    return cost


def _run_of(region: dict[str, str], placement: Placement) -> tuple[int, int]:
    """(start, length) of the run that holds the whole placement."""
    ((start, length),) = (
        (start, length)
        for pod_id, start, length in _runs(region)
        if pod_id == placement.pod_id
        and start <= placement.start
        and placement.start + placement.count <= start + length
    )
    return start, length


@given(regions(), COUNTS, SEEDS, ATTEMPTS)
def test_placement_succeeds_exactly_when_trying_every_slot_does(
    region: dict[str, str], count: int, seed: int, attempt: int
) -> None:
    possible = any("." * count in picture for picture in region.values())

    assert isinstance(place(_line(region), Request(count, seed, attempt)), Placement) == possible


@given(regions(), COUNTS, SEEDS, ATTEMPTS)
def test_every_placement_is_free_contiguous_and_within_one_pod(
    region: dict[str, str], count: int, seed: int, attempt: int
) -> None:
    decision = place(_line(region), Request(count, seed, attempt))

    if isinstance(decision, Placement):
        assert decision.count == count
        assert decision.start >= 0
        assert region[decision.pod_id][decision.start : decision.start + count] == "." * count


@given(regions(), COUNTS, SEEDS)
def test_the_first_choice_is_one_of_the_ends_of_a_run(region: dict[str, str], count: int, seed: int) -> None:
    decision = place(_line(region), Request(count, seed))

    if isinstance(decision, Placement):
        start, length = _run_of(region, decision)
        assert decision.start in (start, start + length - count)


@examples(400)
@given(st.one_of(regions(), crowded_regions()), st.integers(1, 4), SEEDS)
@example(region={"pod0": "." * 21 + "Cc.."}, count=1, seed=0)
@example(region={"pod0": "." * 21 + "Cc..", "pod1": "Cc" * 11}, count=1, seed=0)
@example(region={"pod0": "...", "pod1": "c.."}, count=1, seed=0)
def test_the_first_choice_leaves_the_least_behind_of_all_ends(
    region: dict[str, str], count: int, seed: int
) -> None:
    """For few enough runs to compare them all; in a young region, of the shortest ones."""
    fitting = _candidates(region, count)
    decision = place(_line(region), Request(count, seed))

    if isinstance(decision, Placement) and len(fitting) <= RUNS_COMPARED_MAX:
        costs = {
            (run[0], at): _left_behind(region, run, at, count)
            for run in fitting
            for at in (run[1], run[1] + run[2] - count)
        }
        assert costs[decision.pod_id, decision.start] == min(costs.values())


LONG_PODS = st.lists(
    st.one_of(st.integers(1, 40).map(lambda units: "." * units), CLAIM, st.sampled_from("x| ")),
    min_size=1,
    max_size=24,
)


@examples(200)
@given(st.lists(LONG_PODS.map("".join), min_size=1, max_size=4), st.integers(1, 6), SEEDS)
@example(pods=["x".join("." * length for length in range(1, 24)), "Cc" * 150], count=1, seed=0)
def test_no_run_that_leaves_less_now_is_missed_however_many_runs_there_are(
    pods: list[str], count: int, seed: int
) -> None:
    """The choice is no worse than the best end of a run of which taking units leaves the least behind now.

    All runs are ranked by that, whatever their length, and in a young region by their length. Only for a few
    of them the neighbours are examined.
    """
    region = {f"pod{number}": picture for number, picture in enumerate(pods)}
    sizes = _sizes_in_use(region)
    decision = place(_line(region), Request(count, seed))

    def left_now(run: tuple[str, int, int]) -> int:
        more = _wasted(sizes, run[2] - count) - _wasted(sizes, run[2])
        return more + _opening(region, run, count)

    def cost(run: tuple[str, int, int]) -> int:
        return min(_left_behind(region, run, at, count) for at in (run[1], run[1] + run[2] - count))

    if isinstance(decision, Placement):
        fitting = _candidates(region, count)
        least = min(map(left_now, fitting))
        start, length = _run_of(region, decision)
        taken = _left_behind(region, (decision.pod_id, start, length), decision.start, count)
        assert taken <= max(cost(run) for run in fitting if left_now(run) == least)


@given(regions(), COUNTS, SEEDS, ATTEMPTS)
def test_slots_after_a_lost_race_are_aligned_with_an_end(
    region: dict[str, str], count: int, seed: int, attempt: int
) -> None:
    """So that two owned runs leave a whole number of slots between them."""
    decision = place(_line(region), Request(count, seed, attempt))

    if isinstance(decision, Placement):
        start, length = _run_of(region, decision)
        from_left, from_right = decision.start - start, start + length - decision.start - count
        assert 0 in (from_left % count, from_right % count)


def _choices(region: dict[str, str], count: int, attempt: int) -> set[str]:
    """Runs that an attempt may choose, found with very many seeds."""
    line = _line(region)
    decisions = (place(line, Request(count, mix(seed, 0), attempt)) for seed in range(300))
    found = set()
    for decision in decisions:
        assert isinstance(decision, Placement)
        found.add(f"{decision.pod_id}:{_run_of(region, decision)[0]}")
    return found


@examples(40)
@given(regions(), COUNTS)
def test_after_a_lost_race_every_run_that_fits_may_be_chosen(region: dict[str, str], count: int) -> None:
    fitting = {f"{pod_id}:{start}" for pod_id, start, size in _runs(region) if size >= count}

    if fitting:
        assert _choices(region, count, 0) <= fitting
        assert _choices(region, count, 1) == fitting


@given(regions(), COUNTS, SEEDS, ATTEMPTS)
def test_the_same_seed_gives_the_same_choice(
    region: dict[str, str], count: int, seed: int, attempt: int
) -> None:
    asked = Request(count, seed, attempt)

    assert place(_line(region), asked) == place(_line(dict(region)), asked)


@given(regions(), COUNTS, SEEDS, ATTEMPTS, st.randoms(use_true_random=False))
def test_the_order_of_the_pods_does_not_matter(
    region: dict[str, str], count: int, seed: int, attempt: int, order: random.Random
) -> None:
    asked, shuffled = Request(count, seed, attempt), list(region.items())
    order.shuffle(shuffled)

    assert place(_line(dict(shuffled)), asked) == place(_line(region), asked)


@given(regions(), COUNTS)
def test_an_explanation_counts_every_unit_once(region: dict[str, str], count: int) -> None:
    reason = explain(_line(region), count)
    known = "".join(region.values()).replace(" ", "")

    assert reason.available + reason.claimed + reason.cordoned + reason.incomplete == len(known)
    assert reason.claimed == known.count("c") + known.count("C")
    assert reason.cordoned == known.count("|")
    assert reason.incomplete == known.count("x")
    assert reason.largest_run == max((size for _, _, size in _runs(region)), default=0)
    assert reason.largest_possible == max(
        (len(part) for picture in region.values() for part in picture.split(" ")), default=0
    )


@given(regions(), COUNTS, SEEDS)
def test_a_refusal_is_always_for_more_than_the_longest_run(
    region: dict[str, str], count: int, seed: int
) -> None:
    decision = place(_line(region), Request(count, seed))

    if isinstance(decision, Unplaceable):
        assert decision.largest_run < count
        assert decision.largest_run <= decision.available


@given(regions())
def test_largest_is_at_most_available_and_available_at_most_total(region: dict[str, str]) -> None:
    line = _line(region)
    total = sum(p.complete.bit_count() for p in line.pods)

    assert longest_run(line.free) <= line.free.bit_count() <= total


@given(
    st.lists(st.integers(1, 10), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(1, 5), SEEDS), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_owned_runs_never_overlap_and_releasing_them_in_any_order_restores_the_start(
    lengths: list[int], requests: list[tuple[int, int]], order: random.Random
) -> None:
    shapes = [shape_of(pod(f"pod{n}", length), offering()) for n, length in enumerate(lengths)]
    empty = Snapshot.of(shapes, [Ownership(shape.pod_id, 1, 0) for shape in shapes])
    snapshot, held = empty, []
    for count, seed in requests:
        decision = place(snapshot.line, Request(count, seed))
        if isinstance(decision, Placement):
            before = snapshot.ownership[decision.pod_id].owned
            mask = sum(1 << position for position in decision.positions)
            assert before & mask == 0
            snapshot = snapshot.seeing(Ownership(decision.pod_id, 1, before | mask))
            held.append((decision.pod_id, mask))
    assert snapshot.counts().available == sum(lengths) - sum(mask.bit_count() for _, mask in held)

    order.shuffle(held)
    for pod_id, mask in held:
        owned = snapshot.ownership[pod_id].owned
        snapshot = snapshot.seeing(Ownership(pod_id, 1, owned & ~mask))

    assert snapshot.line == empty.line
    assert snapshot.counts() == empty.counts()


@examples(30)
@given(st.integers(1, 40), st.integers(1, 12), SEEDS)
def test_one_size_of_request_fills_an_empty_pod_without_waste(length: int, count: int, seed: int) -> None:
    """Taking ends keeps the rest in one piece, so only a remainder is left over."""
    shape = shape_of(pod("pod1", length), offering())
    snapshot = Snapshot.of([shape], [Ownership("pod1", 1, 0)])
    placed = 0
    while isinstance(decision := place(snapshot.line, Request(count, mix(seed, placed))), Placement):
        owned = snapshot.ownership["pod1"].owned | sum(1 << position for position in decision.positions)
        snapshot = snapshot.seeing(Ownership("pod1", 1, owned))
        placed += 1

    assert placed == length // count


@examples(60)
@given(
    st.integers(1, 8),
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(1, 20), SEEDS), min_size=1, max_size=40),
)
@example(pods=16, length=8, requests=[(1, seed) for seed in range(46)])
@example(pods=20, length=18, requests=[(1, seed) for seed in range(46)])
def test_until_half_is_owned_a_region_keeps_as_many_whole_pods_as_with_best_fit(
    pods: int, length: int, requests: list[tuple[int, int]]
) -> None:
    """Pods of one length, nothing given back: ends are taken, so each pod has one run, as with best fit."""
    shapes = [shape_of(pod(f"pod{n}", length), offering()) for n in range(pods)]
    snapshot = Snapshot.of(shapes, [Ownership(shape.pod_id, 1, 0) for shape in shapes])
    runs = [length] * pods
    for count, seed in requests:
        if 2 * sum(runs) <= pods * length:
            break
        decision = place(snapshot.line, Request(count, seed))
        if isinstance(decision, Placement):
            shortest = min(run for run in runs if run >= count)
            runs[runs.index(shortest)] -= count
            before = snapshot.ownership[decision.pod_id]
            mask = sum(1 << position for position in decision.positions)
            borders = before.borders | 1 << decision.start
            snapshot = snapshot.seeing(Ownership(decision.pod_id, 1, before.owned | mask, borders=borders))
        whole = sum(ownership.owned == 0 for ownership in snapshot.ownership.values())
        assert whole == runs.count(length)
