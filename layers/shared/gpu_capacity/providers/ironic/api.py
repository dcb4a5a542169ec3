"""Requests to Ironic, through openstacksdk.

Every change is addressed to a node by its *name*, never by its UUID: a late request to an older name finds no
node. See decision 65.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException
from requests import RequestException

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.ironic.keys import host_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gpu_capacity.deadline import Deadline

Entry = TypeVar("Entry")
Result = TypeVar("Result")

MICROVERSION: Final = "1.65"
"""Of the release of May 2020: the oldest with all that is used here."""

ATTEMPT_SECONDS: Final = 5.0
"""A request normally takes tens of milliseconds, and a few seconds if the node is locked."""

SIDE_BY_SIDE: Final = 8
PAGE_NODES: Final = 1000
LISTED_FROM: Final = 24
"""From this number of hosts on, a list of all nodes is quicker than a request for each."""

_FIELDS: Final = (
    "uuid,name,resource_class,instance_uuid,provision_state,power_state,target_power_state,"
    "maintenance,maintenance_reason,fault,retired,extra"
)
_NOT_ANSWERED: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@dataclass(frozen=True, slots=True)
class Node:
    """A machine as Ironic has it."""

    uuid: str
    name: str
    resource_class: str | None
    instance_uuid: str | None
    provision_state: str
    power_state: str | None
    target_power_state: str | None
    maintenance: bool
    maintenance_reason: str | None
    fault: str | None
    retired: bool
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request for a change. ``message`` is Ironic's own, for operators."""

    status: int
    message: str = ""

    @property
    def done(self) -> bool:
        """Whether Ironic has accepted the change."""
        return self.status < HTTPStatus.BAD_REQUEST

    @property
    def missed(self) -> bool:
        """Whether nothing has the name that the request was addressed to."""
        return self.status == HTTPStatus.NOT_FOUND

    @property
    def conflicts(self) -> bool:
        """Whether the node is locked, in transition or owned by another, or the new entry exists already."""
        return self.status == HTTPStatus.CONFLICT


