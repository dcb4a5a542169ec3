"""Counts the whole free pods of an empty region after its first requests, none of which has ended."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final

from benchmarks.chance import stream
from benchmarks.quality.policies import POLICIES, Layout
from gpu_capacity.placement.choose import mix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.quality.policies import Policy

COMPARED: Final = ("this chooser", "best fit", "first fit")


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first ``count`` requests of a region, of equally likely sizes; ``length`` is that of a pod."""

    pods: int
    length: int
    count: int
    sizes: tuple[int, ...]

    @property
    def name(self) -> str:
        """Return the label of a row."""
        return f"{self.pods} × {self.length}, {self.count} of {', '.join(map(str, self.sizes))}"

    def requests(self, seed: int) -> list[int]:
        """Return the sizes in the order of the requests."""
        chance = stream("young", self.pods, self.length, self.count, self.sizes, seed)
        return [chance.choice(self.sizes) for _ in range(self.count)]


BEGINNINGS: Final = (
    Beginning(16, 8, 16, (1,)),
    Beginning(16, 8, 46, (1,)),
    Beginning(16, 8, 20, (2,)),
    Beginning(16, 8, 20, (1, 2, 4)),
    Beginning(16, 8, 16, (1, 2, 3, 8)),
    Beginning(20, 18, 46, (1,)),
    Beginning(20, 18, 120, (1,)),
    Beginning(20, 18, 25, (1, 2, 4, 8, 16)),
    Beginning(20, 18, 25, (1, 2, 3, 4, 6, 8, 12)),
    Beginning(20, 18, 25, (1, 3, 5, 7, 9)),
    Beginning(20, 72, 40, (1, 2, 4, 8, 16, 32)),
)


def whole_pods_after(layout: Layout, policy: Policy, requests: Sequence[int]) -> int:
    """Serve the requests one after the other; return the number of untouched pods."""
    free, begins = layout.line.free, 0
    for number, size in enumerate(requests):
        taken = policy(free, begins, size, mix(number, 0))
        assert taken & ~free == 0, "a policy took what is not free"
        free ^= taken
        begins |= taken & -taken
    return sum(mask.bit_count() == layout.length for mask in layout.pod_masks(free))


def most_whole_pods(layout: Layout, requests: Sequence[int]) -> int:
    """Return an upper bound for any policy, from the total units and the number of each size per pod."""
    needed = -(-sum(requests) // layout.length)
    for size in set(requests):
        as_large = sum(other >= size for other in requests)
        needed = max(needed, -(-as_large // (layout.length // size)))
    return len(layout.line.pods) - needed


def whole_pods(beginning: Beginning, seeds: Sequence[int]) -> Mapping[str, float]:
    """Return means by policy, and of the bound as ``at most``."""
    layout = Layout.of(beginning.pods, beginning.length)
    found = {
        name: fmean(
            whole_pods_after(layout, POLICIES[name](layout), beginning.requests(seed)) for seed in seeds
        )
        for name in COMPARED
    }
    return found | {"at most": fmean(most_whole_pods(layout, beginning.requests(seed)) for seed in seeds)}
