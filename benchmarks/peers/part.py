"""Part 7: results of Slurm and OpenStack Placement on the same trace, if they are installed."""

from __future__ import annotations

import heapq
import json
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from benchmarks.peers.slurm import Slurm, is_contiguous
from benchmarks.quality.policies import POLICIES, Layout
from benchmarks.quality.replay import replay
from benchmarks.quality.traces import MIXES, offered, poisson_trace
from benchmarks.report import Section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from benchmarks.options import Options
    from benchmarks.quality.traces import Job

PODS: Final = 20
LENGTH: Final = 18
LOADS: Final = (0.8, 1.0)
COMPARED: Final = ("this chooser", "any units in one pod")
SCRIPTS: Final = "benchmarks/peers"
SERVICE: Final = Path(__file__).with_name("placement_service.py")


@dataclass(frozen=True, slots=True)
class Standing:
    """The result of a peer for a trace.

    ``accepted`` is the work of the accepted jobs, ``contiguous`` the part of it on contiguous units of one
    pod; ``None`` if the peer has no positions. ``wrong`` counts requests that were granted with another
    number of units than requested, and released. ``rates`` are requests per second, by kind.
    """

    accepted: float
    contiguous: float | None
    wrong: int
    rates: Mapping[str, float]


Run: TypeAlias = "Callable[[Path, Sequence[Job]], Standing]"


@dataclass(frozen=True, slots=True)
class Peer:
    """How to replay a trace against a peer, and the number of jobs for full and quick runs."""

    run: Run
    jobs: int
    jobs_quick: int


def measure(options: Options) -> Section:
    """Measure every installed peer, and name the others. Also writes the result to its folder as JSON."""
    section = Section("Peers on the same trace")
    rows: list[tuple[str, ...]] = []
    for name, peer in PEERS.items():
        folder = options.peers / name
        if not (folder / "version").is_file():
            section.not_measured(f"{name} is not set up here (`sh {SCRIPTS}/{name}.sh`)")
            continue
        version = (folder / "version").read_text().strip()
        standings = {}
        for load in LOADS:
            trace = beginning(load, options.sized(peer.jobs, peer.jobs_quick))
            standings[load] = peer.run(folder, trace)
            rows.append(_row(version, load, trace, standings[load]))
            _, _, jobs, share, ours, _, contiguous, *_ = rows[-1]
            section.figure(
                f"{version}, load {load}, {jobs} jobs: accepted work (of it contiguous)",
                f"{share} ({contiguous})",
                f"{ours} (100%), this chooser",
                detail=load != min(standings),
            )
        found = {"version": version, "by_load": {load: asdict(one) for load, one in standings.items()}}
        (folder / "outcome.json").write_text(json.dumps(found, indent=1) + "\n")
    section.measured = bool(rows)
    if rows:
        section.text(EXPLANATION + " " + SET_UP)
        section.table(
            (
                "peer",
                "load",
                "jobs",
                "accepted share of the work",
                *(f"{name}, same jobs" for name in COMPARED),
                "of the accepted, contiguous",
                "granted with a wrong count",
                "requests/s",
            ),
            rows,
        )
    return section


def beginning(load: float, jobs: int) -> list[Job]:
    """Return the first jobs of the placement part's first trace of mixed sizes."""
    return poisson_trace(MIXES["mixed"], units=PODS * LENGTH, load=load, jobs=jobs, seed=0)


def events(trace: Sequence[Job]) -> Iterator[tuple[str, int, int]]:
    """Return claims and releases in the order of time: ("claim" or "release", number of the job, size)."""
    ends: list[tuple[float, int]] = []
    for number, job in enumerate(trace):
        while ends and ends[0][0] <= job.arrival:
            ended = heapq.heappop(ends)[1]
            yield "release", ended, trace[ended].size
        yield "claim", number, job.size
        heapq.heappush(ends, (job.arrival + job.holding, number))


def run_slurm(folder: Path, trace: Sequence[Job]) -> Standing:
    """Reserve nodes in Slurm. Each reservation is checked: the controller may give fewer nodes."""
    contiguous: dict[int, bool] = {}
    wrong = asked = 0
    seconds = 0.0
    with Slurm(folder, PODS, LENGTH) as slurm:
        for kind, number, size in events(trace):
            name = f"job{number}"
            if kind == "release":
                if number in contiguous:
                    slurm.release(name)
                continue
            asked += 1
            began = time.perf_counter()
            created = slurm.reserve(name, size)
            seconds += time.perf_counter() - began
            nodes = slurm.nodes_of(name) if created else []
            if len(nodes) == size:
                contiguous[number] = is_contiguous(nodes)
            elif created:
                wrong += 1
                slurm.release(name)
    return Standing(
        _work(trace, contiguous),
        _work(trace, (number for number, whole in contiguous.items() if whole)),
        wrong,
        {"reservations": asked / seconds},
    )


def run_placement(folder: Path, trace: Sequence[Job]) -> Standing:
    """Request candidates and claim them, in the peer's own interpreter."""
    asked = {"pods": PODS, "length": LENGTH, "events": list(events(trace))}
    done = subprocess.run(  # noqa: S603 - the interpreter that the script made
        [str(folder / "venv" / "bin" / "python"), str(SERVICE), str(folder)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    outcome = json.loads((folder / "replayed.json").read_text())
    rates = {what: outcome[what] / outcome[f"{what}_seconds"] for what in ("candidates", "claims")}
    return Standing(_work(trace, outcome["accepted"]), None, 0, rates)


PEERS: Final[Mapping[str, Peer]] = {
    "slurm": Peer(run_slurm, jobs=2000, jobs_quick=100),
    "placement": Peer(run_placement, jobs=500, jobs_quick=30),
}

EXPLANATION: Final = (
    f"{PODS} pods of {LENGTH}, mixed sizes, the beginning of a trace; the region is still filling up in the "
    "first few hundred jobs. *Slurm*: the controller alone, nodes in state CLOUD, a switch a pod, advance "
    "reservations by node count through one `scontrol`; it prefers nodes of one switch, but promises neither "
    "one pod nor neighbours. *Placement*: a resource provider a pod, the first candidate claimed, SQLite, "
    "called in process; it counts units and knows no positions. Requests are sent one after another. A "
    "claim of Slurm's is kept in memory, one of Placement's in SQLite, and this project's, under "
    "*Contention*, in DynamoDB in virtual time: the rates tell orders of magnitude and no more."
)


SET_UP: Final = "They are set up by " + " and ".join(f"`sh {SCRIPTS}/{name}.sh`" for name in PEERS) + "."


def _row(version: str, load: float, trace: Sequence[Job], one: Standing) -> tuple[str, ...]:
    layout, work = Layout.of(PODS, LENGTH), offered(trace)
    return (
        version,
        str(load),
        f"{len(trace):,}",
        f"{one.accepted / work:.3f}",
        *(f"{replay(layout, POLICIES[name](layout), trace).share:.3f}" for name in COMPARED),
        "cannot say" if one.contiguous is None else f"{one.contiguous / max(one.accepted, 1e-9):.1%}",
        str(one.wrong),
        ", ".join(f"{rate:,.0f} {what}" for what, rate in one.rates.items()),
    )


def _work(trace: Sequence[Job], numbers: Iterable[int]) -> float:
    return sum(trace[number].work for number in numbers)
