"""When a machine that does not answer has lost its server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_capacity.providers.ironic.api import Node
from gpu_capacity.providers.ironic.states import are_faults_believed, is_removable, server_state
from gpu_capacity.providers.port import ServerState
from tests.providers.test_ironic_usability import PLAIN

UP = Node(**PLAIN | {"provision_state": "active", "power_state": "power on"})
SILENT = replace(UP, power_state=None, maintenance=True, fault="power failure")
SERVER: dict[str, Any] = {
    "pk": "IRONICPLACEMENT#p",
    "sk": "SERVER#h",
    "phase": "building",
    "changed_at": 10,
    "boot": 1,
}
HOST = {"server": "p"}


def test_a_server_on_a_silent_machine_has_failed() -> None:
    assert server_state(SERVER, HOST, UP, 20)[0] is ServerState.RUNNING
    assert server_state(SERVER, HOST, SILENT, 20) == (ServerState.FAILED, "the host does not answer")


def test_a_server_in_maintenance_alone_has_not_failed() -> None:
    """Somebody works on the machine, or has stopped others from using it."""
    assert server_state(SERVER, HOST, replace(UP, maintenance=True), 20)[0] is ServerState.RUNNING


def test_a_server_that_is_being_removed_is_still_being_removed() -> None:
    assert server_state(SERVER | {"gone_at": 15}, HOST, SILENT, 20)[0] is ServerState.DELETING


def test_nobody_fails_by_a_fault_that_is_not_believed() -> None:
    assert server_state(SERVER, HOST, SILENT, 20, faults_believed=False)[0] is ServerState.RUNNING


@pytest.mark.parametrize(
    ("silent", "answering", "believed"),
    [(0, 0, True), (1, 0, True), (3, 0, True), (4, 0, False), (4, 3, False), (4, 4, True), (36, 140, True)],
)
def test_faults_of_most_machines_at_once_are_not_theirs(
    silent: int, answering: int, *, believed: bool
) -> None:
    assert are_faults_believed([SILENT] * silent + [UP] * answering) is believed


def test_ironic_is_asked_to_remove_a_server_once_its_machine_answers() -> None:
    """Asked before, it would fail each time, and leave the node in `error`."""
    assert not is_removable(SILENT)
    assert is_removable(UP)
    assert is_removable(replace(UP, provision_state="error"))
