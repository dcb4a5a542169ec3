"""Only stacks with the simulated provider have permissions on its table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.template.loading import functions, resource_name, statements, template

OF_HOSTS = {
    *("ReservationStepsFunction", "PlacementStepsFunction", "GetOrganizationTopologyFunction"),
    *("CreatePlacementFunction", "ListPlacementsFunction", "GetPlacementFunction", "UpdatePlacementFunction"),
    *("ListPlacementServersFunction", "GetPlacementServerFunction", "ReconcilePlacementServerFunction"),
    *("StartPlacementServerFunction", "StopPlacementServerFunction", "RebootPlacementServerFunction"),
}
OF_VMS = {"VmStepsFunction"}


@pytest.mark.parametrize("hosts", [True, False])
@pytest.mark.parametrize("vms", [True, False])
def test_a_stack_with_other_providers_grants_no_access_to_the_simulated_providers_table(
    *, hosts: bool, vms: bool
) -> None:
    conditions = {"SimulatesHosts": hosts, "SimulatesVms": vms, "SimulatesAny": hosts or vms}
    reach = {
        name
        for name, properties in functions().items()
        for statement in statements(properties, **conditions)
        if _is_of_servers(statement["Resource"])
    }
    expected = (OF_HOSTS if hosts else set()) | (OF_VMS if vms else set())
    assert reach == expected | ({"AuditHoldersFunction"} if expected else set())


def _is_of_servers(resource: Any) -> bool:
    return "GetAtt" in str(resource) and resource_name(resource) == "servers"


@pytest.mark.parametrize(
    ("condition", "parameter"), [("SimulatesHosts", "HostProvider"), ("SimulatesVms", "VmProvider")]
)
def test_the_conditions_follow_the_parameters(condition: str, parameter: str) -> None:
    assert template()["Conditions"][condition] == {"Fn::Equals": [{"Ref": parameter}, "simulated"]}
