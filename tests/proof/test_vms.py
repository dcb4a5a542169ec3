"""VM clients: rules report every contradiction, stories run as described, bugs leave no trace."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from proof import vm_stories
from proof.bugs import BUGS
from proof.ledger import Ledger
from proof.outcome import digest
from proof.sensitivity import detect
from proof.simulation import simulate
from proof.story import Story
from proof.vm_stage import prepared_nodes
from testkit.world import HOLDERS, SERVERS
from tools.reporting.results import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable


SEED = 4
"""One in which clients of all APIs are at the same nodes and racks."""

NOBODY = {"L": [{"S": "organization"}, {"S": "nobody"}]}


class Bench:
    """The nodes' stage with a ledger beside it."""

    def __init__(self) -> None:
        stage = prepared_nodes()
        self.problems: list[str] = []
        self.db = stage.db.copy()
        self.holders = stage.holders
        self.ledger = Ledger(lambda: 1, lambda: 1_780_000_100_000, lambda: None, self.problems.append)
        self.ledger.adopt(self.db.dump())
        self.db.watch(self.ledger)

    def change(self, name: str, **changes: Any) -> None:
        item = self.db.table(HOLDERS).get(self.holders[name])
        assert item is not None
        revision = {"N": str(int(item["revision"]["N"]) + 1)}
        merged = item | {"revision": revision} | changes
        kept = {attribute: value for attribute, value in merged.items() if value is not None}
        self.db.put_item(TableName=HOLDERS, Item=kept)

    def start(self, owner: str, host: str, gpus: int, **more: Any) -> None:
        item = {"pk": {"S": f"VMRUN#{owner}"}, "sk": {"S": "SERVER"}}
        place = {"host": {"S": host}, "gpus": {"N": str(gpus)}}
        self.db.put_item(TableName=SERVERS, Item=item | place | more)

    def identity(self, name: str) -> str:
        return self.holders[name][1].removeprefix("VM#")


def test_an_unchanged_stage_has_no_contradictions() -> None:
    bench = Bench()

    assert bench.problems == []
    assert {bench.ledger.records[key].status for key in bench.holders.values()} == {"running", "creating"}


def _runs_too_early(bench: Bench) -> None:
    owner = f"{bench.identity('newcomer')}-1"
    bench.start(owner, "lon9-node01-board", 255, ready_at={"N": "2000000000"})
    bench.change("newcomer", status={"S": "running"}, gpus={"N": "255"}, wants={"N": "0"}, waits_for=None)


def _is_interrupted_too_early(bench: Bench) -> None:
    bench.change("guest", preempt_at={"N": "2000000000"})
    bench.change("guest", status={"S": "interrupted"}, gpus={"N": "0"})


def _ends_too_early(bench: Bench) -> None:
    bench.change("leaving", rental_type={"S": "reserved"}, term_ends_at={"N": "2000000000"})
    bench.change("leaving", rental_type={"S": "on_demand"})


CONTRADICTIONS: dict[str, tuple[Callable[[Bench], object], str]] = {
    "part of a slice": (lambda b: b.change("leaving", gpus={"N": "15"}), "holds 0xf for 8"),
    "a slice across slices": (lambda b: b.change("guest", gpus={"N": "30"}), "holds 0x1e for 4"),
    "interrupted with GPUs": (lambda b: b.change("guest", status={"S": "interrupted"}), "still holds 0xf"),
    "notice without a preemptor": (
        lambda b: b.change("leaving", preempted_by=NOBODY),
        "does not wait for it",
    ),
    "preemptor without wants": (
        lambda b: b.change("newcomer", wants={"N": "0"}),
        "wants 0x0 and waits for",
    ),
    "waited for without notice": (
        lambda b: b.change("guest", preempted_by=None),
        "which still waits for it",
    ),
    "notice for a preemptor that does not wait": (
        lambda b: b.change("newcomer", wants={"N": "0"}, waits_for=None, failure={"S": "late"}),
        "which still has notice because of it",
    ),
    "at rest with a server": (
        lambda b: b.change("leaving", status={"S": "destroyed"}, gpus={"N": "0"}),
        "is settled, and [VmServer",
    ),
    "released under its server": (
        lambda b: b.change("leaving", status={"S": "stopping"}, gpus={"N": "0"}),
        "releases GPUs under its own server",
    ),
    "a record that disappeared": (
        lambda b: b.db.delete_item(
            TableName=HOLDERS,
            Key={"pk": {"S": b.holders["guest"][0]}, "sk": {"S": b.holders["guest"][1]}},
        ),
        "the record of a VM disappeared",
    ),
    "two servers on a GPU": (
        lambda b: b.start("another-1", "lon9-node01-board", 1),
        "was started on GPUs of the server of",
    ),
    "running before its server is up": (
        _runs_too_early,
        "is running without a server on its GPUs that is up",
    ),
    "interrupted within its notice": (_is_interrupted_too_early, "before its notice is over"),
    "a term that ends early": (_ends_too_early, "before its term ends"),
    "two servers of a VM": (
        lambda b: b.start(f"{b.identity('guest')}-2", "lon9-node00-board", 1),
        "was started beside that of",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_every_contradiction_is_reported(name: str) -> None:
    bench = Bench()
    contradict, problems = CONTRADICTIONS[name]
    contradict(bench)

    assert any(problems in problem for problem in bench.problems), bench.problems


STATUSES = {
    "life of a VM": ["creating", "starting", "running", "stopping", "stopped", "starting", "running"],
    "preemption": ["creating", "starting", "running", "interrupted", "starting", "running"],
    "failed start": ["creating", "starting", "failed"],
    "destroyed during its start": ["creating", "starting"],
    "lost node": ["creating", "starting", "running", "offline", "starting", "running"],
    "end of a term": ["creating", "starting", "running", "stopping", "stopped"],
}


@pytest.mark.parametrize("name", STATUSES)
def test_a_story_runs_as_described(name: str) -> None:
    story = Story(vm_stories.STORIES[name], {}, vm_stories.NODES)
    seen: dict[Any, list[str]] = {}

    def follow(changes: Any) -> None:
        story.ledger(changes)
        for key, record in story.ledger.records.items():
            statuses = seen.setdefault(key, [])
            if statuses[-1:] != [record.status]:
                statuses.append(record.status)

    story.cloud.db.watch(follow)
    story.run()

    assert story.violations == []
    assert next(iter(seen.values())) == [*STATUSES[name], "destroyed"]


def test_a_planted_bug_is_removed_completely() -> None:
    """Each stops in the middle of a run, with calls of the product in progress."""
    before = simulate(SEED, history=True).history
    for bug in BUGS:
        detect(bug, (SEED,))

    assert simulate(SEED, history=True).history == before


_LEAVE_A_TRACE = """
import sys
from proof.bugs import BUGS
from proof.planting import planted
from proof.outcome import digest
from proof.simulation import simulate
from testkit.workflow.definitions import steps

for bug in BUGS:
    with planted(bug):
        steps()
print(digest(simulate(42, history=True).history))
"""


def test_a_planted_bug_leaves_no_trace_in_a_process_that_has_loaded_nothing_else() -> None:
    done = subprocess.run(  # noqa: S603 - this interpreter, this repository
        [sys.executable, "-c", _LEAVE_A_TRACE],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'layers/shared'}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == digest(simulate(42, history=True).history)
