"""Nothing is freed without the provider's answer; no server is removed without a record or an operator's
order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.port import HoldOutcome, HoldState
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
    """A provider that records its calls: ``calls`` are their names, ``before`` runs before one."""

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


EVERY_CALL = frozenset(
    {"fence", "held", "held_on", "every_hold", "every_server", "is_vacant", "server", "has_disk"}
)


@pytest.fixture
def scene() -> Any:
    return _heard(Scene.ready())


@pytest.fixture
def vm_scene() -> Any:
    return _heard(VmScene.ready())


def _heard(scene: Any) -> Any:
    services = scene.world.services
    scene.hosts, scene.vms = Listener(services.provider), Listener(services.vm_provider)
    scene.world.services = replace(services, provider=scene.hosts, vm_provider=scene.vms)
    return scene


def _result(report: AuditReport, kind: str) -> tuple[str, str]:
    (one,) = (one for one in report.reported if one.finding.kind == kind)
    return one.result.value, one.why


# A domain is freed when its provider says that no server is left on it.


def test_a_provider_that_keeps_its_servers_elsewhere_is_asked(scene: Any) -> None:
    """Only the simulated provider keeps its servers in tables of this service."""
    elsewhere = StubbornRegion(scene.world.clock, scene.world.behaviour)
    scene.world.services = replace(scene.world.services, provider=elsewhere)
    elsewhere.hold("somebody-1", REGION, ["pod3-rack01-tray01"])
    planted.a_domain_is_owned_without_a_holder(scene)
    result, why = _result(scene.audit(fix=True), "leaked")
    assert result == "refused"
    assert "somebody-1 on pod3-rack01-tray01" in why
    elsewhere.release("somebody-1", ["pod3-rack01-tray01"])
    scene.world.clock.advance(60)
    assert _result(scene.audit(fix=True), "leaked") == ("repaired", "")


@pytest.mark.parametrize(
    "down",
    [EVERY_CALL, {"held_on"}, {"is_vacant"}, {"fence"}],
    ids=["every call", "held_on", "is_vacant", "fence"],
)
def test_a_provider_that_does_not_answer_frees_nothing(vm_scene: Any, down: set[str]) -> None:
    planted_vms.a_failed_vm_owns_its_node(vm_scene)
    before = vm_scene.db.table(INVENTORY).items()
    vm_scene.hosts.down = vm_scene.vms.down = frozenset(down)
    result, why = _result(vm_scene.audit(fix=True), "leaked")
    assert result == "refused"
    assert "does not answer" in why
    assert vm_scene.db.table(INVENTORY).items() == before


def test_a_provider_that_does_not_answer_is_reported_and_the_audit_has_findings(vm_scene: Any) -> None:
    vm_scene.vms.down = EVERY_CALL
    vm_scene.world.pause.attempts.clear()
    report = vm_scene.audit()
    assert [(one.finding.kind.value, one.finding.subject) for one in report.reported] == [
        ("provider_silent", "VM provider")
    ]
    assert not report.is_clean
    assert vm_scene.world.pause.attempts == [0, 1]


def test_a_provider_that_does_not_answer_is_asked_again(scene: Any) -> None:
    def come_back() -> None:
        scene.hosts.down = frozenset()

    scene.hosts.down = EVERY_CALL
    scene.world.pause = lambda _attempt: come_back()
    assert scene.audit().is_clean


def test_before_gpus_are_freed_their_run_is_fenced_and_the_provider_asked_again(vm_scene: Any) -> None:
    planted_vms.a_failed_vm_owns_its_node(vm_scene)
    vm_scene.vms.calls.clear()
    vm_scene.audit(fix=True)
    asked = [call for call in vm_scene.vms.calls if not call.startswith("every")]
    assert asked == ["is_vacant", "server", "fence", "is_vacant", "server"]


def test_gpus_are_not_freed_if_a_server_appears_while_its_run_is_fenced(vm_scene: Any) -> None:
    planted_vms.a_failed_vm_owns_its_node(vm_scene)
    owner = vm_scene.vm(vm_scene.failed).server_owner
    vm_scene.vms.before["fence"] = lambda: planted_vms.put_server(vm_scene, owner, "host-vm06", 0)
    result, why = _result(vm_scene.audit(fix=True), "leaked")
    assert result == "refused"
    assert "came meanwhile" in why


def test_an_owner_with_servers_and_without_a_record_is_not_fenced(vm_scene: Any) -> None:
    planted_vms.gpus_with_a_server_on_them_leak(vm_scene)
    planted_vms.put_server(vm_scene, vm_scene.vm(vm_scene.failed).server_owner, "host-vm06", 0)
    vm_scene.own(5, {vm_scene.failed.tag: 255})
    vm_scene.hosts.calls.clear()
    report = vm_scene.audit(fix=True)
    leaks = [one for one in report.reported if one.finding.kind == "leaked"]
    assert {one.result.value for one in leaks} == {"refused"}


def test_a_server_on_one_gpu_prevents_only_that_gpu_from_being_freed(vm_scene: Any) -> None:
    vm_scene.own(planted_vms.FREE, {planted_vms.NOBODYS_GPUS: 0b0011, "g" + "ab" * 8: 0b1100})
    planted_vms.put_server(vm_scene, f"{NOBODY}-1", "host-vm07", 3)
    vm_scene.audit(fix=True)
    assert vm_scene.owners(planted_vms.FREE) == {"g" + "ab" * 8: 0b1100}


def test_after_a_restore_from_a_backup_no_customer_loses_a_server(scene: Any) -> None:
    """All records are lost while the servers run: --fix must not take the holders for deleted."""
    place = scene.reservation().runs[0].placement
    for item in scene.db.table(HOLDERS).items():
        scene.delete(HOLDERS, {"pk": item["pk"], "sk": item["sk"]})
    report = scene.audit(fix=True)
    assert found(report).count("server_leaked") == 4
    servers = scene.hosts.provider.every_hold().entries
    assert [server.state for server in servers] == [HoldState.HELD] * 4
    owned = scene.item(INVENTORY, pod_key(place.pod_id))
    assert {f"d{position}" for position in place.positions} <= owned.keys()


# A server is deleted when a record says that its holder is over, or when an operator orders it.


def test_a_server_is_fenced_before_it_is_deleted_and_its_host_is_sold_again(scene: Any) -> None:
    planted_servers.a_server_of_an_earlier_life(scene)
    scene.hosts.calls.clear()
    scene.world.telemetry.audits.clear()
    assert _result(scene.audit(fix=True), "server_leaked") == ("repaired", "")
    assert [call for call in scene.hosts.calls if call in ("fence", "release")] == ["fence", "release"]
    (line,) = scene.world.telemetry.audits
    assert (line.action, line.outcome) == ("repair_server_leaked", "repaired")
    owner = f"{scene.provisioned}-1"
    assert scene.hosts.provider.hold(owner, REGION, ["pod3-rack00-tray01"]) == {
        "pod3-rack00-tray01": HoldOutcome.FENCED
    }
    scene.world.clock.advance(60)
    assert scene.hosts.provider.hold("next-1", REGION, ["pod3-rack00-tray00"]) == {
        "pod3-rack00-tray00": HoldOutcome.HELD
    }


def test_a_server_that_is_being_deleted_is_not_found_again(scene: Any) -> None:
    planted_servers.a_server_of_an_earlier_life(scene)
    scene.audit(fix=True)
    assert scene.audit().is_clean


def test_without_a_record_an_operator_has_to_name_the_owner(scene: Any) -> None:
    planted.a_domain_whose_owner_has_a_server_elsewhere_leaks(scene)
    result, why = _result(scene.audit(fix=True), "server_leaked")
    assert result == "reported"
    assert "takeAway" in why
    assert results(scene.audit(fix=True, taken_away=["somebody-else"])) == {"reported"}
    named = scene.audit(fix=True, taken_away=[OWNER])
    assert _result(named, "server_leaked") == ("repaired", "")
    assert _result(named, "leaked")[0] == "reported"
    scene.world.clock.advance(60)
    assert results(scene.audit(fix=True)) == {"repaired"}
    assert scene.audit().is_clean


def test_naming_an_owner_changes_nothing_without_fix(scene: Any) -> None:
    planted_servers.a_server_outlives_its_holder(scene)
    before = scene.db.dump()
    assert results(scene.audit(taken_away=[OWNER])) == {"repairable"}
    assert scene.db.dump() == before


def test_naming_an_owner_does_not_delete_servers_of_an_existing_holder(scene: Any) -> None:
    assert scene.audit(fix=True, taken_away=[scene.reservation().server_owner]).is_clean
    assert len(scene.hosts.provider.held(scene.reservation().server_owner)) == 4


def test_a_disk_is_deleted_if_its_record_says_that_the_vm_is_destroyed(vm_scene: Any) -> None:
    planted_vms.a_disk_of_a_destroyed_vm(vm_scene)
    planted_vms.a_disk_of_no_vm(vm_scene)
    vm_scene.audit(fix=True)
    assert not vm_scene.vms.provider.has_disk(vm_scene.destroyed.id)
    assert vm_scene.vms.provider.has_disk(NOBODY)
    vm_scene.audit(fix=True, taken_away=[NOBODY])
    assert not vm_scene.vms.provider.has_disk(NOBODY)


def test_a_provider_that_fails_during_the_deletion_refuses_the_repair(scene: Any) -> None:
    planted_servers.a_server_of_an_earlier_life(scene)
    scene.hosts.down = frozenset({"release"})
    result, why = _result(scene.audit(fix=True), "server_leaked")
    assert result == "refused"
    assert "does not answer" in why


# Concurrent traffic.


def test_a_server_that_is_gone_at_the_second_read_is_no_finding(scene: Any) -> None:
    planted_servers.a_server_outlives_its_holder(scene)
    provider, clock = scene.hosts.provider, scene.world.clock

    def goes() -> None:
        provider.release(OWNER, ["pod3-rack00-tray00"])
        clock.advance(60)

    scene.hosts.before["held"] = goes
    assert scene.audit().is_clean


def test_a_provider_that_fails_before_the_second_read_leaves_the_finding_undecided(scene: Any) -> None:
    planted_servers.a_server_outlives_its_holder(scene)
    scene.hosts.down = frozenset({"held"})
    report = scene.audit()
    assert report.reported == ()
    assert [finding.kind.value for finding in report.unjudged] == ["server_leaked"]


def test_two_successive_owners_of_a_host_are_not_reported_as_sharing_it(scene: Any) -> None:
    """They are listed on two pages, and the first server was gone before the second came up."""
    planted_servers.two_servers_have_a_host(scene)
    owner = scene.reservation().server_owner
    scene.hosts.before["held"] = lambda: scene.delete(
        "servers", server_keys.HOSTS.hold(owner, "pod3-rack00-tray00")
    )
    assert scene.audit().is_clean


def test_servers_of_a_record_that_cannot_be_read_are_not_orphans(scene: Any) -> None:
    leave_server(scene, OWNER, "pod3-rack00-tray00")
    scene.put(HOLDERS, keys.reservation(ORGANIZATION, NOBODY), status="lost")
    scene.set(INVENTORY, pod_key("pod3"), d1=STRANGER)
    assert found(scene.audit(fix=True, taken_away=[OWNER])) == ["unreadable"]
