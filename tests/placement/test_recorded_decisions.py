"""Recorded decisions: the same seed gives the same result after every change of the code.

A failed simulation and a booking of last month can both be explained by their seed alone. If a decision is
changed on purpose, record it here again.
"""

from __future__ import annotations

import pytest

from gpu_capacity.placement.choose import place
from gpu_capacity.placement.hosts import HostDomain, HostRequest, RoundBudget, place_hosts
from gpu_capacity.placement.model import Placement, Request
from tests.placement.lines import line

PODS = line("...c....", "..c..", "....c...", "........")
HOSTS = [
    HostDomain(pod_id, position, usable=0b1111, owned=owned, sellable=owned != 0b1000)
    for pod_id, owners in (("a", (1, 0, 0, 0)), ("b", (1, 0, 0, 3)), ("c", (1, 3, 0)), ("d", (0, 0, 0, 0)))
    for position, owned in enumerate(owners)
]
SEED = 0x1234_5678_9ABC_DEF0


def _unit_places(count: int, attempt: int) -> str:
    """The pod number and position that each of twelve seeds chooses."""
    found = []
    for step in range(12):
        decision = place(PODS, Request(count, SEED + step, attempt))
        assert isinstance(decision, Placement)
        found.append(f"{int(decision.pod_id[1:])}:{decision.start}")
    return " ".join(found)


def _host_places(count: int, attempt: int) -> str:
    """The domains that each of four seeds takes hosts from, in order."""
    budget = RoundBudget(pods=9, domains=9, domains_per_pod=9)
    return " ".join(
        ",".join(
            f"{g.pod_id}{g.position}"
            for g in place_hosts(HOSTS, HostRequest(count, budget, SEED + step, attempt))
        )
        for step in range(4)
    )


@pytest.mark.parametrize(
    ("count", "attempt", "places"),
    [
        (1, 0, "1:0 1:4 1:0 1:0 1:0 1:0 1:0 1:0 1:4 1:0 1:4 1:0"),
        (1, 1, "0:4 1:4 3:5 1:4 2:2 2:7 1:3 0:1 2:0 2:5 1:4 1:4"),
        (1, 3, "2:6 0:0 1:1 3:5 1:1 2:7 1:3 2:3 1:4 1:1 3:2 1:4"),
        (2, 0, "1:0 1:3 1:0 1:0 1:0 1:0 1:0 1:0 1:3 1:0 1:3 1:0"),
        (2, 1, "0:4 1:3 3:2 1:3 2:0 2:5 1:3 0:0 2:0 2:6 1:3 1:3"),
        (3, 0, "0:0 2:5 0:0 0:0 0:0 0:0 0:0 0:0 2:5 0:0 2:5 0:0"),
        (3, 2, "2:5 3:0 2:5 0:0 2:5 3:0 3:5 2:1 3:2 2:1 0:4 0:0"),
    ],
)
def test_a_seed_chooses_the_recorded_units(count: int, attempt: int, places: str) -> None:
    assert _unit_places(count, attempt) == places


@pytest.mark.parametrize(
    ("count", "attempt", "places"),
    [
        (5, 0, "c1,b3,c0 b3,c1,b0 c1,b3,c0 b3,c1,b0"),
        (
            12,
            0,
            "c1,b3,c0,b0,a0 b3,c1,b0,c0,a0 c1,b3,c0,b0,a0 b3,c1,b0,c0,a0",
        ),
        (
            18,
            0,
            "c1,b3,c0,b0,a0,b1,b2 b3,c1,b0,c0,a0,b2,b1 c1,b3,c0,b0,a0,b1,b2 b3,c1,b0,c0,a0,b1,b2",
        ),
        (5, 1, "c0,c1 a0,c0 b0,b3 b0,b3"),
        (
            14,
            2,
            "a0,c0,c1,b0,b3,c2 b0,b3,a0,c0,c1,c2 c0,c1,b0,b3,a0,c2 c0,c1,a0,b0,b3,c2",
        ),
    ],
)
def test_a_seed_chooses_the_recorded_hosts(count: int, attempt: int, places: str) -> None:
    assert _host_places(count, attempt) == places


def test_without_an_attempt_the_first_try_is_meant() -> None:
    assert Request(2, seed=1) == Request(2, seed=1, attempt=0)
    budget = RoundBudget(1, 1, 1)
    assert HostRequest(2, budget, seed=1) == HostRequest(2, budget, seed=1, attempt=0)
