"""Corruptions of servers: left behind, each where it should not be."""

from __future__ import annotations

from typing import Final

from testkit.world import HOLDERS
from tests.upkeep.audit.planted import NOBODY, Corruptions, record
from tests.upkeep.audit.scene import Scene, leave_server

PLANTED_SERVERS: Final = Corruptions()
planted = PLANTED_SERVERS.planted


@planted("server_leaked")
def a_server_outlives_its_holder(scene: Scene) -> None:
    leave_server(scene, f"{NOBODY}-1780000000", "pod3-rack00-tray00")


@planted("server_leaked", repaired=True)
def a_server_of_an_earlier_life(scene: Scene) -> None:
    leave_server(scene, f"{scene.provisioned}-1", "pod3-rack00-tray00")


@planted("server_leaked", repaired=True)
def a_server_of_a_holder_that_left_a_tombstone(scene: Scene) -> None:
    scene.put(HOLDERS, record(NOBODY), status="gone", fingerprint="f", ttl_sweep_at=2_000_000_000)
    leave_server(scene, f"{NOBODY}-1780000000", "pod3-rack00-tray00")


@planted("server_disagrees")
def two_servers_have_a_host(scene: Scene) -> None:
    leave_server(scene, scene.reservation().server_owner, "pod3-rack00-tray00")
    leave_server(scene, scene.reservation(scene.pending).server_owner, "pod3-rack00-tray00")
