"""Only stacks with the simulated provider have permissions on its table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.template.loading import (
    SIMULATED,
    chosen,
    functions,
    resource_name,
    resources,
    statements,
    template,
)

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


def test_who_asks_ironic_may_do_with_the_table_what_it_does() -> None:
    """Who writes has a policy that writes; who reads has one that does not."""
    for name, properties in functions().items():
        policies = chosen(properties.get("Policies", []), **SIMULATED | {"UsesIronic": True})
        given = [policy["Ref"] for policy in policies if "Ref" in policy]
        simulated = [s for s in statements(properties) if _is_of_servers(s["Resource"])]
        writes = any("dynamodb:UpdateItem" in statement["Action"] for statement in simulated)
        if name == "AuditHoldersFunction":
            assert given == ["IronicAuditPolicy"]
        else:
            expected = ["IronicChangesPolicy" if writes else "IronicReadsPolicy"]
            assert given == (expected if name in OF_HOSTS else []), name


@pytest.mark.parametrize("policy", ["IronicReadsPolicy", "IronicChangesPolicy", "IronicAuditPolicy"])
def test_the_policies_of_ironic_reach_its_table_and_its_one_secret(policy: str) -> None:
    document = resources("AWS::IAM::ManagedPolicy")[policy]["PolicyDocument"]
    (table,) = chosen(document, HasIronicSecret=False)["Statement"]
    assert _is_of_servers(table["Resource"])
    writes = {"dynamodb:PutItem", "dynamodb:UpdateItem"} <= set(table["Action"])
    assert writes == (policy == "IronicChangesPolicy")
    for is_parameter, action in ((True, "ssm:GetParameter"), (False, "secretsmanager:GetSecretValue")):
        _, secret = chosen(document, HasIronicSecret=True, HasIronicParameter=is_parameter)["Statement"]
        assert secret["Action"] == [action]
        assert "${IronicSecret}" in secret["Resource"]["Fn::Sub"]


@pytest.mark.parametrize(
    ("condition", "parameter"), [("SimulatesHosts", "HostProvider"), ("SimulatesVms", "VmProvider")]
)
def test_the_conditions_follow_the_parameters(condition: str, parameter: str) -> None:
    assert template()["Conditions"][condition] == {"Fn::Equals": [{"Ref": parameter}, "simulated"]}
