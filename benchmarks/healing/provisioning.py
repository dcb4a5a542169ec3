"""Part "healing", its first half: orders that are provisioned although hosts fail."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.healing import provisioned
from benchmarks.healing.provider import Failures

if TYPE_CHECKING:
    from benchmarks.healing.provisioned import Outcome
    from benchmarks.options import Options
    from benchmarks.report import Section

SHARE: Final = 0.005
GOAL: Final = 0.99
ORDERS: Final = 1_000
ORDERS_OF_THE_WORST: Final = 250
"""Each of them moves several times."""

KINDS: Final = {
    "0.5 % of boots fail": Failures(SHARE),
    "0.5 % of machines are broken, and their provider knows": Failures(SHARE, stays=True, known=True),
    "0.5 % of machines break when they boot, and stay broken": Failures(SHARE, stays=True),
}


def add_figures(section: Section, options: Options) -> None:
    """How many orders are provisioned without their customer doing anything."""
    found = {
        name: provisioned.run(kind, options.sized(ORDERS_OF_THE_WORST if _is_worst(kind) else ORDERS, 6))
        for name, kind in KINDS.items()
    }
    for name, outcome in found.items():
        share = outcome.provisioned / outcome.orders
        section.figure(
            f"orders of 8 racks that are provisioned by themselves: {name}",
            f"{share:.1%} (without healing {outcome.untouched / outcome.orders:.1%})",
            f"at least {GOAL:.0%}",
            met=share >= GOAL,
            why="Each run is full of machines that nobody has tried: half of the runs have a broken one, and"
            " after the fifth move nothing else is tried.",
        )
        section.values[f"provisioned: {name}"] = share
    section.table(
        (
            "failures",
            "orders",
            "boots",
            "failed",
            "quarantines",
            "orders by moves",
            "median s",
            "max s",
        ),
        [_row(name, outcome) for name, outcome in found.items()],
    )
    section.text(
        f"{provisioned.PODS} pods of {provisioned.RACKS_PER_POD} racks of {provisioned.HOSTS} hosts;",
        f"{provisioned.LIVE} orders at a time; quarantined hosts are repaired after a day.",
        "A boot and a release take 20 s.",
    )


def _is_worst(kind: Failures) -> bool:
    return kind.stays and not kind.known


def _row(name: str, outcome: Outcome) -> tuple[object, ...]:
    moves = ", ".join(f"{number}: {count}" for number, count in sorted(outcome.moves.items()))
    return (
        name,
        outcome.orders,
        outcome.boots,
        outcome.failed,
        outcome.quarantined,
        moves,
        median(outcome.seconds or [0]),
        max(outcome.seconds or [0]),
    )
