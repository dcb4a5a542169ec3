"""Reads a trace in the Standard Workload Format, as whole units of a region.

One line a job, fields apart by blanks, ``-1`` for what is not known; of the 18 fields these are used: 2
the time of submission, 4 the run time (both in seconds), 5 the processors it got, 8 those it asked for. Lines
that begin with ``;`` are the header; ``; MaxProcs: 1024`` tells how many processors there were.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from benchmarks.quality.traces import Job, offered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SUFFIXES: Final = (".swf", ".swf.gz")


@dataclass(frozen=True, slots=True)
class Workload:
    """The jobs by arrival, in units and seconds.

    ``too_large`` is the share of all jobs that no pod could hold and that were left out;
    ``processors_per_unit`` how many processors were counted as one unit.
    """

    jobs: list[Job]
    too_large: float
    processors_per_unit: int


def is_swf(path: Path) -> bool:
    """By the name of the file."""
    return path.name.endswith(SUFFIXES)


def read_workload(path: Path, *, units: int, largest: int, jobs_max: int) -> Workload:
    """The first jobs of the trace, with the whole machine counted as so many units.

    Jobs of more than ``largest`` units are left out, and so are those without a run time or processors.

    Raises:
        ValueError: the header does not tell how many processors there were.
    """
    processors = None
    jobs: list[Job] = []
    seen = 0
    for line in _lines(path):
        if line.startswith(";"):
            name, _, value = line.lstrip("; ").partition(":")
            processors = int(value) if name == "MaxProcs" else processors
            continue
        fields = line.split()
        if len(fields) < 8 or len(jobs) == jobs_max:
            continue
        if processors is None:
            raise ValueError(f"{path.name} has no header MaxProcs")
        seconds = float(fields[3])
        wanted = max(int(fields[4]), int(fields[7]))
        if seconds > 0 and wanted > 0:
            seen += 1
            size = -(-wanted // max(processors // units, 1))
            if size <= largest:
                jobs.append(Job(float(fields[1]), size, seconds))
    if processors is None or not jobs:
        raise ValueError(f"{path.name} has no jobs, or no header MaxProcs")
    jobs.sort(key=lambda job: job.arrival)
    return Workload(jobs, 1 - len(jobs) / seen, max(processors // units, 1))


def at_load(jobs: Sequence[Job], *, units: int, load: float) -> list[Job]:
    """The same jobs closer together or further apart, so that they offer that share of the capacity."""
    span = jobs[-1].arrival - jobs[0].arrival
    factor = offered(jobs) / (load * units) / span
    return [replace(job, arrival=(job.arrival - jobs[0].arrival) * factor) for job in jobs]


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        for line in file:
            if line.strip():
                yield line.strip()
