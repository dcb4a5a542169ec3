"""The nodes of Ironic as a list of machines, for the fleet document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import FeedRefusal, FeedRefused, ProviderUnavailable
from gpu_capacity.ports import Machine
from gpu_capacity.providers.ironic import keys, states
from gpu_capacity.providers.ironic.api import IronicApi
from gpu_capacity.providers.ironic.connection import connector

if TYPE_CHECKING:
    from gpu_capacity.deadline import Deadline
    from gpu_capacity.providers.ironic.api import Node

PAGE_SECONDS: Final = 20.0
"""How long a page of 1,000 nodes may take. It normally takes a second."""


def machines_at(endpoint: str, secret: str, deadline: Deadline) -> IronicMachines:
    """The machines of the Ironic at a URL, with the credentials in a secret; with none if it has no name."""
    return IronicMachines(IronicApi(connector(endpoint, secret), deadline, PAGE_SECONDS))


class IronicMachines:
    """A ``MachineList``: every node that the credentials see. Its ``extra`` says where it stands."""

    def __init__(self, api: IronicApi) -> None:
        self._api = api

    def machines(self) -> list[Machine]:
        """See ``MachineList``."""
        try:
            return [_machine(number, node) for number, node in enumerate(self._api.every_node())]
        except ProviderUnavailable as error:
            raise FeedRefused(FeedRefusal.UNREACHABLE, f"the nodes cannot be listed: {error}") from error


def _machine(number: int, node: Node) -> Machine:
    return Machine(
        host_id=keys.host_named(node.name) or node.uuid,
        resource_class=node.resource_class,
        state=states.usability(node),
        retired=node.retired,
        enrolled=number,
        facts={name: value for name, value in node.extra.items() if value not in (None, "")},
        problem="" if node.name else "it has no name, and its name is its fence",
    )
