"""What a VM shows to its owner: notices, failures, ends of terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.providers.simulated.vms import SimulatedVms
from gpu_capacity.times import rfc3339
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.record import RentalType, months_later
from gpu_capacity.vms.stop import stop_vm
from testkit.handlers.vm_stage import SAMPLE_VM, read
from testkit.world import caller
from tests.vms import given
from tests.vms.given import ACCOUNT, GUEST

if TYPE_CHECKING:
    from testkit.handlers.vm_stage import Stage

OWN = ("reserved_until", "interruption_at", "interruption_reason", "failure_reason")
REASON = "an on-demand or reserved VM needs the GPUs"


def shown(stage: Stage, vm_id: str = SAMPLE_VM) -> dict[str, Any]:
    """The fields specific to this service that are not null; the list has the same."""
    vms = {vm["id"]: vm for vm in stage.send("list_vms", "all").json}
    event = _get(vm_id)
    assert stage.send("get_vm", event=event).json == vms[vm_id]
    return {name: vms[vm_id][name] for name in OWN if vms[vm_id][name] is not None}


def _get(vm_id: str) -> dict[str, Any]:
    event = read("get_vm", "found")
    event["pathParameters"]["id"] = vm_id
    return event


@pytest.mark.parametrize("before", [given.created, given.running, given.interruptible])
def test_a_vm_without_notice_shows_none(stage: Stage, before: Any) -> None:
    before(stage)
    assert shown(stage) == {}


def test_a_victim_shows_time_and_reason_of_its_notice_immediately(stage: Stage) -> None:
    given.nodes(stage)
    given.rent(GUEST, 8, RentalType.INTERRUPTIBLE)
    given.start(stage, GUEST)
    assert shown(stage, GUEST) == {}
    now = stage.clock.now()
    given.rent(SAMPLE_VM, 4)
    assert shown(stage, GUEST) == {
        "interruption_at": _time(now + 120),
        "interruption_reason": REASON,
    }
    assert shown(stage) == {}


def test_an_interrupted_vm_shows_why_and_no_time_in_the_past(stage: Stage) -> None:
    given.vacating(stage)
    assert shown(stage, GUEST) == {"interruption_reason": REASON}


def test_a_withdrawn_notice_is_no_longer_shown(stage: Stage) -> None:
    given.given_notice(stage)
    destroy_vm(given.services(), caller(), SAMPLE_VM, ACCOUNT)
    assert shown(stage, GUEST) == {}


def test_a_vm_stopped_by_its_user_during_the_notice_does_not_show_an_interruption(stage: Stage) -> None:
    given.given_notice(stage)
    stop_vm(given.services(), caller(), GUEST, ACCOUNT)
    assert shown(stage, GUEST) == {}


def test_a_vm_that_was_started_again_shows_no_notice(stage: Stage) -> None:
    given.left(stage)
    stage.run_event("restart_vms", "scheduled")
    assert stage.send("get_vm", event=_get(GUEST)).json["status"] == "starting"
    assert shown(stage, GUEST) == {}


@pytest.mark.parametrize("before", [given.given_up, given.failed])
def test_a_vm_shows_why_it_failed_as_soon_as_its_start_is_given_up(stage: Stage, before: Any) -> None:
    before(stage)
    assert shown(stage) == {"failure_reason": given.FAILURE}


def test_a_reserved_vm_shows_when_its_term_ends_until_it_has_ended(stage: Stage) -> None:
    given.nodes(stage)
    ends = months_later(stage.clock.now(), 1)
    given.rent(SAMPLE_VM, 8, RentalType.RESERVED)
    given.start(stage, SAMPLE_VM)
    assert shown(stage) == {"reserved_until": _time(ends)}
    stage.clock.advance(40 * 86_400)
    stage.run_event("end_vm_terms", "scheduled")
    assert shown(stage) == {}


def test_a_destroyed_vm_has_no_term(stage: Stage) -> None:
    given.reserved(stage)
    destroy_vm(given.services(), caller(), SAMPLE_VM, ACCOUNT)
    assert shown(stage) == {}


@pytest.mark.parametrize(
    ("before", "provider_knows", "measured"),
    [(given.running, True, True), (given.running, False, False), (given.created, True, False)],
)
def test_usage_that_the_provider_does_not_measure_is_left_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, before: Any, *, provider_knows: bool, measured: bool
) -> None:
    before(stage)
    if not provider_knows:
        monkeypatch.setattr(SimulatedVms, "usage", lambda _self, _owners: {})
    answer = stage.send("get_vm", event=_get(SAMPLE_VM)).json
    assert {"cpu_percent" in answer, "ram_percent" in answer} == {measured}


def _time(seconds: int) -> str:
    return rfc3339(seconds)
