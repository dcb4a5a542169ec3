"""What holders of each kind hold, counted from the stream of their records."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from gpu_capacity.accounts.account import Account
from gpu_capacity.usage.held import Amount, Line
from gpu_capacity.usage.meter import by_day
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.record import RentalType
from testkit.claims import calm, claim, drop
from testkit.history import Told
from testkit.kinds import Placements
from testkit.stream import FunctionDied
from testkit.vms.scene import Scene
from testkit.workflow.stage import Stage
from testkit.world import HISTORY, ORGANIZATION, World, caller, pod

if TYPE_CHECKING:
    from gpu_capacity.usage.meter import Span

LONG_AGO, LATER = 0, 4_000_000_000


def spans(world: World, until: int | None = None) -> list[Span]:
    """Every span of the organization; what runs ends now."""
    now = world.clock.now() if until is None else until
    return sorted(world.services.usage.spans(ORGANIZATION, LONG_AGO, now), key=lambda s: (s.since, s.line))


def gpu_seconds(world: World) -> tuple[int, int]:
    """GPU-seconds held and used by all."""
    days = by_day(spans(world), LONG_AGO, LATER)
    return sum(day.held for day in days), sum(day.used for day in days)


def test_a_reservation_counts_from_its_acceptance_until_its_racks_are_free() -> None:
    stage = Stage(quota=False)
    told = Told(stage.world)
    began = stage.clock.now()
    made = stage.reserve(2)
    stage.settle(made)
    stage.clock.advance(3600)
    stage.delete(made)
    stage.run_all()
    ended = stage.clock.now()
    stage.clock.advance(3600)
    told.reader.drain()

    (span,) = spans(stage.world)
    assert (span.since, span.until) == (began, ended)
    assert span.line == Line("uk-lon-1", "GB300")
    assert span.amount == Amount(gpus=2 * 2 * 4, used=0)


def test_hosts_of_placements_are_used_and_the_others_are_not() -> None:
    kind = Placements()
    told = Told(kind.world)
    made = kind.create(2)
    kind.world.clock.advance(1000)
    kind.end(made)
    told.reader.drain()

    held, used = gpu_seconds(kind.world)
    assert used == 1000 * 2 * 4
    assert held > used


def test_a_claim_counts_the_hosts_that_it_has() -> None:
    world = World(pods=(pod("pod1", 2),))
    told = Told(world)
    made = claim(world, 6)
    world.clock.advance(500)
    drop(world, made)
    calm(world)
    told.reader.drain()

    # A second passes with each of the two requests: one before the claim has hosts, one before they go.
    assert gpu_seconds(world) == (501 * 4 * 4, 501 * 4 * 4)
    assert {span.line.accelerator for span in spans(world)} == {"GB300"}


def test_a_vm_counts_its_gpus_by_its_terms_and_nothing_while_it_is_interrupted() -> None:
    scene = Scene(count=1)
    told = Told(scene.world)
    victim = scene.running(8, RentalType.INTERRUPTIBLE)
    newcomer = scene.create(8)
    scene.engine.settle()
    scene.world.clock.advance(100)
    destroy_vm(scene.services, caller(), newcomer.id, Account(ORGANIZATION, newcomer.subject))
    scene.engine.settle()
    told.reader.drain()

    by_terms = {span.line.terms for span in spans(scene.world)}
    assert by_terms == {"interruptible", "on_demand"}
    mine = [span for span in spans(scene.world) if span.holder.id == victim.id]
    theirs = [span for span in spans(scene.world) if span.holder.id == newcomer.id]
    assert mine[0].until <= theirs[-1].since, "no GPU is held twice"


def test_a_change_that_comes_again_changes_nothing() -> None:
    stage = Stage(quota=False)
    told = Told(stage.world)
    for _ in range(2):
        made = stage.reserve(1)
        stage.settle(made)
        stage.delete(made)
        stage.run_all()
    told.reader.drain()
    before = stage.world.db.table(HISTORY).items()

    told.reader.position = 0
    told.reader.drain(3)

    assert stage.world.db.table(HISTORY).items() == before


def test_a_holder_that_is_older_than_the_stream_counts_from_when_it_was_made() -> None:
    stage = Stage(quota=False)
    began = stage.clock.now()
    made = stage.reserve(1)
    stage.settle(made)
    stage.clock.advance(1000)
    told = Told(stage.world)
    stage.delete(made)
    stage.run_all()
    told.reader.drain()

    (span,) = spans(stage.world)
    assert (span.since, span.until) == (began, stage.clock.now())


def _lives(stage: Stage) -> None:
    first, second = stage.reserve(1), stage.reserve(2)
    stage.run_in_turns()
    stage.clock.advance(60)
    stage.delete(first)
    stage.run_all()
    stage.clock.advance(90_000)
    stage.delete(second)
    stage.run_all()


FAULTS = st.lists(
    st.tuples(
        st.sampled_from(["put_item", "transact_write_items", "get_item"]),
        st.booleans(),
        st.integers(0, 12),
        st.integers(1, 3),
    ),
    max_size=8,
)


@given(faults=FAULTS, size=st.integers(1, 30), refused=st.integers(0, 6))
def test_usage_is_the_same_whatever_fails_meanwhile(
    faults: list[tuple[str, bool, int, int]], size: int, refused: int
) -> None:
    calm_stage = Stage(quota=False)
    undisturbed = Told(calm_stage.world)
    _lives(calm_stage)
    undisturbed.reader.drain()

    stage = Stage(quota=False)
    told = Told(stage.world)
    _lives(stage)
    told.bus.faults = ["refused"] * refused
    for operation, after, skip, times in faults:
        when = stage.world.db.after if after else stage.world.db.before
        when(operation, _die, times=times, skip=skip)
    for _ in range(40):
        told.reader.turn(size)
    stage.world.db.calm()
    told.reader.drain(size)

    assert [_plain(s) for s in spans(stage.world)] == [_plain(s) for s in spans(calm_stage.world)]
    assert gpu_seconds(stage.world)[0] > 90_000


def _die(_operation: str, _parameters: object) -> None:
    raise FunctionDied


def _plain(span: Span) -> tuple[Line, Amount, int, int]:
    return span.line, span.amount, span.since, span.until


def test_list_prices_are_decimals() -> None:
    assert Decimal("6.9000") == World().services.prices.accelerator_hourly["GB300"]
