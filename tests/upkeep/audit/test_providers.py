"""Nothing is freed without a provider's word, nothing taken away without a record's or an operator's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.port import PinOutcome, ServerState
from gpu_capacity.providers.simulated import keys as server_keys
from testkit.provider import StubbornRegion
from testkit.world import HOLDERS, INVENTORY, ORGANIZATION, REGION
from tests.upkeep.audit import planted, planted_servers, planted_vms
from tests.upkeep.audit.planted import NOBODY
from tests.upkeep.audit.scene import STRANGER, Scene, found, leave_server, pod_key, results
from tests.upkeep.audit.vm_scene import VmScene

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.upkeep.audit.run import AuditReport

OWNER = f"{NOBODY}-1780000000"


class Listener:
    """A provider whose calls are heard: ``calls`` are their names, ``before`` is what to do before one."""

    def __init__(self, provider: Any) -> None:
        self.provider = provider
        self.calls: list[str] = []
        self.before: dict[str, Callable[[], object]] = {}
        self.down: frozenset[str] = frozenset()

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            self.calls.append(name)
            if name in self.before:
                self.before.pop(name)()
            if name in self.down:
                raise ProviderUnavailable("away")
            return getattr(self.provider, name)(*arguments)

        return call


EVERY_CALL = frozenset({"fence", "servers", "servers_on", "every_server", "is_vacant", "server", "has_disk"})


@pytest.fixture
def scene() -> Any:
    return _heard(Scene())


@pytest.fixture
def vm_scene() -> Any:
    return _heard(VmScene())


def _heard(scene: Any) -> Any:
    services = scene.world.services
    scene.hosts, scene.vms = Listener(services.provider), Listener(services.vm_provider)
    scene.world.services = replace(services, provider=scene.hosts, vm_provider=scene.vms)
    return scene


def _result(report: AuditReport, kind: str) -> tuple[str, str]:
    (one,) = (one for one in report.reported if one.finding.kind == kind)
    return one.result.value, one.why


# A domain is freed when its provider says that nothing is left on it.


def test_a_provider_that_keeps_its_servers_elsewhere_is_asked(scene: Any) -> None:
    """The servers of another provider than the simulated one stand in no table of this service."""
    elsewhere = StubbornRegion(scene.world.clock, scene.world.behaviour)
    scene.world.services = replace(scene.world.services, provider=elsewhere)
    elsewhere.pin("somebody-1", REGION, "pod3-rack01-tray01")
    planted.a_domain_of_nobody_is_owned(scene)
    result, why = _result(scene.audit(fix=True), "leaked")
    assert result == "refused"
    assert "somebody-1 on pod3-rack01-tray01" in why
    elsewhere.delete("somebody-1", ["pod3-rack01-tray01"])
    scene.world.clock.advance(60)
    assert _result(scene.audit(fix=True), "leaked") == ("repaired", "")


@pytest.mark.parametrize(
    "down",
    [EVERY_CALL, {"servers_on"}, {"is_vacant"}, {"fence"}],
    ids=["every call", "servers_on", "is_vacant", "fence"],
)
def test_a_provider_that_does_not_answer_frees_nothing(vm_scene: Any, down: set[str]) -> None:
    planted_vms.a_failed_vm_owns_its_node(vm_scene)
    before = vm_scene.db.table(INVENTORY).items()
    vm_scene.hosts.down = vm_scene.vms.down = frozenset(down)
    result, why = _result(vm_scene.audit(fix=True), "leaked")
    assert result == "refused"
    assert "does not answer" in why
    assert vm_scene.db.table(INVENTORY).items() == before


def test_a_provider_that_does_not_answer_is_reported_and_the_audit_is_not_clean(vm_scene: Any) -> None:
    vm_scene.vms.down = EVERY_CALL
    vm_scene.world.pause.attempts.clear()
    report = vm_scene.audit()
    assert [(one.finding.kind.value, one.finding.subject) for one in report.reported] == [
        ("provider_silent", "VM provider")
    ]
    assert not report.is_clean
    assert vm_scene.world.pause.attempts == [0, 1]


def test_a_provider_that_does_not_answer_at_once_is_asked_again(scene: Any) -> None:
    def come_back() -> None:
        scene.hosts.down = frozenset()

    scene.hosts.down = EVERY_CALL
    scene.world.pause = lambda _attempt: come_back()
    assert scene.audit().is_clean


def test_a_run_is_fenced_and_its_provider_asked_again_before_its_gpus_are_freed(vm_scene: Any) -> None:
    planted_vms.a_failed_vm_owns_its_node(vm_scene)
    vm_scene.vms.calls.clear()
    vm_scene.audit(fix=True)
    asked = [call for call in vm_scene.vms.calls if not call.startswith("every")]
    assert asked == ["is_vacant", "server", "fence", "is_vacant", "server"]


def test_a_server_that_comes_while_its_run_is_fenced_keeps_the_gpus(vm_scene: Any) -> None:
    planted_vms.a_failed_vm_owns_its_node(vm_scene)
    owner = vm_scene.vm(vm_scene.failed).server_owner
    vm_scene.vms.before["fence"] = lambda: planted_vms.put_server(vm_scene, owner, "host-vm06", 0)
    result, why = _result(vm_scene.audit(fix=True), "leaked")
    assert result == "refused"
    assert "came meanwhile" in why


def test_an_owner_that_has_servers_is_not_fenced_for_having_lost_its_record(vm_scene: Any) -> None:
    planted_vms.gpus_with_a_server_on_them_leak(vm_scene)
    planted_vms.put_server(vm_scene, vm_scene.vm(vm_scene.failed).server_owner, "host-vm06", 0)
    vm_scene.own(5, {vm_scene.failed.tag: 255})
    vm_scene.hosts.calls.clear()
    report = vm_scene.audit(fix=True)
    leaks = [one for one in report.reported if one.finding.kind == "leaked"]
    assert {one.result.value for one in leaks} == {"refused"}


def test_a_server_on_one_gpu_keeps_that_and_not_its_neighbours(vm_scene: Any) -> None:
    vm_scene.own(planted_vms.FREE, {planted_vms.NOBODYS_GPUS: 0b0011, "g" + "ab" * 8: 0b1100})
    planted_vms.put_server(vm_scene, f"{NOBODY}-1", "host-vm07", 3)
    vm_scene.audit(fix=True)
    assert vm_scene.owners(planted_vms.FREE) == {"g" + "ab" * 8: 0b1100}


def test_after_a_restore_to_an_earlier_moment_no_customer_loses_a_server(scene: Any) -> None:
    """All records are gone, and everybody works on: --fix must not take that for an end."""
    place = scene.reservation().placement
    for item in scene.db.table(HOLDERS).items():
        scene.delete(HOLDERS, {"pk": item["pk"], "sk": item["sk"]})
    report = scene.audit(fix=True)
    assert found(report).count("server_leaked") == 4
    servers = scene.hosts.provider.every_server().entries
    assert [server.state for server in servers] == [ServerState.READY] * 4
    owned = scene.item(INVENTORY, pod_key(place.pod_id))
    assert {f"d{position}" for position in place.positions} <= owned.keys()


# A server is taken away when a record says that its holder is over, or an operator does.


def test_a_server_is_fenced_before_it_is_deleted_and_its_host_is_sold_again(scene: Any) -> None:
    planted_servers.a_server_of_an_earlier_life(scene)
    scene.hosts.calls.clear()
    scene.world.telemetry.audits.clear()
    assert _result(scene.audit(fix=True), "server_leaked") == ("repaired", "")
    assert [call for call in scene.hosts.calls if call in ("fence", "delete")] == ["fence", "delete"]
    (line,) = scene.world.telemetry.audits
    assert (line.action, line.outcome) == ("repair_server_leaked", "repaired")
    owner = f"{scene.provisioned}-1"
    assert scene.hosts.provider.pin(owner, REGION, "pod3-rack00-tray01") is PinOutcome.FENCED
    scene.world.clock.advance(60)
    assert scene.hosts.provider.pin("next-1", REGION, "pod3-rack00-tray00") is PinOutcome.PINNED


def test_what_is_being_taken_away_already_is_found_no_more(scene: Any) -> None:
    planted_servers.a_server_of_an_earlier_life(scene)
    scene.audit(fix=True)
    assert scene.audit().is_clean


def test_without_a_record_an_operator_has_to_name_the_owner(scene: Any) -> None:
    planted.a_domain_whose_owner_has_a_server_elsewhere_leaks(scene)
    result, why = _result(scene.audit(fix=True), "server_leaked")
    assert result == "reported"
    assert "--take-away" in why
    assert results(scene.audit(fix=True, taken_away=["somebody-else"])) == {"reported"}
    named = scene.audit(fix=True, taken_away=[OWNER])
    assert _result(named, "server_leaked") == ("repaired", "")
    assert _result(named, "leaked")[0] == "reported"
    scene.world.clock.advance(60)
    assert results(scene.audit(fix=True)) == {"repaired"}
    assert scene.audit().is_clean


def test_the_word_of_an_operator_changes_nothing_without_fix(scene: Any) -> None:
    planted_servers.a_server_outlives_its_holder(scene)
    before = scene.db.dump()
    assert results(scene.audit(taken_away=[OWNER])) == {"repairable"}
    assert scene.db.dump() == before


def test_the_word_of_an_operator_does_not_reach_the_servers_of_a_holder_that_lives(scene: Any) -> None:
    assert scene.audit(fix=True, taken_away=[scene.reservation().server_owner]).is_clean
    assert len(scene.hosts.provider.servers(scene.reservation().server_owner)) == 4


def test_a_disk_is_deleted_where_its_record_says_that_the_vm_is_destroyed(vm_scene: Any) -> None:
    planted_vms.a_disk_of_a_destroyed_vm(vm_scene)
    planted_vms.a_disk_of_no_vm(vm_scene)
    vm_scene.audit(fix=True)
    assert not vm_scene.vms.provider.has_disk(vm_scene.destroyed.id)
    assert vm_scene.vms.provider.has_disk(NOBODY)
    vm_scene.audit(fix=True, taken_away=[NOBODY])
    assert not vm_scene.vms.provider.has_disk(NOBODY)


def test_a_provider_that_goes_away_while_it_takes_away_refuses(scene: Any) -> None:
    planted_servers.a_server_of_an_earlier_life(scene)
    scene.hosts.down = frozenset({"delete"})
    result, why = _result(scene.audit(fix=True), "server_leaked")
    assert result == "refused"
    assert "does not answer" in why


# What traffic does meanwhile.


def test_a_server_that_is_gone_at_the_second_look_was_never_left_behind(scene: Any) -> None:
    planted_servers.a_server_outlives_its_holder(scene)
    provider, clock = scene.hosts.provider, scene.world.clock

    def goes() -> None:
        provider.delete(OWNER, ["pod3-rack00-tray00"])
        clock.advance(60)

    scene.hosts.before["servers"] = goes
    assert scene.audit().is_clean


def test_a_provider_that_goes_away_before_the_second_look_leaves_the_finding_unjudged(scene: Any) -> None:
    planted_servers.a_server_outlives_its_holder(scene)
    scene.hosts.down = frozenset({"servers"})
    report = scene.audit()
    assert report.reported == ()
    assert [finding.kind.value for finding in report.unjudged] == ["server_leaked"]


def test_two_owners_that_followed_each_other_on_a_host_did_not_share_it(scene: Any) -> None:
    """They are listed on two pages, and the first was gone before the second came."""
    planted_servers.two_servers_have_a_host(scene)
    owner = scene.reservation().server_owner
    scene.hosts.before["servers"] = lambda: scene.delete(
        "servers", server_keys.server(owner, "pod3-rack00-tray00")
    )
    assert scene.audit().is_clean


def test_a_record_that_cannot_be_read_speaks_for_its_servers(scene: Any) -> None:
    leave_server(scene, OWNER, "pod3-rack00-tray00")
    scene.put(HOLDERS, keys.reservation(ORGANIZATION, NOBODY), status="lost")
    scene.set(INVENTORY, pod_key("pod3"), d1=STRANGER)
    assert found(scene.audit(fix=True, taken_away=[OWNER])) == ["unreadable"]
