"""The results of the explorations as a section of ``docs/proof.md``."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from proof.protocol.holes import HOLES, TRACES
from proof.protocol.rules import NOT_NEEDED, RULES
from proof.protocol.scenarios import SCENARIOS
from tools.reporting import page
from tools.reporting.results import Section, save

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proof.protocol.explore import Found

_TEXT: Final = (
    """\
A model of how a holder is written: record first, then own, then settle, each by single conditional
writes. It explores every order of the steps of the processes of a scenario (`python -m proof.protocol`,
`--drop RULE` to leave a rule out). `make test` explores the small scenarios, and every rule left out.""",
    """\
Only the number of concurrent processes and the size of the pod are bounded. A process may die at any step
and begin again; a write may be answered, or applied without an answer, or applied at any later time, or
twice; the number of lives of an id, of moves, of withdrawals and of holders of parts is unlimited. No
timing is assumed: a take-over, a reconcile, a retry may come at any moment. The protocol keeps the number
of states small: an overwritten stamp, a revision and a life never return, so only current values matter.
`tests/proof/test_protocol_keys.py` tests that states which are merged behave alike, and that merging loses
no state. A request whose put is applied late equals a slow worker, so two workers cover any number of
which one is working and one is late.""",
    """\
Violations in any state: a settled record owns nothing; a record was acknowledged, not deleted, and is gone;
a run is owned that no record names; a domain is owned twice; a part differs from its record; a withdrawn
domain is owned. Violations when no process has anything left to do: a record is still claiming or being
deleted, or names or owns more than its placement.""",
)

_OPEN: Final = """\
Not needed: {steps}. The model does not have quotas, queues of waiting claims, GPUs of a host, and pods that
are removed and created again (their topology version must not restart)."""


def report(jobs: int) -> int:
    """Explore everything and write results and page; return 1 if a scenario has a violation."""
    explored = section(jobs)
    save("protocol", explored)
    page.write()
    wrong = [row for row in explored.tables[0]["rows"] if row[-1] != "nothing"]
    print(*[" ".join(map(str, row)) for row in explored.tables[0]["rows"]], sep="\n")
    return int(bool(wrong))


def section(jobs: int) -> Section:
    """Explore everything."""
    tasks = [(name, "") for name in SCENARIOS] + [(TRACES[rule].scenario, rule) for rule in RULES]
    with ProcessPoolExecutor(jobs) as pool:
        results = dict(zip(tasks, pool.map(_explore, tasks), strict=True))
    scenarios = [[f"`{name}`", SCENARIOS[name].about, *_told(*results[name, ""])] for name in SCENARIOS]
    traces = [_trace(rule, results[TRACES[rule].scenario, rule][0]) for rule in RULES]
    steps = "; ".join(NOT_NEEDED.values())
    shown = sum(row[-1] == TRACES[rule].problem for rule, row in zip(RULES, traces, strict=True))
    return Section(
        "The protocol of holders, as a model",
        5,
        text=[*_TEXT, _OPEN.format(steps=steps)],
        figures={
            "scenarios": len(scenarios),
            "states": sum(row[2] for row in scenarios),
            "scenarios with a violation": sum(row[-1] != "nothing" for row in scenarios),
            "rules that show a violation when left out": f"{shown} of {len(RULES)}",
        },
        tables=[
            {"header": ["scenario", "what", "states", "seconds", "violation"], "rows": scenarios},
            {"header": ["rule", "what", "left out in", "steps", "violation"], "rows": traces},
            {"header": ["defect", "what", "prevented by"], "rows": list(holes())},
        ],
        version=version(),
    )


def holes() -> Iterator[list[Any]]:
    """Yield a row for each known defect and what prevents it."""
    for name, hole in HOLES.items():
        shown = ", ".join(f"`{rule}` ({TRACES[rule].steps} steps)" for rule in hole.rules)
        yield [name, hole.about, "; ".join(part for part in (shown, hole.why) if part)]


def version() -> str:
    """Return twelve hex digits that change with the model."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _explore(task: tuple[str, str]) -> tuple[Found, float]:
    name, dropped = task
    began = time.process_time()
    found = SCENARIOS[name].run(frozenset({dropped} if dropped else ()))
    return found, time.process_time() - began


def _told(found: Found, seconds: float) -> list[Any]:
    return [
        found.states,
        f"{seconds:.1f}",
        found.problem or ("nothing" if found.complete else "not finished"),
    ]


def _trace(rule: str, found: Found) -> list[Any]:
    shown = TRACES[rule]
    return [f"`{rule}`", RULES[rule], f"`{shown.scenario}`", len(found.trace), found.problem or "nothing"]
