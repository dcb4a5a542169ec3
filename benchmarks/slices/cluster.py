"""Replays tasks on nodes of eight GPUs."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.slices.policies import (
    FragmentationGradient,
    any_node,
    best_slice,
    fragmentation,
    fullest_node,
    keep_largest,
    lowest_slice,
)
from gpu_capacity.placement.slices import slice_mask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.slices.openb import Task
    from benchmarks.slices.policies import Pick, Rank

WHOLE_NODE = 0xFF


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy: rank of nodes, choice of a slice, and choice among equal nodes (random or lowest)."""

    rank: Rank
    pick: Pick
    drawn: bool = False


def rules(popularity: Mapping[int, float]) -> dict[str, Rule]:
    """Every policy by name."""
    gradient = FragmentationGradient(popularity)
    return {
        "this rule": Rule(keep_largest, best_slice),
        "best fit": Rule(fullest_node, lowest_slice),
        "first fit": Rule(any_node, lowest_slice),
        "random": Rule(any_node, lowest_slice, drawn=True),
        "fragmentation gradient": Rule(gradient.rank, gradient.pick),
    }


class Cluster:
    """Nodes grouped by their free GPUs."""

    def __init__(self, nodes: int, rule: Rule) -> None:
        self._rule = rule
        self._free = [WHOLE_NODE] * nodes
        self._groups: dict[int, set[int]] = {WHOLE_NODE: set(range(nodes))}

    def place(self, size: int, draw: int) -> tuple[int, int] | None:
        """(node, mask of GPUs), or ``None``."""
        node = self._drawn(size, draw) if self._rule.drawn else self._ranked(size)
        if node is None:
            return None
        taken = slice_mask(self._rule.pick(self._free[node], size), size)
        self._move(node, self._free[node] & ~taken)
        return node, taken

    def release(self, node: int, taken: int) -> None:
        """Release GPUs."""
        self._move(node, self._free[node] | taken)

    def free_gpus(self) -> int:
        """Free GPUs of all nodes."""
        return sum(mask.bit_count() * len(group) for mask, group in self._groups.items())

    def fragmented(self, popularity: Mapping[int, float]) -> float:
        """Return the expected number of GPUs that a random task of the workload could not use."""
        return sum(fragmentation(mask, popularity) * len(group) for mask, group in self._groups.items())

    def _ranked(self, size: int) -> int | None:
        best: tuple[float, ...] | None = None
        masks: list[int] = []
        for mask, group in self._groups.items():
            rank = self._rule.rank(mask, size) if group else None
            if rank is None or (best is not None and rank > best):
                continue
            masks = [*masks, mask] if rank == best else [mask]
            best = rank
        return min((min(self._groups[mask]) for mask in masks), default=None)

    def _drawn(self, size: int, draw: int) -> int | None:
        masks = sorted(
            m for m, group in self._groups.items() if group and self._rule.rank(m, size) is not None
        )
        at = draw % max(sum(len(self._groups[mask]) for mask in masks), 1)
        for mask in masks:
            if at < len(self._groups[mask]):
                return sorted(self._groups[mask])[at]
            at -= len(self._groups[mask])
        return None

    def _move(self, node: int, free: int) -> None:
        self._groups[self._free[node]].discard(node)
        self._free[node] = free
        self._groups.setdefault(free, set()).add(node)


@dataclass(frozen=True, slots=True)
class Served:
    """The result of a replay; work in GPU-seconds, fragmentation as a share of the free GPUs."""

    offered: float
    accepted: float
    whole_nodes_offered: float
    whole_nodes_accepted: float
    fragmentation: float


def serve(tasks: Sequence[Task], nodes: int, rule: Rule, popularity: Mapping[int, float]) -> Served:
    """Place every task at its arrival or reject it."""
    cluster = Cluster(nodes, rule)
    ends: list[tuple[float, int, int, int]] = []
    offered = accepted = big = big_accepted = 0.0
    shares = []
    for number, task in enumerate(tasks):
        while ends and ends[0][0] <= task.arrival:
            _, _, node, taken = heapq.heappop(ends)
            cluster.release(node, taken)
        work = task.gpus * task.holding
        placed = cluster.place(task.gpus, number * 0x9E3779B97F4A7C15)
        offered += work
        big += work * (task.gpus == 8)
        if placed is not None:
            accepted += work
            big_accepted += work * (task.gpus == 8)
            heapq.heappush(ends, (task.arrival + task.holding, number, *placed))
        if number % 100 == 0 and (free := cluster.free_gpus()):
            shares.append(cluster.fragmented(popularity) / free)
    return Served(offered, accepted, big, big_accepted, sum(shares) / len(shares) if shares else 0.0)


def inflate(
    tasks: Sequence[Task], nodes: int, rule: Rule, popularity: Mapping[int, float]
) -> list[tuple[float, float, float]]:
    """Run the paper's experiment: tasks arrive and stay until the demand exceeds the capacity.

    Returns (demand, allocated, fragmented), each as a share of all GPUs, at every twentieth of the demand.
    """
    cluster = Cluster(nodes, rule)
    gpus = nodes * 8
    demand = allocated = 0
    rows = []
    for number, task in enumerate(tasks):
        demand += task.gpus
        if cluster.place(task.gpus, number * 0x9E3779B97F4A7C15) is not None:
            allocated += task.gpus
        if demand * 20 // gpus > (demand - task.gpus) * 20 // gpus:
            rows.append((demand / gpus, allocated / gpus, cluster.fragmented(popularity) / gpus))
        if demand >= 1.2 * gpus:
            break
    return rows
