"""References for policies: an exact loss formula, and a bound with knowledge of the whole trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.quality.traces import Job


def kaufman_roberts(units: int, offered: Mapping[int, float]) -> dict[int, float]:
    """Return the exact blocking probability by size if any free units may be used.

    ``offered`` is arrivals per mean holding time, by size. Arrivals are Poisson; the distribution of the
    holding times does not matter. The recursion over the occupancy is ``j q(j) = sum a_k b_k q(j - b_k)``.
    """
    occupancy = [1.0]
    for used in range(1, units + 1):
        flow = sum(
            arrivals * size * occupancy[used - size] for size, arrivals in offered.items() if size <= used
        )
        occupancy.append(flow / used)
    total = sum(occupancy)
    return {size: sum(occupancy[max(units - size + 1, 0) :]) / total for size in offered}


def carried_share(units: int, offered: Mapping[int, float]) -> float:
    """Return accepted over offered work if any free units may be used."""
    blocked = kaufman_roberts(units, offered)
    work = sum(arrivals * size for size, arrivals in offered.items())
    return sum(arrivals * size * (1 - blocked[size]) for size, arrivals in offered.items()) / work


def clairvoyant_bound(trace: Sequence[Job], units: int) -> float:
    """Return an upper bound of the accepted work for any policy, even with knowledge of the whole trace.

    A linear program: each job is accepted to a share between 0 and 1, and at every arrival the units in use
    do not exceed the capacity. It ignores contiguity, pods and whole jobs.
    """
    optimize, sparse = _scipy()
    order = sorted(trace, key=lambda job: job.arrival)
    rows: list[int] = []
    columns: list[int] = []
    sizes: list[float] = []
    running: list[tuple[float, int]] = []
    for row, job in enumerate(order):
        running = [(end, column) for end, column in running if end > job.arrival]
        running.append((job.arrival + job.holding, row))
        rows.extend([row] * len(running))
        columns.extend(column for _, column in running)
        sizes.extend(float(order[column].size) for _, column in running)
    jobs = len(order)
    used = sparse.csr_matrix((sizes, (rows, columns)), shape=(jobs, jobs))
    solved = optimize.linprog(
        [-job.work for job in order], A_ub=used, b_ub=[float(units)] * jobs, bounds=(0, 1), method="highs"
    )
    assert solved.status == 0, solved.message
    return -float(solved.fun)


def _scipy() -> tuple[Any, Any]:
    """Import the library late: only this part needs it, and tests run without it."""
    from scipy import optimize, sparse  # noqa: PLC0415 - see above

    return optimize, sparse
