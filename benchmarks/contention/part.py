"""Part 2: accepted claims a second, wasted writes, latency, as claimants crowd."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.contention.claimants import HELD_PER_CLAIMANT, RACKS_PER_POD, SIZES, Crowd, Tally
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
SECONDS: Final = {(10, 20): (0.3, 2.0), (100, 20): (0.3, 0.7), (400, 100): (0.15, 0.15)}
"""Warm-up and measured time, in virtual seconds: the larger the crowd, the more claims a second."""

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
        "claims and gives older ones back beside the next claim. *Wasted* are claims sent and refused, "
        "conflicts included, for one that stood; write units count all of these, the index entry included; "
        "latency is that of the whole request. *Apart* takes the domains by one conditional "
        "update and writes the record afterwards; the product does both in one transaction."
    )
    rows = []
    tallies: dict[tuple[int, int, bool], Tally] = {}
    for claimants, pods in QUICK_CROWDS if options.quick else ANCHORS:
        warm_up, seconds = SECONDS.get((claimants, pods), (0.05, 0.2))
        for transaction in (False, True):
            tally, service = Crowd(claimants, pods, transaction, seconds, warm_up).run()
            tallies[claimants, pods, transaction] = tally
            rows.append(
                (
                    f"{claimants}/{pods}",
                    "transaction" if transaction else "apart",
                    f"{tally.accepted_per_second:,.0f}",
                    f"{tally.wasted_per_accepted:.2f}",
                    f"{service.claim_units / tally.accepted_in_all:.1f}",
                    f"{service.conflicts:,}",
                    f"{tally.latency(0.5) * 1000:.0f}",
                    f"{tally.latency(0.99) * 1000:.0f}",
                    tally.given_up,
                )
            )
    section.table(
        (
            "claimants/pods",
            "write",
            "accepted/s",
            "wasted/accepted",
            "write units/accepted",
            "conflicts",
            "p50 ms",
            "p99 ms",
            "given up",
        ),
        rows,
    )
    for crowd, anchor in ANCHORS.items():
        if anchor is not None and (*crowd, False) in tallies:
            _against(section, crowd, tallies[*crowd, False], anchor)
    _price_of_the_transaction(section, tallies)
    _plot(section, tallies, options)
    return section


def _against(section: Section, crowd: tuple[int, int], tally: Tally, anchor: Anchor) -> None:
    where = f"single conditional update, {crowd[0]}/{crowd[1]}"
    accepted, wasted, p99 = tally.accepted_per_second, tally.wasted_per_accepted, tally.latency(0.99)
    section.figure(
        f"accepted/s, {where}", f"{accepted:,.0f}", f"{anchor.accepted:,.0f}", met=accepted >= anchor.accepted
    )
    section.figure(
        f"wasted/accepted, {where}", f"{wasted:.2f}", f"{anchor.wasted:.2f}", met=wasted <= anchor.wasted
    )
    if anchor.p99 is not None:
        section.figure(
            f"p99, {where}", f"{p99 * 1000:.0f} ms", f"{anchor.p99 * 1000:.0f} ms", met=p99 <= anchor.p99
        )


def _price_of_the_transaction(section: Section, tallies: dict[tuple[int, int, bool], Tally]) -> None:
    sentences = []
    for claimants, pods, transaction in tallies:
        if transaction:
            together, apart = tallies[claimants, pods, True], tallies[claimants, pods, False]
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


def _plot(section: Section, tallies: dict[tuple[int, int, bool], Tally], options: Options) -> None:
    shares = [n / 100 for n in range(1, 100, 2)] + [0.995]
    Plot(
        "claim-latency",
        "Latency of an accepted request",
        "ms",
        "share of requests",
        [
            Series(
                f"{claimants}/{pods} {'transaction' if transaction else 'apart'}",
                [round(tally.latency(share) * 1000, 1) for share in shares],
                shares,
            )
            for (claimants, pods, transaction), tally in tallies.items()
        ],
        x_log=True,
        markers=False,
    ).write(options.plots)
    section.plot("claim-latency", "Latency of an accepted request")
