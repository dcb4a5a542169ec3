"""The same faults under reservations of a Slurm controller, which replaces nodes that go down.

Slurm's ``topology/block`` came with version 23.11. An older controller has ``topology/tree``: a switch stands
for a rack. Nodes do not exist, so nothing boots: what is measured is the decision.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from benchmarks.healing.faults import FAULTS_A_MINUTE, HOSTS, RACKS, REPAIR_MINUTES, SPARE
from benchmarks.peers.slurm import Slurm

if TYPE_CHECKING:
    from pathlib import Path

SECONDS_MAX: Final = 30.0
"""When a replacement is given up: Slurm looks every 10 s."""

POLL_SECONDS: Final = 0.25


@dataclass(slots=True)
class Replaced:
    """What became of faults. ``seconds`` are from each fault until its node was replaced.

    ``in_rack`` stayed in the rack, ``in_order`` in another rack that the reservation had nodes of.
    """

    faults: int = 0
    in_rack: int = 0
    in_order: int = 0
    outside: int = 0
    seconds: list[float] = field(default_factory=list)


def run(folder: Path, faults: int, orders: int, seed: int = 1) -> Replaced:
    """Let nodes fail under full reservations, some at a time, until there were so many faults.

    Raises:
        AssertionError: the controller does not start, or does not reserve.
    """
    draw = random.Random(seed)  # noqa: S311 - no secret
    outcome = Replaced()
    broken: list[list[str]] = []
    with Slurm(folder, orders * RACKS, HOSTS) as slurm:
        names = [f"order{number:03}" for number in range(orders)]
        for name in names:
            assert slurm.reserve(name, RACKS * (HOSTS - SPARE), replaces=True), "Slurm does not reserve"
        while outcome.faults < faults:
            wanted = min(FAULTS_A_MINUTE, faults - outcome.faults)
            struck = {}
            for name in draw.sample(names, min(wanted, orders)):
                before = slurm.nodes_of(name)
                struck[name] = (draw.choice(before), before)
            _strike(slurm, struck, outcome)
            broken.append([node for node, _ in struck.values()])
            while len(broken) > REPAIR_MINUTES:
                for node in broken.pop(0):
                    slurm.bring_back(node)
    return outcome


def _strike(slurm: Slurm, struck: dict[str, tuple[str, list[str]]], outcome: Replaced) -> None:
    """Take a node of each of these reservations down, and wait until each has another one."""
    began = time.monotonic()
    for node, _ in struck.values():
        slurm.fail(node)
    outcome.faults += len(struck)
    waiting = dict(struck)
    while waiting and time.monotonic() < began + SECONDS_MAX:
        time.sleep(POLL_SECONDS)
        for name, (node, before) in list(waiting.items()):
            new = set(slurm.nodes_of(name)) - set(before)
            if not new:
                continue
            outcome.seconds.append(time.monotonic() - began)
            racks = {_rack(one) for one in new}
            if _rack(node) in racks:
                outcome.in_rack += 1
            elif racks & {_rack(one) for one in before}:
                outcome.in_order += 1
            else:
                outcome.outside += 1
            del waiting[name]


def _rack(node: str) -> str:
    """The switch of a node ``p<rack>n<position>``."""
    return node.split("n", maxsplit=1)[0]
