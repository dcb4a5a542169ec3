"""Only stacks with the simulated provider have permissions on its table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.template.loading import functions, resource_name, statements, template

OF_HOSTS = {
    *("ReservationStepsFunction", "PlacementStepsFunction", "GetOrganizationTopologyFunction"),
    *("CreatePlacementFunction", "ListPlacementsFunction", "GetPlacementFunction", "UpdatePlacementFunction"),
    *("ListPlacementServersFunction", "GetPlacementServerFunction", "ReconcilePlacementServerFunction"),
    "ReportPlacementServerFaultFunction",
    *("StartPlacementServerFunction", "StopPlacementServerFunction", "RebootPlacementServerFunction"),
}
OF_MAINTENANCES = "RunMaintenancesFunction"
OF_HOSTS.add(OF_MAINTENANCES)
OF_VMS = {"VmStepsFunction"}
OF_ALL = {"AuditHoldersFunction", "RepairFindingsFunction", "WatchProvidersFunction"}
"""Those that list everything of both kinds of providers."""


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
    assert reach == expected | (OF_ALL if expected else set())


def _is_of_servers(resource: Any) -> bool:
    return "GetAtt" in str(resource) and resource_name(resource) == "servers"


IRONIC = {"SimulatesHosts": False, "SimulatesVms": False, "SimulatesAny": False, "UsesIronic": True}


def test_who_asks_ironic_reads_its_table_and_writes_it_where_the_simulated_one_is_written() -> None:
    for name, properties in functions().items():
        simulated, ironic = (
            {a for s in statements(properties, **c) if _is_of_servers(s["Resource"]) for a in s["Action"]}
            for c in ({"SimulatesVms": False, "SimulatesAny": name not in OF_VMS}, IRONIC)
        )
        expected = set()
        if name in OF_HOSTS | OF_ALL:
            expected = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}
        if "dynamodb:UpdateItem" in simulated and name in OF_HOSTS | OF_ALL:
            expected |= {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem"}
        if name == OF_MAINTENANCES:
            expected |= {"dynamodb:DeleteItem"}
        assert ironic - {"dynamodb:Scan"} == expected, name
        assert ("dynamodb:Scan" in ironic) == (name in OF_ALL)


@pytest.mark.parametrize(
    ("condition", "secret", "readers"),
    [
        ("ReadsIronicSecret", "IronicSecret", OF_HOSTS | OF_ALL | {"SyncInventoryFunction"}),
        ("ReadsNetboxSecret", "NetboxSecret", {"SyncInventoryFunction"}),
    ],
)
def test_who_asks_ironic_or_netbox_reads_the_one_secret_with_its_credentials(
    condition: str, secret: str, readers: set[str]
) -> None:
    reach = {}
    for name, properties in functions().items():
        without = statements(properties, **IRONIC)
        more = [s for s in statements(properties, **IRONIC, **{condition: True}) if s not in without]
        if more:
            (reach[name],) = more
    assert set(reach) == readers
    for statement in reach.values():
        assert statement["Action"] == ["secretsmanager:GetSecretValue"]
        assert statement["Resource"] == {"Ref": secret}


@pytest.mark.parametrize(
    ("condition", "parameter"), [("SimulatesHosts", "HostProvider"), ("SimulatesVms", "VmProvider")]
)
def test_the_conditions_follow_the_parameters(condition: str, parameter: str) -> None:
    assert template()["Conditions"][condition] == {"Fn::Equals": [{"Ref": parameter}, "simulated"]}
