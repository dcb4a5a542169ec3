"""What needs every permission of the watch of providers. ``tests.upkeep`` checks the results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.providers.simulated.keys import HOSTS
from gpu_capacity.runtime import composition
from testkit.handlers import arrangements as given
from testkit.handlers.sample_events import SAMPLE_ID
from testkit.world import ORGANIZATION, SERVERS
from tests.vms import given as vms_given

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage


def _watch(stage: Stage) -> None:
    stage.clock.advance(60)
    stage.restart()
    stage.run_event("watch_providers", "scheduled")


def _holds_lost(stage: Stage) -> None:
    """One is held again, and one is somebody else's by now."""
    given.provisioned(stage)
    services = composition.services()
    record = services.reservations.get(ORGANIZATION, SAMPLE_ID)
    assert record is not None
    owner = record.server_owner
    first, second, *_ = (hold.host_id for hold in services.provider.held(owner))
    for host_id in (first, second):
        stage.db.delete_item(TableName=SERVERS, Key=HOSTS.hold(owner, host_id))
        stage.db.delete_item(TableName=SERVERS, Key=HOSTS.host(host_id))
    services.provider.hold("somebody-else", record.region_id, [second])
    _watch(stage)


def _servers_lost(stage: Stage) -> None:
    """The workflow of the placement is started."""
    _lose_a_server(stage)
    _watch(stage)


def _lose_a_server(stage: Stage) -> None:
    """The server of ordinal 0."""
    given.servers_up(stage)
    (item,) = [
        item
        for item in stage.db.table(SERVERS).items()
        if item["pk"]["S"].startswith("PLACEMENT#") and item["ordinal"]["N"] == "0"
    ]
    stage.db.delete_item(TableName=SERVERS, Key={"pk": item["pk"], "sk": item["sk"]})


def _vm_server_lost(stage: Stage) -> None:
    vms_given.running(stage)
    services = composition.services()
    (entry,) = services.vms.roster()
    vm = services.vms.get(*entry.key)
    assert vm is not None
    services.vm_provider.stop(vm.server_owner)
    _watch(stage)


def _vm_server_failed(stage: Stage) -> None:
    """What is left of it is removed."""
    vms_given.running(stage)
    stage.settings["SIMULATED_FAILING_HOSTS"] = ",".join(
        vm.host_id for vm in composition.services().vms.of_node(next(iter(_nodes())))
    )
    _watch(stage)


def _nodes() -> set[str]:
    return {entry.node for entry in composition.services().vms.roster()}


def _fault_confirmed(stage: Stage) -> None:
    """A server that has vanished is reported before the watch comes to it."""
    _lose_a_server(stage)
    assert stage.request_event("report_placement_server_fault", "accepted").status == 202


LIVES = (_holds_lost, _servers_lost, _vm_server_lost, _vm_server_failed, _fault_confirmed)
