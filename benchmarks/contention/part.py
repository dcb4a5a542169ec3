"""Part 2: accepted claims per second, wasted writes and latency under contention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.contention.claimants import HELD_PER_CLAIMANT, RACKS_PER_POD, SIZES, Crowd
from benchmarks.contention.runs import Run, Runs, run_with_seeds
from benchmarks.plots import Plot, Series
from benchmarks.report import Section

if TYPE_CHECKING:
    from benchmarks.options import Options


@dataclass(frozen=True, slots=True)
class Goal:
    """Of one crowd: at least so many accepted a second; at most so long, in seconds, and so many units.

    ``None`` where nothing was asked for.
    """

    accepted: float | None = None
    p99: float | None = None
    units: float | None = None


GOALS: Final = {
    (10, 20): Goal(p99=0.065),
    (100, 20): Goal(accepted=2200, p99=0.110, units=6),
    (400, 100): Goal(accepted=9000),
}
WARM_UP_SECONDS: Final = 0.3
"""Each claimant has as many claims as it holds after a good half of it, and its first snapshot is old."""

WINDOWS: Final = {(10, 20): (1.5, 2), (100, 20): (0.6, 8), (400, 100): (0.5, 1)}
"""Virtual seconds in which claims that begin are noted, and seeds: the larger the crowd, the more claims."""

TRANSACTION_SEEDS_MAX: Final = 2
"""What the product is compared with takes ten times as long to simulate, and nothing is decided by it."""

QUICK_CROWDS: Final = ((4, 4),)


def measure(options: Options) -> Section:
    """Measure every group of claimants, with the product and with one transaction for run and record."""
    section = Section("Contention")
    section.text(
        "Claimants are execution environments of their own that reserve without a pause: "
        "`create_reservation` itself, with the real chooser, expressions, retry loop and pauses, over the "
        "tests' in-memory tables in virtual time. Latencies are the published ones (put 7.6/16 ms, "
        "transaction 25/93 ms at p50/p99), an item takes 1,000 write units a second, refused writes count, "
        f"and writes that meet a transaction in flight on an item are sent again. Pods have {RACKS_PER_POD} "
        f"racks; sizes are {', '.join(map(str, SIZES))}; each claimant holds its last {HELD_PER_CLAIMANT} "
        "claims and gives older ones back beside the next claim. "
        + _window(options)
        + f"The transaction has {TRANSACTION_SEEDS_MAX} seeds at most. *Wasted* are claims sent and refused, "
        "conflicts included, for one that stood; write units count all of these, the index entry included; "
        "latency is that of the whole request. The product writes the record, then the pod, then the record "
        "again, each by itself, and reads the quota beside the second of these; *transaction* is what it did "
        "before, the pod and the record in one, without a quota."
    )
    found: dict[tuple[int, int, bool], Runs] = {}
    for claimants, pods in QUICK_CROWDS if options.quick else GOALS:
        seconds, seeds = WINDOWS.get((claimants, pods), (0.2, 2))
        for transaction in (False, True):
            crowd = Crowd(claimants, pods, transaction, seconds, options.sized(WARM_UP_SECONDS, 0.05))
            most = TRANSACTION_SEEDS_MAX if transaction else seeds
            found[claimants, pods, transaction] = run_with_seeds(crowd, min(seeds, most))
    section.table(HEAD, [_row(crowd, runs) for crowd, runs in found.items()])
    for of, goal in GOALS.items():
        if (*of, False) in found:
            _against(section, of, found[*of, False], goal)
    _price_of_the_transaction(section, found)
    _plot(section, found, options)
    return section


HEAD: Final = (
    *("claimants/pods", "write", "claims followed", "accepted/s", "wasted/accepted", "write units/accepted"),
    *("conflicts/accepted", "p50 ms", "p99 ms", "slowest ms", "given up"),
)


def _window(options: Options) -> str:
    """Describe which claims are counted, as text with a blank at its end."""
    if options.quick:
        return ""
    windows = "; ".join(
        f"{seconds:g} s at {claimants}/{pods}, {seeds} {'seed' if seeds == 1 else 'seeds'}"
        for (claimants, pods), (seconds, seeds) in WINDOWS.items()
    )
    return (
        f"Claims count that begin in a window of virtual time after {WARM_UP_SECONDS:g} s of warming up "
        f"({windows}). Each of them is followed to its end while the crowd goes on, so none is too slow to "
        "be seen; those that gave up, after the retry loop's last attempt, have no latency and are counted "
        "in the last column. In brackets the least and the greatest of the seeds; percentiles are of all "
        "seeds together. "
    )


def _row(crowd: tuple[int, int, bool], runs: Runs) -> tuple[object, ...]:
    claimants, pods, transaction = crowd
    together = runs.together
    return (
        f"{claimants}/{pods}",
        _name(transaction=transaction),
        f"{len(together.latencies) + together.given_up:,}",
        f"{together.accepted_per_second:,.0f}{runs.spread(_accepted, ',.0f')}",
        f"{together.wasted_per_accepted:.2f}{runs.spread(_wasted, '.2f')}",
        f"{runs.mean(_units):.1f}",
        f"{runs.mean(lambda run: run.conflicts):.2f}",
        f"{together.latency(0.5) * 1000:.0f}",
        f"{together.latency(0.99) * 1000:.0f}{runs.spread(_p99_ms, '.0f')}",
        f"{together.latency(1.0) * 1000:.0f}",
        together.given_up,
    )


def _name(*, transaction: bool) -> str:
    return "transaction" if transaction else "the product"


def _accepted(run: Run) -> float:
    return run.tally.accepted_per_second


def _wasted(run: Run) -> float:
    return run.tally.wasted_per_accepted


def _units(run: Run) -> float:
    return run.claim_units


def _p99_ms(run: Run) -> float:
    return run.tally.latency(0.99) * 1000


def _against(section: Section, crowd: tuple[int, int], runs: Runs, goal: Goal) -> None:
    where = f"{crowd[0]} claimants, {crowd[1]} pods"
    accepted, p99 = runs.together.accepted_per_second, runs.together.latency(0.99)
    units = runs.mean(_units)
    if goal.accepted is not None:
        section.figure(
            f"accepted/s, {where}",
            f"{accepted:,.0f}{runs.spread(_accepted, ',.0f')}",
            f"at least {goal.accepted:,.0f}",
            met=accepted >= goal.accepted,
        )
    if goal.p99 is not None:
        section.figure(
            f"p99, {where}",
            f"{p99 * 1000:.0f} ms{runs.spread(_p99_ms, '.0f')}",
            f"at most {goal.p99 * 1000:.0f} ms",
            met=p99 <= goal.p99,
            why="Every lost race costs two more writes, one after the other.",
        )
    if goal.units is not None:
        section.figure(
            f"write units/accepted, {where}",
            f"{units:.1f}",
            f"at most {goal.units:g}",
            met=units <= goal.units,
            detail=True,
        )


def _price_of_the_transaction(section: Section, found: dict[tuple[int, int, bool], Runs]) -> None:
    sentences = []
    for claimants, pods, transaction in found:
        if transaction:
            together, product = found[claimants, pods, True].together, found[claimants, pods, False].together
            share = product.accepted_per_second / together.accepted_per_second
            p99 = product.latency(0.99) / together.latency(0.99)
            sentences.append(f"at {claimants}/{pods} {share:.1f} times as many at {p99:.2f} times the p99")
    section.text(
        "Against the transaction the product accepts "
        + "; ".join(sentences)
        + ". Two claims of disjoint racks of one pod, which never disturb each other as single updates, "
        "conflict when their transactions overlap."
    )


def _plot(section: Section, found: dict[tuple[int, int, bool], Runs], options: Options) -> None:
    shares = [n / 100 for n in range(1, 100, 2)] + [0.995]
    Plot(
        "claim-latency",
        "Latency of an accepted request",
        "ms",
        "share of requests",
        [
            Series(
                f"{claimants}/{pods} {_name(transaction=transaction)}",
                [round(runs.together.latency(share) * 1000, 1) for share in shares],
                shares,
            )
            for (claimants, pods, transaction), runs in found.items()
        ],
        x_log=True,
        markers=False,
    ).write(options.plots)
    section.plot("claim-latency", "Latency of an accepted request")
