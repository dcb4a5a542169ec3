"""What any policy is held against: an exact loss formula, and a bound that knows the future."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.quality.traces import Job


def kaufman_roberts(units: int, offered: Mapping[int, float]) -> dict[int, float]:
    """Exact blocking probability by size, when any free units will do.

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
    """Accepted work over offered work, when any free units will do."""
    blocked = kaufman_roberts(units, offered)
    work = sum(arrivals * size for size, arrivals in offered.items())
    return sum(arrivals * size * (1 - blocked[size]) for size, arrivals in offered.items()) / work


def clairvoyant_bound(trace: Sequence[Job], units: int) -> float:
    """No policy, not even one that knows the future, accepts more work than this.

    A linear program: each job is accepted to a share between 0 and 1, and at every arrival the units in use
    are at most all there are. Contiguity, pods and whole jobs are given up, so it is an upper bound.
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
    """Imported late: only this part needs it, and the tests run without."""
    from scipy import optimize, sparse  # noqa: PLC0415 - see above

    return optimize, sparse
