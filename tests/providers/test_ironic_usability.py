"""What a fleet document says of a node."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_capacity.providers.ironic.api import Node
from gpu_capacity.providers.ironic.states import maintenance_reason, usability

PLAIN: dict[str, Any] = {
    "uuid": "u",
    "name": "h",
    "resource_class": "c",
    "instance_uuid": None,
    "provision_state": "available",
    "power_state": "power off",
    "target_power_state": None,
    "maintenance": False,
    "maintenance_reason": None,
    "fault": None,
    "retired": False,
    "extra": {},
}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "in_service"),
        ({"power_state": "power on", "provision_state": "active"}, "in_service"),
        ({"provision_state": "deploying"}, "in_service"),
        ({"provision_state": "wait call-back"}, "in_service"),
        ({"provision_state": "deploy failed"}, "in_service"),
        ({"provision_state": "cleaning"}, "in_service"),
        ({"retired": True}, "in_service"),
        ({"maintenance": True}, "out_of_service"),
        ({"maintenance": True, "maintenance_reason": "fans"}, "out_of_service"),
        ({"maintenance": True, "maintenance_reason": maintenance_reason("fans")}, "in_service"),
        ({"provision_state": "enroll", "power_state": None}, "out_of_service"),
        ({"provision_state": "manageable"}, "out_of_service"),
        ({"provision_state": "inspecting"}, "out_of_service"),
        ({"provision_state": "rescue"}, "out_of_service"),
        ({"provision_state": "servicing"}, "out_of_service"),
        ({"provision_state": "a state to come"}, "out_of_service"),
        ({"maintenance": True, "fault": "power failure"}, "unhealthy"),
        ({"maintenance": True, "fault": "clean failure", "provision_state": "clean failed"}, "unhealthy"),
        ({"provision_state": "error"}, "unhealthy"),
        ({"provision_state": "inspect failed"}, "unhealthy"),
        ({"provision_state": "service failed"}, "unhealthy"),
        ({"power_state": None}, "unhealthy"),
        ({"power_state": "error"}, "unhealthy"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_node_decides_its_state(changes: dict[str, Any], state: str) -> None:
    assert usability(Node(**PLAIN | changes)) == state
