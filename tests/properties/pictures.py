"""Regions as pictures of their pods, and a brute-force oracle that reads them letter by letter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from gpu_capacity.placement.choose import RELEASE_CHANCES, SPLIT_COST, WASTE_COST
from gpu_capacity.placement.line import Line, PodBits

if TYPE_CHECKING:
    from gpu_capacity.placement.model import Placement

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


def line_of(region: dict[str, str]) -> Line:
    return Line.of(_pod_bits(pod_id, picture) for pod_id, picture in region.items())


def runs_of(region: dict[str, str]) -> list[tuple[str, int, int]]:
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


def owned_runs(picture: str) -> list[range]:
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


def sizes_in_use(region: dict[str, str]) -> set[int]:
    return {len(claim) for picture in region.values() for claim in owned_runs(picture)}


def is_young(region: dict[str, str]) -> bool:
    everything = "".join(region.values())
    return everything.count("c") + everything.count("C") < everything.count(".")


def candidates(region: dict[str, str], count: int) -> list[tuple[str, int, int]]:
    """The runs that fit; while the region is young, the shortest of them."""
    fitting = [run for run in runs_of(region) if run[2] >= count]
    shortest = min((length for *_, length in fitting), default=0)
    return [run for run in fitting if not is_young(region) or run[2] == shortest]


def opening_cost(region: dict[str, str], run: tuple[str, int, int], count: int) -> int:
    """The cost of breaking a run with no owned run beside it; none if it is taken whole."""
    pod_id, start, length = run
    picture = f" {region[pod_id]} "
    if length == count or picture[start] in "cC" or picture[start + length + 1] in "cC":
        return 0
    return SPLIT_COST * len(sizes_in_use(region))


def wasted(sizes: set[int], length: int) -> int:
    return sum(WASTE_COST * (length % size) - size * (length >= size) for size in sizes)


def _given_back(picture: str, at: int, step: int, claims: int) -> str:
    """The pod without the nearest owned runs in a row, going from a unit of a run in one direction."""
    while 0 <= at < len(picture) and picture[at] == ".":
        at += step
    for claim in owned_runs(picture):
        if claims and at in claim:
            return _given_back(_without(picture, claim), at, step, claims - 1)
    return picture


def left_behind(region: dict[str, str], run: tuple[str, int, int], start: int, count: int) -> int:
    """What is left behind, computed as described over whole pods, without any shortcut."""
    pod_id, sizes = run[0], sizes_in_use(region)

    def wasted_in(picture: str) -> int:
        return sum(wasted(sizes, length) for _, _, length in runs_of({"": picture}))

    before = region[pod_id]
    edges = sum(
        not 0 <= beside < len(before) or before[beside] not in ".cC" for beside in (start - 1, start + count)
    )
    cost = sum(RELEASE_CHANCES) ** 2 * (opening_cost(region, run, count) - edges * len(sizes))
    for claims_before, chance in enumerate(RELEASE_CHANCES):
        for claims_after, other in enumerate(RELEASE_CHANCES):
            later = _given_back(before, run[1], -1, claims_before)
            later = _given_back(later, run[1], 1, claims_after)
            taken = later[:start] + "-" * count + later[start + count :]
            cost += chance * other * (wasted_in(taken) - wasted_in(later))
    return cost


def run_of(region: dict[str, str], placement: Placement) -> tuple[int, int]:
    """(start, length) of the run that holds the whole placement."""
    ((start, length),) = (
        (start, length)
        for pod_id, start, length in runs_of(region)
        if pod_id == placement.pod_id
        and start <= placement.start
        and placement.start + placement.count <= start + length
    )
    return start, length
