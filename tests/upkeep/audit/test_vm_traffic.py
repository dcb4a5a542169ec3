"""An audit while VMs come and go: only real corruption is reported, in every order of the calls."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.access import Scope
from gpu_capacity.accounts.api_keys import ApiKeyIssuer
from gpu_capacity.dynamodb import keys
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.upkeep.audit.bookkeeping import findings_of
from gpu_capacity.upkeep.audit.facts import Facts
from gpu_capacity.upkeep.audit.run import AuditReport, audit_holders
from gpu_capacity.vms import lifecycle as steps
from gpu_capacity.vms.create import create_vm
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.schedule import end_vm_terms, restart_vms, watch_vm_nodes
from gpu_capacity.vms.stop import stop_vm
from testkit import reservations
from testkit.interleaving import Schedule, every_interleaving
from testkit.vms.scene import ACCOUNT, GPU5090, INTERRUPTIBLE, POD, REGION, RESERVED, Scene
from testkit.world import INVENTORY, ORGANIZATION, caller, request
from tests.upkeep.audit.scene import STRANGER, auditor_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.upkeep.audit.means import Audit
    from gpu_capacity.vms.record import RentalType, Vm

    Traffic = Callable[[Scene], object]
    Rival = Callable[[Scene], Traffic]
    """Prepares a scene; what it returns changes a twin of it."""

pytestmark = pytest.mark.slow

INTERRUPTIONS = 2
PAGE = 5
ON_DEMAND_4 = 4


def auditor(scene: Scene, page_items: int = PAGE) -> Audit:
    return auditor_of(scene.world, page_items)


def _up(scene: Scene, count: int = 8, rental: RentalType | None = None) -> Vm:
    vm = scene.create(count, rental) if rental else scene.create(count)
    _start(scene, vm)
    return vm


def _start(scene: Scene, vm: Vm) -> None:
    steps.begin_vm_start(scene.services, *vm.key)
    steps.start_vm_server(scene.services, *vm.key)
    scene.world.clock.advance(20)
    assert steps.complete_vm_start(scene.services, *vm.key)["outcome"] == "running"


def _leave(scene: Scene, vm: Vm) -> None:
    while steps.sweep_vm_server(scene.services, *vm.key)["outcome"] != "gone":
        scene.world.clock.advance(5)
    assert steps.settle_vm_stop(scene.services, *vm.key)["outcome"] == "settled"


def rent(_: Scene) -> Traffic:
    return lambda scene: create_vm(scene.world.environment(), caller(), scene.request(8), ACCOUNT)


def bring_up(scene: Scene) -> Traffic:
    vm = scene.create(8)
    return lambda scene: _start(scene, vm)


def fail(scene: Scene) -> Traffic:
    vm = scene.create(8)
    steps.begin_vm_start(scene.services, *vm.key)
    steps.start_vm_server(scene.services, *vm.key)

    def run(scene: Scene) -> None:
        steps.abandon_vm_start(scene.services, *vm.key, "no answer")
        while steps.sweep_vm_server(scene.services, *vm.key)["outcome"] != "gone":
            scene.world.clock.advance(5)
        steps.fail_vm_start(scene.services, *vm.key)

    return run


def stop(scene: Scene) -> Traffic:
    vm = _up(scene)

    def run(scene: Scene) -> None:
        stop_vm(scene.services, caller(), vm.id, ACCOUNT)
        _leave(scene, vm)

    return run


def destroy(scene: Scene) -> Traffic:
    vm = _up(scene)

    def run(scene: Scene) -> None:
        destroy_vm(scene.services, caller(), vm.id, ACCOUNT)
        _leave(scene, vm)

    return run


def give_notice(scene: Scene) -> Traffic:
    _up(scene, 8, INTERRUPTIBLE)
    return lambda scene: scene.create(ON_DEMAND_4)


def interrupt(scene: Scene) -> Traffic:
    _up(scene, 8, INTERRUPTIBLE)
    new_vm = scene.create(ON_DEMAND_4)
    scene.world.clock.advance(120)
    return lambda scene: steps.begin_vm_start(scene.services, *new_vm.key)


def leave_by_itself(scene: Scene) -> Traffic:
    victim = _up(scene, 8, INTERRUPTIBLE)
    scene.create(ON_DEMAND_4)
    stop_vm(scene.services, caller(), victim.id, ACCOUNT)
    return lambda scene: _leave(scene, victim)


def take_notice_back(scene: Scene) -> Traffic:
    _up(scene, 8, INTERRUPTIBLE)
    new_vm = scene.create(ON_DEMAND_4)
    return lambda scene: destroy_vm(scene.services, caller(), new_vm.id, ACCOUNT)


def start_again(scene: Scene) -> Traffic:
    victim = _up(scene, 8, INTERRUPTIBLE)
    new_vm = scene.create(8)
    scene.world.clock.advance(120)
    steps.begin_vm_start(scene.services, *new_vm.key)
    destroy_vm(scene.services, caller(), new_vm.id, ACCOUNT)
    for vm in (victim, new_vm):
        _leave(scene, vm)

    def run(scene: Scene) -> None:
        assert restart_vms(scene.services) == 1
        _start(scene, victim)

    return run


def end_term(scene: Scene) -> Traffic:
    vm = _up(scene, 8, RESERVED)
    stop_vm(scene.services, caller(), vm.id, ACCOUNT)
    _leave(scene, vm)
    scene.world.clock.advance(40 * 86_400)
    return lambda scene: end_vm_terms(scene.services)


def lose_and_find(scene: Scene) -> Traffic:
    _up(scene)

    def run(scene: Scene) -> None:
        scene.lose(0)
        assert watch_vm_nodes(scene.services) == 1
        scene.lose()
        assert watch_vm_nodes(scene.services) == 1

    return run


def reserve_after_a_vm(scene: Scene) -> Traffic:
    vm = _up(scene)
    destroy_vm(scene.services, caller(), vm.id, ACCOUNT)

    def run(scene: Scene) -> None:
        _leave(scene, vm)
        wanted = request(1, region_id=REGION, accelerator="5090", unit="NODE")
        made = create_reservation(scene.world.environment(), caller(), wanted).reservation
        reservations.provision(scene.world, made.id)

    return run


def make_a_key(_: Scene) -> Traffic:
    def run(scene: Scene) -> None:
        services = scene.services
        book = ApiKeyIssuer(services.accounts, services.clock, services.ids, services.telemetry, "operator")
        _, key = book.create(ACCOUNT, [Scope.READ_ONLY])
        book.revoke(ORGANIZATION, key.id)

    return run


LONG = [bring_up, fail, stop, destroy, leave_by_itself, start_again, lose_and_find, reserve_after_a_vm]
SHORT = [rent, give_notice, interrupt, take_notice_back, end_term, make_a_key]
"""These make few calls, so that there is time for an audit that reads item by item."""


@pytest.mark.parametrize("rival", [*LONG, *SHORT], ids=lambda rival: rival.__name__)
def test_changes_of_vms_cause_no_findings(rival: Rival) -> None:
    page_items, schedules = 1 if rival in SHORT else PAGE, 0
    prepared = Scene(count=1)
    traffic = rival(prepared)
    for schedule in every_interleaving(INTERRUPTIONS):
        scene = prepared.twin()
        audit = partial(audit_holders, auditor(scene, page_items))
        report, done = schedule.run(scene.world.db, [audit, partial(traffic, scene)])
        assert isinstance(report, AuditReport), report
        assert not isinstance(done, Exception), done
        schedules += 1
        assert (report.reported, report.notices) == ((), ())
        assert audit_holders(auditor(scene)).reported == ()
    assert schedules > 10


@pytest.mark.parametrize(
    "rival", [rent, stop, give_notice, interrupt, leave_by_itself], ids=lambda rival: rival.__name__
)
def test_without_the_second_read_changes_of_vms_would_cause_findings(rival: Rival) -> None:
    prepared = Scene(count=1)
    traffic = rival(prepared)

    def suspects(schedule: Schedule) -> bool:
        scene = prepared.twin()
        read = auditor(scene, 1).store.read_all
        facts, _ = schedule.run(scene.world.db, [read, partial(traffic, scene)])
        assert isinstance(facts, Facts)
        return bool(findings_of(facts))

    assert any(suspects(schedule) for schedule in every_interleaving(INTERRUPTIONS))


@pytest.mark.parametrize("rival", [rent, give_notice], ids=lambda rival: rival.__name__)
def test_a_real_leak_of_gpus_is_found_and_freed_while_vms_change(rival: Rival) -> None:
    prepared = Scene(count=2)
    traffic = rival(prepared)
    for schedule in every_interleaving(1):
        scene = prepared.twin()
        scene.world.db.update_item(
            TableName=INVENTORY,
            Key=keys.owners(REGION, GPU5090.id, POD),
            UpdateExpression="SET d1 = :leak",
            ExpressionAttributeValues={":leak": {"M": {f"g{STRANGER.hex()}": {"N": "3"}}}},
        )
        report, _ = schedule.run(
            scene.world.db, [partial(audit_holders, auditor(scene), fix=True), partial(traffic, scene)]
        )
        assert isinstance(report, AuditReport), report
        assert [one.result.value for one in report.reported] == ["repaired"]
        assert scene.owners(1) == {}
        assert any(scene.services.vms.of_organization(ORGANIZATION))
