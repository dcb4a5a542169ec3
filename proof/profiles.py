"""The kind of run that a seed is: how contended, how faulty, with how many clients and how much hardware."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from proof.fleet import CHICAGO, LONDON

if TYPE_CHECKING:
    from random import Random

    from proof.fleet import Shape

SHAPES: Final[tuple[Shape, ...]] = (
    {LONDON: {"lon1": 4, "lon2": 3}, CHICAGO: {"chi1": 3}},
    {LONDON: {"lon1": 2, "lon2": 2, "lon3": 2}, CHICAGO: {"chi1": 2}},
    {LONDON: {"lon1": 6}, CHICAGO: {"chi1": 1}},
)
SMALL_SHAPES: Final[tuple[Shape, ...]] = (
    {LONDON: {"lon1": 3}, CHICAGO: {"chi1": 1}},
    {LONDON: {"lon1": 2, "lon2": 2}},
)
NODES: Final[tuple[Shape, ...]] = (
    {LONDON: {"lon9": 1}},
    {LONDON: {"lon9": 2}},
    {LONDON: {"lon9": 1}, CHICAGO: {"chi9": 1}},
    {},
    {},
)


@dataclass(frozen=True, slots=True)
class Profile:
    """The parameters of a run. Durations are in milliseconds unless the name has a unit; shares are of calls.

    Attributes:
        shape, nodes: racks, and nodes of eight GPUs, by region and pod.
        share: the probability of a fault.
        stickiness: the probability that the actor that ran last runs next.
        clients, operations: how many there are, and how much each does, at most.
        focus: 0 to 1; below a half clients use all APIs; above, it selects one API for all of them.
        thinking_ms: how long clients may wait between two operations.
        chaos_ms: how long faults may happen.
        every_ms: the intervals of reconcile, filler and sync.
        changes: how many changes of hardware there are between two syncs, at most.
        vms_every_ms: the intervals of the schedules that restart VMs, end terms and watch nodes.
        ready_seconds: how long a server takes to come up.
        grace_seconds: how long a record may be unsettled before reconcile handles it.
        notice_seconds: how long VMs keep running after their notice of preemption.
        start_seconds_max: the timeout of the start of a VM.
        limits: whether an organization has quotas.
        skewed: the share of environments with a skewed clock.
        patient: the share of environments whose client retries transient failures, as deployed ones do;
            in the others the stores see every fault.
    """

    shape: Shape
    nodes: Shape
    share: float
    stickiness: float
    clients: int
    operations: int
    focus: float
    thinking_ms: tuple[int, ...]
    chaos_ms: int
    every_ms: tuple[int, int, int]
    vms_every_ms: tuple[int, int, int]
    changes: int
    ready_seconds: int
    grace_seconds: int
    notice_seconds: int
    start_seconds_max: int
    limits: bool
    skewed: float
    patient: float


def draw_profile(draw: Random) -> Profile:
    """Draw the kind of a run: two of three are hot, with much contention.

    One of four is small: most bugs show with two or three clients on a few domains, and several small runs
    take no longer than a large one.
    """
    hot, small = draw.random() < 0.67, draw.random() < 0.25
    return Profile(
        shape=draw.choice(SMALL_SHAPES if small else SHAPES),
        nodes=draw.choice(NODES),
        share=draw.choice((0.0, 0.1, 0.18, 0.26, 0.35)),
        stickiness=draw.choice((0.0, 0.5, 0.9)),
        clients=draw.randrange(2, 4) if small else draw.randrange(2, 7),
        operations=draw.randrange(3, 6) if small else draw.randrange(3, 11),
        focus=draw.random(),
        thinking_ms=draw.choice(((0,), (0, 0, 40, 200), (0, 300, 3_000))) if hot else (0, 500, 4_000, 15_000),
        chaos_ms=30_000 if hot else 200_000,
        every_ms=draw.choice(((15_000, 12_000, 1_000), (20_000, 12_000, 4_000), (25_000, 20_000, 20_000)))
        if hot
        else (60_000, 120_000, 80_000),
        vms_every_ms=(9_000, 13_000, 7_000) if hot else (60_000, 90_000, 60_000),
        changes=draw.choice((1, 3, 6)),
        ready_seconds=draw.choice((0, 0, 1, 4)) if hot else 20,
        grace_seconds=draw.choice((2, 10)) if hot else 60,
        notice_seconds=draw.choice((0, 2, 8)) if hot else 30,
        start_seconds_max=draw.choice((20, 120)),
        limits=draw.random() < 0.7,
        skewed=draw.choice((0.0, 0.3)),
        patient=draw.choice((0.0, 0.3)),
    )
