"""The sums of all runs, as sections of the report."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from proof.bugs import BUGS
from proof.faults import Kind
from tools.reporting import goals
from tools.reporting.results import Section

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proof.sensitivity import Detection
PARTS: Final = 12
"""Of a story, each run by itself."""

_SIMULATION: Final = """\
Clients of all three APIs compete for the same nodes and racks and place servers on what they reserved, while
workflows and schedules run and hardware changes. The code is that of the product: use cases, stores and state
machines, over the in-memory DynamoDB that the contract suite checks. At every storage call another process
may run first, and any fault may happen; requests to the host provider may get no answer, or arrive late.
After every write the ledger compares pods, records, quotas, hardware, holds and servers. At the end
everything settles, is deleted, and leaves nothing behind, and one order of operations explains the answers of
clients for every pod."""

_INTERLEAVINGS: Final = """\
Every order of the storage calls of two or three operations (claim, release, delete, sync, fill) up to the
write that decides, on one pod where each takes or releases what another wants; on nodes, chosen operations on
VMs (rent, preempt, destroy) with each other, with the other two APIs and with the sync; on a reservation,
placements and their updates with each other, with the release of a unit and with the end of both; and on the
pod of a claimant that crashed, its retries, reconcile and rivals, with its last write applied late."""

_CRASHES: Final = """\
At every side effect of each story the function is killed before it, killed after it (committed, without an
answer), killed while the write is applied minutes later, or the effect happens twice; then the same for every
two side effects. Afterwards everything settles, and when everything is deleted nothing is left."""

_PLANTED: Final = """\
A check that misses errors proves nothing. So each bug is planted in the product, in memory, and the
simulation runs from seed 0 until a check finds it. For a bug with a window of one call, the orders of two
operations are run instead, or a story with and without a crash. Most bugs were planted together with the rule
that finds them: they show that the rules work, but not that there are enough rules."""


def shortfalls(raw: Mapping[str, Any]) -> list[str]:
    """Return the goals of the full form that the seeds so far have not reached."""
    operations = raw["counts"]["client operations"]
    faulted, times = raw["counts"]["faulted operations"], raw["faults"]
    short = [
        f"{have:,} of {goal:,} {what}"
        for what, have, goal in (
            ("seeds", raw["seeds"], goals.SEEDS),
            ("client operations", operations, goals.OPERATIONS),
            *((f"times {kind.value}", times.get(kind.value, 0), goals.TIMES_A_FAULT) for kind in Kind),
        )
        if have < goal
    ]
    if faulted < goals.FAULTED_SHARE * operations:
        short.append(f"{faulted:,} of {operations:,} operations faulted, less than {goals.FAULTED_SHARE:.0%}")
    return short


def simulation(raw: dict[str, Any]) -> Section:
    """Seeds so far."""
    counts: Mapping[str, int] = raw["counts"]
    operations, faulted = counts["client operations"], counts["faulted operations"]
    seconds = max(raw["seconds"], 1)
    times, rarest = min((raw["faults"].get(kind.value, 0), kind.value) for kind in Kind)
    return Section(
        title="Simulation with faults",
        order=10,
        text=[_SIMULATION, "Each seed is replayed byte for byte by `make prove SEED=<seed>`."],
        figures={
            "seeds": raw["seeds"],
            "client operations": operations,
            "of them faulted": f"{faulted:,} ({100 * faulted / max(operations, 1):.1f} %)",
            "times of the rarest fault": f"{times:,} ({rarest})",
            "storage calls": counts["storage calls"],
            "writes, each checked": counts["writes"],
            "workflow executions": counts["executions"],
            "virtual hours": counts["virtual seconds"] // 3600,
            "violations": raw["violated"],
            "client operations a second": f"{operations / seconds:.0f} on {raw['jobs']} processes",
            "client operations with earlier versions of the code": raw["earlier"],
            **({goals.SHORT: "; ".join(short)} if (short := shortfalls(raw)) else {}),
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


def crashes(raw: dict[str, Any]) -> Section:
    """Crash points so far; a story is done when all parts of it are."""
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
                        _so_far(raw, "single", story),
                        _so_far(raw, "double", story),
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


def in_words_of_today(name: str, found: Section) -> Section:
    """Return a saved section with figures, tables and texts as this version of the code writes them."""
    remade: Mapping[str, Callable[[dict[str, Any]], Section]] = {
        "simulation": simulation,
        "interleavings": schedules,
        "crashes": crashes,
    }
    if name == "bugs":
        return replace(found, text=[_PLANTED])
    return replace(remade[name](found.raw), version=found.version) if name in remade else found


def _found_after(found: Detection) -> int | str:
    if found.seeds is None:
        return "not found"
    return f"{found.seeds} {found.place}" if found.place else found.seeds


def _so_far(raw: dict[str, Any], kind: str, story: str) -> int | str:
    runs, done = raw[kind].get(story, 0), raw["parts_done"][kind].get(story, 0)
    if done == PARTS:
        return int(runs)
    return f"{runs:,}, not all yet" if done else "not yet"


def _problems(problems: list[str]) -> list[dict[str, Any]]:
    return [{"header": ["violation"], "rows": [[problem[:400]] for problem in problems]}] if problems else []


def _counted(effects: list[str]) -> str:
    return ", ".join(f"{name} {effects.count(name)}" for name in dict.fromkeys(effects))