class IronicApi:
    """Ironic, as the provider uses it. Every method raises ``ProviderUnavailable``.

    Args:
        connect: makes the connection of openstacksdk; called again after Ironic has refused its credentials.
        deadline: the deadline of the current invocation. No request is sent that could not end before.
        attempt_seconds: how long a request may take.
        page_nodes: how many nodes a list has at most.
    """

    def __init__(
        self,
        connect: Callable[[], Any],
        deadline: Deadline,
        attempt_seconds: float = ATTEMPT_SECONDS,
        page_nodes: int = PAGE_NODES,
    ) -> None:
        self._page_nodes = page_nodes
        self._attempt_seconds = attempt_seconds
        self._connect = connect
        self._deadline = deadline
        self._connection: Any = None

    def nodes(self, uuids: Mapping[str, str | None]) -> dict[str, Node]:
        """The nodes of hosts that exist, by host. ``uuids`` has the UUID of each host's node, if known."""
        if not uuids:
            return {}
        found: dict[str, Node] = {}
        if len(uuids) < LISTED_FROM:
            read = self.side_by_side(lambda host_id: self._node(uuids[host_id] or host_id), list(uuids))
            found = {host_id: node for host_id, node in read.items() if node is not None}
        unknown = {host_id for host_id in uuids.keys() - found.keys() if uuids[host_id] is None}
        if len(uuids) >= LISTED_FROM or unknown:
            by_uuid = {uuid: host_id for host_id, uuid in uuids.items() if uuid is not None}
            for node in self.every_node():
                host_id = by_uuid.get(node.uuid) or host_named(node.name)
                if host_id in uuids and uuids[host_id] in (None, node.uuid):
                    found[host_id] = node
        return found

    def every_node(self) -> Iterator[Node]:
        """Every node that these credentials see, in the order in which they were enrolled.

        A node that is there from the first page to the last is listed once.
        """
        path = f"/nodes?fields={_FIELDS}&limit={self._page_nodes}"
        marker = ""
        while True:
            page = self._content(self._send("GET", path + marker, None))
            nodes = [_node(each) for each in page["nodes"]]
            yield from nodes
            if "next" not in page or not nodes:
                return
            marker = f"&marker={nodes[-1].uuid}"

    def change(self, name: str, *operations: tuple[str, str, Any]) -> Answer:
        """Change fields of a node, all or none: (``add`` or ``remove``, path, value)."""
        patch = [
            {"op": op, "path": path} | ({} if op == "remove" else {"value": value})
            for op, path, value in operations
        ]
        return self._ask("PATCH", f"/nodes/{name}", patch)

    def set_aside(self, name: str, reason: str) -> Answer:
        """Set a node's maintenance, with its reason."""
        return self._ask("PUT", f"/nodes/{name}/maintenance", {"reason": reason})

    def bring_back(self, name: str) -> Answer:
        """Lift a node's maintenance."""
        return self._ask("DELETE", f"/nodes/{name}/maintenance", None)

    def provision(self, name: str, target: str, config_drive: Mapping[str, Any] | None = None) -> Answer:
        """Ask for a provision state: ``active``, ``rebuild`` or ``deleted``."""
        body = {"target": target} | ({"configdrive": config_drive} if config_drive else {})
        return self._ask("PUT", f"/nodes/{name}/states/provision", body)

    def power(self, name: str, target: str) -> Answer:
        """Ask for a power state."""
        return self._ask("PUT", f"/nodes/{name}/states/power", {"target": target})

    def allocate(self, uuid: str, node: Node, extra: Mapping[str, str]) -> Answer:
        """Ask for this node. Whether it is given shows later."""
        wanted = {"resource_class": node.resource_class, "candidate_nodes": [node.name]}
        return self._ask("POST", "/allocations", {"uuid": uuid, "extra": extra, **wanted})

    def refusal_of(self, uuid: str) -> str | None:
        """Why an allocation was refused, for operators; ``None`` if it was not, or does not exist."""
        response = self._send("GET", f"/allocations/{uuid}", None)
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        allocation = self._content(response)
        return str(allocation["last_error"]) if allocation["state"] == "error" else None

    def has_allocation(self, uuid: str) -> bool:
        """Whether an allocation exists, in any state."""
        response = self._send("GET", f"/allocations/{uuid}", None)
        if response.status_code == HTTPStatus.NOT_FOUND:
            return False
        self._content(response)
        return True

    def deallocate(self, uuid: str) -> Answer:
        """Remove an allocation; its node is free then."""
        return self._ask("DELETE", f"/allocations/{uuid}", None)

    def side_by_side(self, ask: Callable[[Entry], Result], entries: Sequence[Entry]) -> dict[Entry, Result]:
        """The results for all entries, some at a time."""
        if len(entries) <= 1:
            return {entry: ask(entry) for entry in entries}
        self._connected()
        with ThreadPoolExecutor(max_workers=min(SIDE_BY_SIDE, len(entries))) as pool:
            return dict(zip(entries, pool.map(ask, entries), strict=True))

    def _node(self, ident: str) -> Node | None:
        response = self._send("GET", f"/nodes/{ident}?fields={_FIELDS}", None)
        return None if response.status_code == HTTPStatus.NOT_FOUND else _node(self._content(response))

    def _ask(self, method: str, path: str, body: Any) -> Answer:
        response = self._send(method, path, body)
        return Answer(response.status_code, "" if response.ok else _fault(response.text))

    def _send(self, method: str, path: str, body: Any) -> Any:
        seconds = min(self._attempt_seconds, self._deadline.remaining_seconds())
        if seconds < 1:
            raise ProviderUnavailable("there is no time left to ask Ironic")
        more = {} if body is None else {"json": body}
        try:
            # Nothing is sent again from inside: what may have been done is looked at first.
            response = self._connected().request(
                path,
                method,
                microversion=MICROVERSION,
                timeout=seconds,
                connect_retries=0,
                status_code_retries=0,
                **more,
            )
        except (ClientException, SDKException, RequestException) as error:
            raise ProviderUnavailable("Ironic does not answer") from error
        if response.status_code == HTTPStatus.NOT_FOUND and not _fault(response.text):
            # What would be taken for a missing node is a wrong endpoint, or a gateway's own answer.
            raise ProviderUnavailable("there is no Ironic at its endpoint")
        if response.status_code in _NOT_ANSWERED:
            if response.status_code == HTTPStatus.UNAUTHORIZED:
                self._connection = None
            raise ProviderUnavailable(f"Ironic does not answer: {response.status_code}")
        return response

    def _connected(self) -> Any:
        try:
            self._connection = self._connection or self._connect()
            client = self._connection.baremetal
        except (ClientException, SDKException, RequestException) as error:
            raise ProviderUnavailable("Ironic does not answer") from error
        return client

    @staticmethod
    def _content(response: Any) -> dict[str, Any]:
        if not response.ok:
            raise ProviderUnavailable(f"Ironic does not answer: {response.status_code}")
        try:
            content = response.json()
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise ProviderUnavailable("Ironic answers with what is no JSON object")
        return content


def _node(found: Mapping[str, Any]) -> Node:
    try:
        return Node(
            uuid=found["uuid"],
            name=found["name"] or "",
            resource_class=found["resource_class"],
            instance_uuid=found["instance_uuid"],
            provision_state=found["provision_state"],
            power_state=found["power_state"],
            target_power_state=found["target_power_state"],
            maintenance=found["maintenance"],
            maintenance_reason=found["maintenance_reason"],
            fault=found["fault"],
            retired=found["retired"],
            extra=found["extra"] or {},
        )
    except (LookupError, TypeError) as error:
        raise ProviderUnavailable("Ironic describes a node in a way that cannot be read") from error


def _fault(text: str) -> str:
    """The sentence inside of an error; it is for people only."""
    try:
        error = json.loads(text)["error_message"]
        return str((json.loads(error) if isinstance(error, str) else error)["faultstring"])
    except (ValueError, LookupError, TypeError):
        return ""
