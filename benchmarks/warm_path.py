"""Part 6: database requests of a warm environment, and the processor time of the product's code."""

from __future__ import annotations

import io
import os
import time
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchmarks.contention import alone
from benchmarks.report import Section
from gpu_capacity.errors import InsufficientCapacity
from gpu_capacity.reservations.create import create_reservation
from testkit.world import World, caller, pod, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.options import Options
    from testkit.dynamodb import MemoryDynamoDB
    from testkit.handlers.stage import Stage

OPERATIONS: Final = ("get_item", "batch_get_item", "query", "put_item", "update_item", "transact_write_items")
LARGE_REGION: Final = "us-tex-1"


@dataclass
class Stopwatch:
    """Measures the processor time inside the database client."""

    inside: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)

    def attach(self, db: MemoryDynamoDB) -> None:
        """Measure every call from now on."""
        for operation in OPERATIONS:
            setattr(db, operation, self._timed(operation, getattr(db, operation)))

    def _timed(self, operation: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(**parameters: Any) -> Any:
            self.requests[operation] += 1
            began = time.thread_time()
            try:
                return call(**parameters)
            finally:
                self.inside += time.thread_time() - began

        return timed

    def own_seconds(self, work: Callable[[], object]) -> float:
        """Return the processor time (seconds) of some work outside of the client."""
        before, began = self.inside, time.thread_time()
        work()
        return time.thread_time() - began - (self.inside - before)


def requests_when_warm() -> Counter[str]:
    """Return the calls of one uncontended claim by a warm environment."""
    world = World(pods=(pod("pod1", 72, hosts=1),))
    create_reservation(world.services, caller(), request(1))
    before = Counter(world.db.requests)
    create_reservation(world.services, caller(), request(4))
    return Counter(world.db.requests) - before


def requests_of_a_refusal() -> Counter[str]:
    """Return the calls of a refusal by a warm environment, which has to read again before it refuses."""
    world = World(pods=(pod("pod1", 8, hosts=1),))
    create_reservation(world.services, caller(), request(1))
    before = Counter(world.db.requests)
    try:
        create_reservation(world.services, caller(), request(9))
    except InsufficientCapacity:
        return Counter(world.db.requests) - before
    raise AssertionError("nine of eight racks were accepted")


def use_case_seconds(rounds: int) -> float:
    """Return the median time (s) of `create_reservation` alone, over 16 pods of 8 racks with 18 hosts."""
    times = []
    for _ in range(-(-rounds // 100)):
        world = World(pods=tuple(pod(f"pod{n:02}", 8, hosts=18) for n in range(16)))
        watch = Stopwatch()
        watch.attach(world.db)
        for _ in range(20):
            create_reservation(world.services, caller(), request(1))
        reserve = partial(create_reservation, world.services, caller(), request(1))
        times += [watch.own_seconds(reserve) for _ in range(min(rounds, 100))]
    return median(times)


def handler_seconds(rounds: int) -> float:
    """Return the median time (s) of the handler: token, validation, use case, answer, logs and metrics."""
    # Imported here, because only the environments of tests and benchmarks have these packages.
    import pytest  # noqa: PLC0415 - see above

    from testkit.handlers import arrangements  # noqa: PLC0415 - see above
    from testkit.handlers.stage import Stage  # noqa: PLC0415 - see above

    # Logs and metrics go to stdout; writing them is part of the measurement.
    with redirect_stdout(io.StringIO()), pytest.MonkeyPatch.context() as patches:
        stage = Stage(patches)
        try:
            arrangements.publish(stage, regions=(LARGE_REGION,))
            stage.run_event("sync_inventory", "scheduled")
            watch = Stopwatch()
            watch.attach(stage.db)
            for _ in range(20):
                _post(stage)
            return median(watch.own_seconds(lambda: _post(stage)) for _ in range(min(rounds, 100)))
        finally:
            stage.restart()


def _post(stage: Stage) -> None:
    from testkit.handlers import arrangements, sample_events  # noqa: PLC0415 - as above

    wish = arrangements.wish(regionId=LARGE_REGION, count=1)
    token = stage.authority.token()
    event = sample_events.with_headers(wish, authorization=f"Bearer {token}")
    answer = stage.run("create_reservation", event)
    assert answer["statusCode"] == 202, answer["body"]


def measure(options: Options) -> Section:
    """Measure requests and processor time."""
    section = Section("Warm path")
    warm, refused = requests_when_warm(), requests_of_a_refusal()
    total = sum(warm.values())
    section.figure(
        "requests to DynamoDB per accepted claim, warm and uncontended: record, pod, record; and the quota, "
        "beside the second",
        str(total),
        "4",
        met=total == 4,
    )
    section.figure(
        "requests of a warm refusal",
        f"{sum(refused.values())} ({_words(refused)}), strongly consistent",
        detail=True,
    )
    rounds = options.sized(300, 5)
    use_case, handler = use_case_seconds(rounds), handler_seconds(rounds)
    network = alone.published_seconds(1)
    section.text(
        "Median processor time in our own code and the libraries it calls, the database's client taken out; "
        f"the network is three single writes at their published median, {network * 1000:.0f} ms." + _company()
    )
    section.table(
        ("part", "own ms", "share of own + network"),
        [
            (name, f"{seconds * 1000:.2f}", f"{seconds / (seconds + network):.0%}")
            for name, seconds in (
                ("use case alone (places, builds the writes, hashes the topology)", use_case),
                ("whole handler (token, routing, validation, logs, metrics)", handler),
            )
        ],
    )
    return section


def _company() -> str:
    """Return a sentence if other processes used the machine, which slows down the measurement."""
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    if load <= processors:
        return ""
    return (
        f" Others used the machine at the same time ({load:.0f} wanted one of its {processors} processors), "
        "so alone it takes less."
    )


def _words(requests: Counter[str]) -> str:
    return ", ".join(f"{count} {operation}" for operation, count in sorted(requests.items()))
