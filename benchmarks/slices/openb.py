"""Reads a production trace in the form of Alibaba's cluster-trace-gpu-v2023 ("openb")."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.chance import stream
from gpu_capacity.placement.slices import GPUS_PER_NODE_MAX, SLICE_SIZES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Task:
    """``gpus`` GPUs of one node from ``arrival`` on, for ``holding``; in seconds."""

    arrival: float
    gpus: int
    holding: float


def read_nodes(path: Path) -> int:
    """Count the nodes of the list with eight GPUs."""
    with path.open(newline="") as file:
        return sum(int(row["gpu"]) == GPUS_PER_NODE_MAX for row in csv.DictReader(file))


def read_tasks(path: Path) -> list[Task]:
    """Return the tasks that ran on GPUs, by arrival.

    A share of a GPU counts as a whole one, a number between slices as the next larger slice. Tasks without
    GPUs, tasks that were never scheduled and tasks without duration are omitted.
    """
    tasks = []
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            wanted = int(row["num_gpu"])
            if not 0 < wanted <= GPUS_PER_NODE_MAX or not row["scheduled_time"] or not row["deletion_time"]:
                continue
            holding = float(row["deletion_time"]) - float(row["scheduled_time"])
            if holding > 0:
                gpus = next(size for size in SLICE_SIZES if size >= wanted)
                tasks.append(Task(float(row["creation_time"]), gpus, holding))
    return sorted(tasks, key=lambda task: task.arrival)


def busy_window(tasks: Sequence[Task]) -> tuple[float, float]:
    """Return (begin, end) of the time in which all but the first and last hundredth of the tasks arrive."""
    cut = len(tasks) // 100
    return tasks[cut].arrival, tasks[-1 - cut].arrival


def mean_demand(tasks: Sequence[Task], begin: float, end: float) -> float:
    """Return the mean number of GPUs in demand at the same time within a window."""
    return sum(
        task.gpus * max(0.0, min(task.arrival + task.holding, end) - max(task.arrival, begin))
        for task in tasks
    ) / (end - begin)


def superposed(tasks: Sequence[Task], copies: int, seed: int) -> list[Task]:
    """Return several copies of the busy window, each rotated in time by a random offset.

    Keeps real sizes, durations and bursts for a larger cluster. Tasks that arrived before the window and
    still run in it arrive at its begin.
    """
    begin, end = busy_window(tasks)
    chance = stream("superposed", seed)
    result = []
    for _ in range(copies):
        turn = chance.random() * (end - begin)
        for task in tasks:
            left = task.arrival + task.holding - max(task.arrival, begin)
            if left > 0 and task.arrival < end:
                since = (max(task.arrival, begin) - begin + turn) % (end - begin)
                result.append(Task(since, task.gpus, left))
    return sorted(result, key=lambda task: (task.arrival, task.gpus, task.holding))
