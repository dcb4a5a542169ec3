"""What was added up, as sections of the report."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from proof.bugs import BUGS
from proof.faults import Kind
from tools.reporting.results import Section

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proof.sensitivity import Detection

_SIMULATION: Final = """\
Clients of all three APIs, which compete for the same nodes, workflows, schedules and hardware over the real
use cases, stores and state machines, and the in-memory DynamoDB that the contract suite holds. At every
storage call others may go first, and anything may go wrong. After every write the ledger looks whether pods,
records, quotas, hardware and servers agree; in the end everything settles, is ended, and leaves a clean
slate; and what clients saw has an order for every pod."""

_INTERLEAVINGS: Final = """\
Every order of the storage calls of two or three operations (claim, release, delete, sync, fill) up to the
write that decides, on one pod where each takes or gives what another wants; the same for chosen ones of
VMs (rent, preempt, destroy) with each other, with the other two APIs and with the sync, on nodes; and on the
pod where a claimant died, its retries, reconcile and rivals with its last write, which lands late."""

_CRASHES: Final = """\
Every side effect of these stories with the function killed before it, killed after it (committed, and
nobody knows), killed at it while the write lands minutes later, when others have gone on, and with the effect
done twice; and every two of them. Afterwards all is settled, and when everything is ended, a clean slate."""

_PLANTED: Final = """\
A proof that finds nothing where something is wrong proves nothing. Each of these mistakes is made in the
product, in memory, and the simulation runs from seed 0 until it notices; where the window is one call wide,
the orders of two operations are tried instead, or a story is told with and without a crash. Most were
planted together with the rule that finds them, so they show that rules are awake, and not that there are
enough of them."""


SEEDS_GOAL: Final = 100_000
OPERATIONS_GOAL: Final = 1_000_000
FAULTED_SHARE_GOAL: Final = 0.2
TIMES_A_FAULT_GOAL: Final = 1_000


def shortfalls(raw: Mapping[str, Any]) -> list[str]:
    """What the seeds so far have less of than the full form is meant to have."""
    operations = raw["counts"]["client operations"]
    faulted = raw["counts"]["faulted operations"]
    short = [
        f"{have:,} of {goal:,} {what}"
        for what, have, goal in (
            ("seeds", raw["seeds"], SEEDS_GOAL),
            ("client operations", operations, OPERATIONS_GOAL),
            *((f"times {kind.value}", raw["faults"].get(kind.value, 0), TIMES_A_FAULT_GOAL) for kind in Kind),
        )
        if have < goal
    ]
    if faulted < FAULTED_SHARE_GOAL * operations:
        short.append(f"{faulted:,} of {operations:,} operations faulted, less than {FAULTED_SHARE_GOAL:.0%}")
    return short


def simulation(raw: dict[str, Any]) -> Section:
    """Seeds so far."""
    counts: Mapping[str, int] = raw["counts"]
    operations, faulted = counts["client operations"], counts["faulted operations"]
    seconds = max(raw["seconds"], 1)
    return Section(
        title="Simulation with faults",
        order=10,
        text=[_SIMULATION, "Each seed is replayed byte for byte by `make prove SEED=<seed>`."],
        figures={
            "seeds": raw["seeds"],
            "client operations": operations,
            "of them faulted": f"{faulted} ({100 * faulted / max(operations, 1):.1f} %)",
            "storage calls": counts["storage calls"],
            "writes, each checked": counts["writes"],
            "workflow executions": counts["executions"],
            "virtual hours": counts["virtual seconds"] // 3600,
            "violations": raw["violated"],
            "client operations a second": f"{operations / seconds:.0f} on {raw['jobs']} processes",
            "client operations with earlier versions of the code": raw["earlier"],
            **({"not yet": "; ".join(short)} if (short := shortfalls(raw)) else {}),
        },
        tables=[
            {
                "header": ["fault", "times"],
                "rows": [[kind.value, raw["faults"].get(kind.value, 0)] for kind in Kind],
            },
            *_problems(raw["problems"]),
        ],
        raw=raw,
    )


def schedules(raw: dict[str, Any]) -> Section:
    """Interleavings so far."""
    blocks: Mapping[str, int] = raw["blocks"]
    sizes: Mapping[str, int] = raw["sizes"]
    groups = Counter(_turns(title) for title in sizes)
    whole = Counter(_turns(title) for title, size in sizes.items() if blocks.get(title) == size)
    size_of = {_turns(title): size for title, size in sizes.items()}
    return Section(
        title="All interleavings",
        order=20,
        text=[_INTERLEAVINGS],
        figures={
            "schedules": sum(blocks.values()),
            **{
                f"{turns}, groups with all {size_of[turns]:,} schedules": f"{whole[turns]} of {count}"
                for turns, count in sorted(groups.items())
            },
            "violations": raw["violated"],
        },
        tables=_problems(raw["problems"]),
        raw=raw,
    )


def _turns(title: str) -> str:
    return title.partition(": ")[0]


def crashes(raw: dict[str, Any], parts: int) -> Section:
    """Crash points so far; a story is done when so many parts of it are."""
    singles, pairs = raw["single"], raw["double"]
    return Section(
        title="Crash points",
        order=30,
        text=[_CRASHES],
        figures={
            "single faults": sum(singles.values()),
            "pairs of faults": sum(pairs.values()),
            "violations": raw["violated"],
        },
        tables=[
            {
                "header": ["story", "side effects", "single faults", "pairs"],
                "rows": [
                    [
                        story,
                        len(effects),
                        _so_far(raw, "single", story, parts),
                        _so_far(raw, "double", story, parts),
                    ]
                    for story, effects in raw["effects"].items()
                ],
            },
            {
                "header": ["story", "side effects by function"],
                "rows": [[story, _counted(effects)] for story, effects in raw["effects"].items()],
            },
            *_problems(raw["problems"]),
        ],
        raw=raw,
    )


def planted(detections: list[Detection], seeds_max: int) -> Section:
    """Which bugs were found."""
    what = {bug.name: bug.what for bug in BUGS}
    found = [d for d in detections if d.seeds is not None]
    return Section(
        title="Planted bugs",
        order=40,
        text=[_PLANTED],
        figures={"planted": len(BUGS), "found": len(found), "seeds tried at most": seeds_max},
        tables=[
            {
                "header": ["bug", "what it does", "found after seeds", "first sign"],
                "rows": [
                    [
                        f"`{d.bug}`",
                        what[d.bug],
                        _found_after(d),
                        d.sign,
                    ]
                    for d in detections
                ],
            }
        ],
    )


def _found_after(found: Detection) -> int | str:
    if found.seeds is None:
        return "not found"
    return f"{found.seeds} {found.place}" if found.place else found.seeds


def _so_far(raw: dict[str, Any], kind: str, story: str, parts: int) -> int | str:
    runs, done = raw[kind].get(story, 0), raw["parts_done"][kind].get(story, 0)
    if done == parts:
        return int(runs)
    return f"{runs:,}, not all yet" if done else "not yet"


def _problems(problems: list[str]) -> list[dict[str, Any]]:
    return [{"header": ["violation"], "rows": [[problem[:400]] for problem in problems]}] if problems else []


def _counted(effects: list[str]) -> str:
    return ", ".join(f"{name} {effects.count(name)}" for name in dict.fromkeys(effects))
