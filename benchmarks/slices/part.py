"""Part 3b: slices of nodes on a real trace, given by path."""

from __future__ import annotations

from collections import Counter
from statistics import fmean
from typing import TYPE_CHECKING, Final

from benchmarks.chance import stream
from benchmarks.plots import Plot, Series
from benchmarks.report import Section
from benchmarks.slices.cluster import inflate, rules, serve
from benchmarks.slices.openb import busy_window, mean_demand, read_nodes, read_tasks, superposed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.options import Options
    from benchmarks.slices.openb import Task

LOADS: Final = (0.8, 1.0)
OURS: Final = "this rule"
GRADIENT: Final = "fragmentation gradient"
HOUR: Final = 3600.0


def measure(options: Options) -> Section:
    """Run the part if a trace is given."""
    section = Section("Slices of nodes on a real trace")
    if options.nodes is None or options.trace is None or options.trace.suffix != ".csv":
        section.not_measured("give a node list and a trace (`make bench NODES=… TRACE=…`)")
        return section
    nodes, tasks = read_nodes(options.nodes), read_tasks(options.trace)
    popularity = _popularity(tasks)
    section.text(
        f"Trace openb (Alibaba, cluster-trace-gpu-v2023): {len(tasks):,} tasks that ran on GPUs, a share of "
        f"a GPU counted as a whole one; by size "
        + ", ".join(f"{size}: {share:.1%}" for size, share in sorted(popularity.items()))
        + ", of the GPU-hours "
        + ", ".join(f"{size}: {share:.1%}" for size, share in sorted(_shares_of_work(tasks).items()))
        + f". {nodes} of its nodes have 8 GPUs. A slice of 2, 4 or 8 GPUs stands at a multiple of its size, "
        "for every policy. *Fragmentation* is the share of the free GPUs that a task drawn from the trace "
        "could not use, as in the paper that published it."
    )
    _replays(section, tasks, popularity, options)
    _inflation(section, tasks, nodes, popularity, options)
    return section


def _popularity(tasks: Sequence[Task]) -> dict[int, float]:
    counted = Counter(task.gpus for task in tasks)
    return {size: times / len(tasks) for size, times in counted.items()}


def _shares_of_work(tasks: Sequence[Task]) -> dict[int, float]:
    work: Counter[int] = Counter()
    for task in tasks:
        work[task.gpus] += round(task.gpus * task.holding)
    return {size: done / work.total() for size, done in work.items()}


def _replays(
    section: Section, tasks: Sequence[Task], popularity: Mapping[int, float], options: Options
) -> None:
    copies, seeds = options.sized(8, 1), range(options.sized(3, 1))
    traces = [superposed(tasks, copies, seed) for seed in seeds]
    begin, end = busy_window(tasks)
    demand = copies * mean_demand(tasks, begin, end)
    rows = []
    shares: dict[tuple[float, str], float] = {}
    for load in LOADS:
        size = max(round(demand / load / 8), 1)
        for name, rule in rules(popularity).items():
            served = [serve(trace, size, rule, popularity) for trace in traces]
            shares[load, name] = fmean(s.accepted / s.offered for s in served)
            rows.append(
                (
                    load,
                    size,
                    name,
                    f"{fmean(s.accepted for s in served) / HOUR:,.0f}",
                    f"{shares[load, name]:.5f}",
                    f"{fmean(s.whole_nodes_accepted / max(s.whole_nodes_offered, 1.0) for s in served):.4f}",
                    f"{fmean(s.fragmentation for s in served):.3f}",
                )
            )
    section.text(
        f"As it happened: {copies} copies of the trace's busy {(end - begin) / HOUR:,.0f} hours, each turned "
        f"in time at random, with their own durations, {len(seeds)} seeds; on as many nodes as make the load."
    )
    section.table(
        ("load", "nodes", "policy", "accepted GPU-hours", "share", "share of 8-GPU work", "fragmentation"),
        rows,
    )
    for load in LOADS:
        _verdict(section, load, {name: share for (at, name), share in shares.items() if at == load})


def _verdict(section: Section, load: float, shares: Mapping[str, float]) -> None:
    """Compare with the gradient, and name the policies that accept more."""
    ours, other = shares[OURS], shares[GRADIENT]
    section.figure(
        f"accepted GPU-hours, share of the offered, load {load}",
        f"{ours:.5f}",
        f"{other:.5f} ({GRADIENT})",
        met=ours >= other,
    )
    ahead = {name: share for name, share in shares.items() if share > ours}
    if ahead:
        section.text(
            f"At load {load} more is accepted by "
            + ", ".join(f"{name} ({100 * (share - ours):.3f} points)" for name, share in ahead.items())
            + "."
        )


def _inflation(
    section: Section, tasks: Sequence[Task], nodes: int, popularity: Mapping[int, float], options: Options
) -> None:
    size = options.sized(nodes, min(nodes, 20))
    chance = stream("inflation")
    drawn = chance.choices(tasks, k=12 * size)
    curves = {name: inflate(drawn, size, rule, popularity) for name, rule in rules(popularity).items()}
    section.text(
        f"The paper's own experiment: tasks drawn from the trace fill {size} empty nodes and stay. At a "
        "demand of 100 % of the GPUs:"
    )
    at_full = {name: min(rows, key=lambda row: abs(row[0] - 1.0)) for name, rows in curves.items()}
    section.table(
        ("policy", "GPUs allocated", "GPUs free and of no use to the next task"),
        [(name, f"{row[1]:.2%}", f"{row[2]:.2%}") for name, row in at_full.items()],
    )
    Plot(
        "slice-fragmentation",
        "Fragmented GPUs while a cluster fills (openb)",
        "GPUs asked for / all GPUs",
        "fragmented GPUs / all GPUs",
        [
            Series(name, [round(r[0], 3) for r in rows], [round(r[2], 5) for r in rows])
            for name, rows in curves.items()
        ],
    ).write(options.plots)
    section.plot("slice-fragmentation", "Fragmented GPUs while a cluster fills")
