"""Runs Ironic with fake machines beside the emulator: the hosts of `make run PROVIDER=ironic`."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from testkit.fleet.places import catalogue_of, facts_of
from testkit.ironic.process import IronicFailedError, Options, running_ironic
from testkit.sample_fleet import metal_fleet
from tools.local_stack.emulator import usual_port
from tools.local_stack.errors import LaunchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testkit.ironic.machines import Machines
    from tools.local_stack.state import State

WATCH_SECONDS = 15
"""How often Ironic asks machines for their power. One that is unplugged has a fault after twice that time."""
ENROLLED = "enrolled"
_IMAGES = "https://images.example.com/{image}"
"""Fake machines fetch no images."""


@dataclass(frozen=True)
class Metal:
    """An Ironic that runs, with its machines."""

    url: str
    client: Path
    """The `openstack` command."""

    @property
    def parameters(self) -> dict[str, str]:
        """Template parameters of a stack over it."""
        return {
            "HostProvider": "ironic",
            "IronicEndpoint": self.url,
            "IronicImages": _IMAGES,
            "IronicChecksums": f"{_IMAGES}.sha256",
            "FleetSource": f"ironic://{self.url.removeprefix('http://')}",
            "SyncSchedule": "rate(1 minute)",
        }

    @property
    def listing(self) -> str:
        """The command that lists the nodes."""
        return f"{self.client} --os-auth-type none --os-endpoint {self.url} baremetal node list"


@contextmanager
def running(state: State, python: Path) -> Iterator[tuple[Metal, bool]]:
    """Run Ironic for the time of the block; yield it, and whether its machines are new.

    Raises:
        LaunchError: it does not start.
    """
    folder = state.folder / "ironic"
    folder.mkdir(parents=True, exist_ok=True)
    # The nodes of a start that was cut short are not all there.
    enrolled = folder / ENROLLED
    is_new = not enrolled.exists()
    if is_new:
        for left in folder.glob("ironic.sqlite*"):
            left.unlink()
    options = Options(port=usual_port(state, "ironicPort"), watch_seconds=WATCH_SECONDS)
    try:
        with running_ironic(python, folder, options) as machines:
            if is_new:
                _enrol(machines)
                enrolled.touch()
            yield Metal(machines.url, python.with_name("openstack")), is_new
    except IronicFailedError as error:
        raise LaunchError(str(error)) from None


def catalogue() -> dict[str, Any]:
    """What the nodes do not say."""
    return catalogue_of(metal_fleet())


def _enrol(machines: Machines) -> None:
    found = list(facts_of(metal_fleet()))
    machines.enrol(
        [host_id for host_id, _, _ in found],
        {host_id: {"resource_class": resource_class} for host_id, resource_class, _ in found},
        {host_id: facts for host_id, _, facts in found},
    )
