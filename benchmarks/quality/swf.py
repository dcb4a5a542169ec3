"""Reads a trace in the Standard Workload Format, as whole units of a region.

One line per job, fields separated by blanks, ``-1`` for unknown. Of the 18 fields these are used: 2 time of
submission, 4 run time (both in seconds), 5 allocated processors, 8 requested processors. Lines that begin
with ``;`` are the header; ``; MaxProcs: 1024`` has the number of processors of the machine.
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

    ``too_large`` is the share of jobs that are larger than a pod and were omitted; ``processors_per_unit``
    the number of processors that count as one unit.
    """

    jobs: list[Job]
    too_large: float
    processors_per_unit: int


def is_swf(path: Path) -> bool:
    """Whether the name of the file is that of a trace in this format."""
    return path.name.endswith(SUFFIXES)


def read_workload(path: Path, *, units: int, largest: int, jobs_max: int) -> Workload:
    """Return the first jobs of the trace, with the whole machine as that many units.

    Jobs of more than ``largest`` units are omitted, and so are those without a run time or processors.

    Raises:
        ValueError: the header does not have the number of processors.
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
    """Return the same jobs with arrivals scaled in time, so that they offer that share of the capacity."""
    span = jobs[-1].arrival - jobs[0].arrival
    factor = offered(jobs) / (load * units) / span
    return [replace(job, arrival=(job.arrival - jobs[0].arrival) * factor) for job in jobs]


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        for line in file:
            if line.strip():
                yield line.strip()
