"""The part about healing: its provider fails as it was told, and its orders heal by the product itself."""

from __future__ import annotations

from random import Random

import pytest

from benchmarks.healing import provisioned
from benchmarks.healing.provider import DrawnHosts, Failures
from benchmarks.healing.provisioning import KINDS
from gpu_capacity.providers.port import HoldOutcome, HoldState, Readiness
from testkit.doubles import FakeClock

HOSTS = [f"host-{n}" for n in range(2_000)]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_orders_are_provisioned_although_hosts_fail(kind: Failures) -> None:
    outcome = provisioned.run(kind, 3)
    assert (outcome.orders, outcome.provisioned) == (3, 3)
    assert outcome.boots >= 3 * provisioned.RACKS * provisioned.HOSTS
    assert outcome.untouched < 3
    assert outcome.failed > 0


def test_without_failures_nothing_has_to_heal() -> None:
    outcome = provisioned.run(Failures(0.0), 2)
    assert (outcome.provisioned, outcome.untouched, outcome.quarantined) == (2, 2, 0)
    assert set(outcome.moves) == {0}


@pytest.mark.parametrize(("kind", "again"), [(Failures(0.1), 0.1), (Failures(0.1, stays=True), 1.0)])
def test_a_boot_is_drawn_anew_unless_the_machine_stays_broken(kind: Failures, again: float) -> None:
    clock = FakeClock()
    provider = DrawnHosts(clock, Random(1), kind)  # noqa: S311 - not for secrets
    provider.hold("one", "r", HOSTS)
    clock.advance(20)
    unfit = [hold.host_id for hold in provider.held("one") if hold.state is HoldState.UNFIT]
    assert len(unfit) / len(HOSTS) == pytest.approx(0.1, abs=0.03)
    provider.hold("one", "r", unfit)
    clock.advance(20)
    still = [hold for hold in provider.held("one") if hold.state is HoldState.UNFIT]
    assert len(still) / len(unfit) == pytest.approx(again, abs=0.08)


def test_only_what_was_broken_before_is_known_of_a_free_host() -> None:
    for known, share in ((True, 0.1), (False, 0.0)):
        provider = DrawnHosts(FakeClock(), Random(1), Failures(0.1, stays=True, known=known))  # noqa: S311 - the same
        unready = [fit for fit in provider.fitness(HOSTS).values() if fit.readiness is Readiness.NOT_READY]
        assert len(unready) / len(HOSTS) == pytest.approx(share, abs=0.03)


def test_a_fence_and_a_release_are_kept() -> None:
    clock = FakeClock()
    provider = DrawnHosts(clock, Random(1), Failures(0.0))  # noqa: S311 - the same
    provider.hold("one", "r", HOSTS[:2])
    provider.fence("one")
    assert set(provider.hold("one", "r", HOSTS[2:4]).values()) == {HoldOutcome.FENCED}
    provider.release("one", HOSTS[:1])
    assert [hold.state for hold in provider.held("one")] == [HoldState.RELEASING, HoldState.PREPARING]
    clock.advance(20)
    assert [hold.state for hold in provider.held("one")] == [HoldState.HELD]
