"""The nodes of a real Ironic as a list of machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.deadline import Deadline
from gpu_capacity.errors import FeedRefusal, FeedRefused
from gpu_capacity.providers.ironic.api import IronicApi
from gpu_capacity.providers.ironic.connection import connector
from gpu_capacity.providers.ironic.feed import IronicMachines
from gpu_capacity.providers.port import HoldOutcome
from tests.contract.providers.benches import BROKEN_HOST, STUCK_HOST, ironic_bench
from tests.contract.providers.test_servers import HOLDER, REGION

if TYPE_CHECKING:
    from gpu_capacity.ports import Machine
    from tests.contract.providers.ironic_bench import IronicBench, IronicRegion

pytestmark = [pytest.mark.ironic, pytest.mark.slow]

HOST = "host-1"
PLACE = {"region": "r1", "pod": "p1", "domain": "d1", "position": 0, "slot": 3}


@pytest.fixture
def bench(ironic_region: IronicRegion) -> IronicBench:
    return ironic_bench(ironic_region)


def _api(bench: IronicBench, page_nodes: int = 1000, deadline: Deadline | None = None) -> IronicApi:
    return IronicApi(connector(bench.proxy.url, ""), deadline or Deadline.none(), 60.0, page_nodes)


def _machines(bench: IronicBench, page_nodes: int = 1000) -> dict[str, Machine]:
    found = IronicMachines(_api(bench, page_nodes)).machines()
    assert len({machine.host_id for machine in found}) == len(found)
    return {machine.host_id: machine for machine in found}


def _set(bench: IronicBench, path: str, value: Any) -> None:
    assert _api(bench).change(HOST, ("add", path, value)).done


def test_every_node_is_listed_once_over_all_pages(bench: IronicBench) -> None:
    whole, paged = _machines(bench), _machines(bench, page_nodes=7)
    assert whole == paged
    assert len(whole) > 70


def test_a_node_says_where_it_stands(bench: IronicBench) -> None:
    for name, value in {**PLACE, "flavor": ""}.items():
        _set(bench, f"/extra/{name}", value)
    machine = _machines(bench)[HOST]
    assert {name: machine.facts.get(name) for name in PLACE} == PLACE
    assert "flavor" not in machine.facts
    assert (machine.resource_class, machine.state, machine.retired) == ("gpu-host", "in_service", False)


def test_a_node_keeps_its_host_when_it_is_renamed(bench: IronicBench) -> None:
    provider = bench.provider()
    assert provider.hold(HOLDER, REGION, [HOST]) == {HOST: HoldOutcome.HELD}
    bench.while_a_hold_is_prepared()
    provider.release(HOLDER, [HOST])
    bench.while_a_hold_goes()
    assert bench.machines.state(HOST)["name"] != HOST
    assert _machines(bench)[HOST].state == "in_service"


def test_maintenance_and_what_does_not_answer_are_not_in_service(bench: IronicBench) -> None:
    found = _machines(bench)
    assert (found[BROKEN_HOST].state, found[STUCK_HOST].state) == ("out_of_service", "unhealthy")


def test_a_retired_node_takes_no_new_holder(bench: IronicBench) -> None:
    """Ironic refuses to retire one that is available: it is taken out first, or in use."""
    assert _api(bench).provision(HOST, "manage").done
    bench.machines.wait_until_idle()
    _set(bench, "/retired", value=True)
    machine = _machines(bench)[HOST]
    assert (machine.retired, machine.state) == (True, "out_of_service")


def test_a_node_without_a_name_is_told_by_its_uuid(bench: IronicBench) -> None:
    assert _api(bench).change(HOST, ("remove", "/name", None)).done
    (nameless,) = [machine for machine in _machines(bench).values() if machine.problem]
    assert nameless.host_id.count("-") == 4
    assert nameless.problem.startswith("it has no name")


def test_nodes_that_cannot_all_be_listed_are_no_fleet(bench: IronicBench) -> None:
    with bench.out_of_reach(), pytest.raises(FeedRefused) as refused:
        _machines(bench)
    assert refused.value.code is FeedRefusal.UNREACHABLE
    late = Deadline(lambda: 0.0)
    late.arm(0.5)
    with pytest.raises(FeedRefused, match="no time left"):
        IronicMachines(_api(bench, deadline=late)).machines()
