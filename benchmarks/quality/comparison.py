"""Compares the policies on the same traces, with the bound and with policies without contiguity."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from benchmarks.quality.policies import POLICIES, Layout
from benchmarks.quality.references import clairvoyant_bound
from benchmarks.quality.replay import replay
from benchmarks.quality.traces import offered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.quality.traces import Job


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of trace at a load.

    ``bound_share`` is the bound over the work offered, mean over the traces; ``of_bound`` the accepted work
    over the bound, by policy and trace.
    """

    name: str
    load: float
    bound_share: float
    of_bound: Mapping[str, Sequence[float]]

    def mean(self, policy: str) -> float:
        """Accepted work over the bound."""
        return fmean(self.of_bound[policy])

    def points_behind(self, policy: str, reference: str) -> tuple[float, float]:
        """(points of the bound by which a policy is behind another one, their standard error)."""
        points = [
            100 * (other - own)
            for own, other in zip(self.of_bound[policy], self.of_bound[reference], strict=True)
        ]
        error = stdev(points) / len(points) ** 0.5 if len(points) > 1 else 0.0
        return fmean(points), error


def compare(layout: Layout, name: str, load: float, traces: Sequence[Sequence[Job]]) -> Case:
    """Replay the same traces with every policy."""
    bounds = [clairvoyant_bound(trace, layout.units) for trace in traces]
    return Case(
        name,
        load,
        fmean(bound / offered(trace) for bound, trace in zip(bounds, traces, strict=True)),
        {
            name: [
                replay(layout, make(layout), trace).accepted / bound
                for trace, bound in zip(traces, bounds, strict=True)
            ]
            for name, make in POLICIES.items()
        },
    )


HEAD = ("trace", "load", "bound / offered", *POLICIES)


def row(case: Case) -> tuple[str, ...]:
    """Format the case as a row under ``HEAD``."""
    figures = (case.bound_share, *map(case.mean, POLICIES))
    return (case.name, str(case.load), *(f"{figure:.3f}" for figure in figures))
