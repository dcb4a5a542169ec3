"""Runs of the same claimants with different seeds, and their combined results."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

from benchmarks.contention.claimants import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.contention.claimants import Crowd


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Figures are per accepted claim, except ``snapshot_units``, the read units of a snapshot."""

    tally: Tally
    claim_units: float
    read_units: float
    conflicts: float
    sent: float
    snapshots: float
    snapshot_units: float


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs, at least one."""

    runs: Sequence[Run]

    @property
    def together(self) -> Tally:
        """Combine the claims of all runs."""
        tallies = [run.tally for run in self.runs]
        return Tally(
            sum(tally.seconds for tally in tallies),
            [latency for tally in tallies for latency in tally.latencies],
            sum(tally.attempts for tally in tallies),
            sum(tally.given_up for tally in tallies),
            sum(tally.accepted_in_all for tally in tallies),
            sum(tally.sent_in_all for tally in tallies),
        )

    def mean(self, value: Callable[[Run], float]) -> float:
        """Return the mean over the runs."""
        return fmean(map(value, self.runs))

    def spread(self, value: Callable[[Run], float], form: str) -> str:
        """Return minimum and maximum, as ``" (1.2 to 1.4)"``; empty for a single run."""
        found = [value(run) for run in self.runs]
        return f" ({min(found):{form}} to {max(found):{form}})" if len(found) > 1 else ""


def run_with_seeds(crowd: Crowd, seeds: int) -> Runs:
    """Run it once for each seed."""
    return Runs([_run(replace(crowd, seed=seed)) for seed in range(seeds)])


def _run(crowd: Crowd) -> Run:
    tally, service = crowd.run()
    claims, tables = tally.accepted_in_all, service.tables
    snapshots = tables.requests["query"]
    # Every other read is of one item below 4 KB: one unit.
    others = tables.requests["get_item"]
    return Run(
        tally,
        sum(service.claim_units.values()) / claims,
        tables.read_units / claims,
        service.conflicts / claims,
        tally.sent_in_all / claims,
        snapshots / claims,
        (tables.read_units - others) / snapshots,
    )
