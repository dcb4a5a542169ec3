"""Part 2: accepted claims a second, wasted writes, latency, as claimants crowd."""

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
class Anchor:
    """To beat, with a single conditional update: accepted a second, wasted per accepted, p99 in seconds."""

    accepted: float
    wasted: float
    p99: float | None


ANCHORS: Final = {(10, 20): None, (100, 20): Anchor(1129, 1.05, 0.528), (400, 100): Anchor(3868, 1.46, 0.570)}
WARM_UP_SECONDS: Final = 0.3
"""Each claimant has as many claims as it holds after a good half of it, and its first snapshot is old."""

WINDOWS: Final = {(10, 20): (1.5, 2), (100, 20): (0.6, 2), (400, 100): (0.5, 1)}
"""Virtual seconds in which claims that begin are noted, and seeds: the larger the crowd, the more claims."""

QUICK_CROWDS: Final = ((4, 4),)


def measure(options: Options) -> Section:
    """Every crowd, as the product claims (one transaction) and with the record written apart."""
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
        + "*Wasted* are claims sent and refused, "
        "conflicts included, for one that stood; write units count all of these, the index entry included; "
        "latency is that of the whole request. *Apart* takes the domains by one conditional "
        "update and writes the record afterwards; the product does both in one transaction."
    )
    found: dict[tuple[int, int, bool], Runs] = {}
    for claimants, pods in QUICK_CROWDS if options.quick else ANCHORS:
        seconds, seeds = WINDOWS.get((claimants, pods), (0.2, 2))
        for transaction in (False, True):
            crowd = Crowd(claimants, pods, transaction, seconds, options.sized(WARM_UP_SECONDS, 0.05))
            found[claimants, pods, transaction] = run_with_seeds(crowd, seeds)
    section.table(HEAD, [_row(crowd, runs) for crowd, runs in found.items()])
    for of, anchor in ANCHORS.items():
        if anchor is not None and (*of, False) in found:
            _against(section, of, found[*of, False], anchor)
    _price_of_the_transaction(section, found)
    _plot(section, found, options)
    return section


HEAD: Final = (
    *("claimants/pods", "write", "claims followed", "accepted/s", "wasted/accepted", "write units/accepted"),
    *("conflicts/accepted", "p50 ms", "p99 ms", "slowest ms", "given up"),
)


def _window(options: Options) -> str:
    """How claims are chosen that count, as a sentence with a blank at its end."""
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
        "transaction" if transaction else "apart",
        f"{len(together.latencies) + together.given_up:,}",
        f"{together.accepted_per_second:,.0f}{runs.spread(_accepted, ',.0f')}",
        f"{together.wasted_per_accepted:.2f}{runs.spread(_wasted, '.2f')}",
        f"{runs.mean(lambda run: run.claim_units):.1f}",
        f"{runs.mean(lambda run: run.conflicts):.2f}",
        f"{together.latency(0.5) * 1000:.0f}",
        f"{together.latency(0.99) * 1000:.0f}{runs.spread(_p99_ms, '.0f')}",
        f"{together.latency(1.0) * 1000:.0f}",
        together.given_up,
    )


def _accepted(run: Run) -> float:
    return run.tally.accepted_per_second


def _wasted(run: Run) -> float:
    return run.tally.wasted_per_accepted


def _p99_ms(run: Run) -> float:
    return run.tally.latency(0.99) * 1000


def _against(section: Section, crowd: tuple[int, int], runs: Runs, anchor: Anchor) -> None:
    where = f"single conditional update, {crowd[0]}/{crowd[1]}"
    tally = runs.together
    accepted, wasted, p99 = tally.accepted_per_second, tally.wasted_per_accepted, tally.latency(0.99)
    section.figure(
        f"accepted/s, {where}",
        f"{accepted:,.0f}{runs.spread(_accepted, ',.0f')}",
        f"{anchor.accepted:,.0f}",
        met=accepted >= anchor.accepted,
    )
    section.figure(
        f"wasted/accepted, {where}",
        f"{wasted:.2f}{runs.spread(_wasted, '.2f')}",
        f"{anchor.wasted:.2f}",
        met=wasted <= anchor.wasted,
    )
    if anchor.p99 is not None:
        section.figure(
            f"p99, {where}", f"{p99 * 1000:.0f} ms", f"{anchor.p99 * 1000:.0f} ms", met=p99 <= anchor.p99
        )


def _price_of_the_transaction(section: Section, found: dict[tuple[int, int, bool], Runs]) -> None:
    sentences = []
    for claimants, pods, transaction in found:
        if transaction:
            together, apart = found[claimants, pods, True].together, found[claimants, pods, False].together
            share = together.accepted_per_second / apart.accepted_per_second
            slower = together.latency(0.5) / apart.latency(0.5)
            sentences.append(
                f"at {claimants}/{pods} it accepts {share:.0%} of what writing apart does, at {slower:.1f} "
                "times the median latency"
            )
    section.text(
        "What the transaction costs: "
        + "; ".join(sentences)
        + ". Two claims of disjoint racks of one pod, which never disturb each other as single updates, "
        "conflict when their transactions overlap. What it buys: no instant in which racks are owned and no "
        "record says by whom, so nothing has to be swept after a crash."
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
                f"{claimants}/{pods} {'transaction' if transaction else 'apart'}",
                [round(runs.together.latency(share) * 1000, 1) for share in shares],
                shares,
            )
            for (claimants, pods, transaction), runs in found.items()
        ],
        x_log=True,
        markers=False,
    ).write(options.plots)
    section.plot("claim-latency", "Latency of an accepted request")
