"""The servers of the simulated region. A read computes a server's state from the clock.

The item of a server has the phase that began last (``building``, ``rebuilding``, ``starting``, ``stopping``
or ``rebooting``) and when it ends. Which placement's server is on a host is written in the item that has the
host's holder, so one condition covers both. User data and names of other services are not kept.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.database import Committed
from gpu_capacity.dynamodb.tombstones import IS_FREE, TTL_ATTRIBUTE, free_at
from gpu_capacity.dynamodb.writes import Check, Put, Update
from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.actions import without_power, without_rebuild
from gpu_capacity.providers.host_keys import HOST_PREFIX, SERVER_PREFIX
from gpu_capacity.providers.port import ActionOutcome, DeployOutcome, PowerAction, Server, ServerState
from gpu_capacity.providers.simulated import keys
from gpu_capacity.providers.simulated.table import SimulatedTable
from gpu_capacity.providers.table import FENCE, FENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.providers.port import Page, ServerOrder

_SERVER, _HOLD, _HOST = "server", "hold", "host"
_CHANGES_MAX: Final = 8
_NAMES: Final = {"#server": "server"}

_BOOTED: Final = (ServerState.RUNNING, ServerState.REBUILDING, ServerState.STOPPING, ServerState.STOPPED)
_PHASE: Final = {
    PowerAction.START: "starting",
    PowerAction.STOP: "stopping",
    PowerAction.REBOOT: "rebooting",
    PowerAction.HARD_REBOOT: "rebooting",
}
_SHOWN: Final = {
    "starting": (ServerState.QUEUED, ServerState.RUNNING),
    "stopping": (ServerState.STOPPING, ServerState.STOPPED),
    "rebooting": (ServerState.STOPPING, ServerState.RUNNING),
}
"""The states during a phase in which nothing boots another image, and after it."""


class SimulatedServers(SimulatedTable):
    """The part of a ``HostProvider`` that is about servers, over the servers table."""

    def deploy(self, orders: Sequence[ServerOrder]) -> Mapping[str, DeployOutcome]:
        """See ``HostProvider.deploy``. One transaction checks fence and holds, and writes the servers."""
        outcomes: dict[str, DeployOutcome] = {}
        for owner in dict.fromkeys(order.owner for order in orders):
            mine = [order for order in orders if order.owner == owner]
            aside = self._lasting(order.host_id for order in mine)
            parts = {o.host_id: self._booting(o, aside=o.host_id in aside) for o in mine}
            now = self._clock.now()
            fence = Check(FENCE, self._table, keys.HOSTS.fence(owner), IS_FREE, {}, free_at(now))
            for host_id, refused in self._commit_each(parts, fence).items():
                outcomes[host_id] = _outcome(refused)
        return outcomes

    def undeploy(self, owner: str, host_ids: Sequence[str]) -> None:
        """See ``HostProvider.undeploy``. A repeated call does not begin again."""
        gone_at = self._clock.now() + self._behaviour.delete_seconds
        self._commit_each({host_id: self._removing(owner, host_id, gone_at) for host_id in host_ids})

    def power(self, owner: str, host_id: str, action: PowerAction) -> ActionOutcome:
        """See ``HostProvider.power``."""
        boots = self._behaviour.boots
        seconds = boots.stop_seconds if action is PowerAction.STOP else boots.reboot_seconds

        def change(item: dict[str, Any], server: Server) -> ActionOutcome | dict[str, Any]:
            if outcome := without_power(action, server.state, reboots=item["phase"] == "rebooting"):
                return outcome
            return {"phase": _PHASE[action], "until": self._clock.now() + seconds}

        return self._change(owner, host_id, change, is_stop=action is PowerAction.STOP)

    def rebuild(self, owner: str, host_id: str, image_id: str, generation: int) -> ActionOutcome:
        """See ``HostProvider.rebuild``."""

        def change(item: dict[str, Any], server: Server) -> ActionOutcome | dict[str, Any]:
            if outcome := without_rebuild(server.state, server.generation, generation):
                return outcome
            now = self._clock.now()
            until = now + self._behaviour.boots.rebuild_seconds
            booting = {"phase": "rebuilding", "until": until, "boot": int(item["boot"]) + 1}
            return booting | {"image": image_id, "generation": generation, "since": now}

        return self._change(owner, host_id, change)

    def servers(self, owner: str) -> Sequence[Server]:
        """See ``HostProvider.servers``."""
        items = self._query(keys.HOSTS.servers_partition(owner), SERVER_PREFIX)
        found = [server for item in items if (server := self._server_in(item))]
        return sorted(found, key=lambda server: server.ordinal)

    def servers_by_owner(self, owners: Sequence[str]) -> Mapping[str, Sequence[Server]]:
        """See ``HostProvider.servers_by_owner``."""
        return {owner: self.servers(owner) for owner in owners}

    def servers_on(self, host_ids: Sequence[str]) -> Sequence[Server]:
        """See ``HostProvider.servers_on``."""
        occupations = self._read_many([keys.HOSTS.host(host_id) for host_id in host_ids])
        places = [
            keys.HOSTS.server(str(item["server"]), str(item["pk"]).removeprefix(HOST_PREFIX))
            for item in occupations
            if "server" in item
        ]
        found = [server for item in self._read_many(places) if (server := self._server_in(item))]
        return sorted(found, key=lambda server: server.host_id)

    def every_server(self, after: str | None = None) -> Page[Server]:
        """See ``HostProvider.every_server``."""
        return self._page(after, self._server_in)

    def _booting(self, order: ServerOrder, *, aside: bool) -> list[Action]:
        """The writes that put a server on a held host. ``aside``: it is in maintenance."""
        now = self._clock.now()
        values = {
            "region": order.region_id,
            "ordinal": order.ordinal,
            "name": order.name,
            "generation": order.generation,
            "image": order.image_id,
            "network": order.network_id,
            "public": order.public_ip,
            "boot": 1,
            "phase": "building",
            "since": now,
            "until": now + self._behaviour.boots.boot_seconds,
        }
        at = {":now": encode_value(now)}
        broken = self._behaviour.hangs(order.host_id) or self._behaviour.fails(order.host_id)
        return [
            Put(
                f"{_SERVER} {order.host_id}",
                self._table,
                keys.HOSTS.server(order.owner, order.host_id) | encode(values),
                IS_FREE,
                {},
                free_at(now),
            ),
            Check(
                f"{_HOLD} {order.host_id}",
                self._table,
                keys.HOSTS.hold(order.holder_id, order.host_id),
                "attribute_not_exists(gone_at) AND attribute_not_exists(aside) AND ready_at <= :now",
                {},
                {":now": encode_value(-1)} if broken or aside else at,
            ),
            Update(
                f"{_HOST} {order.host_id}",
                self._table,
                keys.HOSTS.host(order.host_id),
                "SET #server = :owner REMOVE server_gone_at",
                "holder = :holder AND (attribute_not_exists(#server) OR server_gone_at <= :now)",
                _NAMES,
                {**at, ":owner": {"S": order.owner}, ":holder": {"S": order.holder_id}},
            ),
        ]

    def _removing(self, owner: str, host_id: str, gone_at: int) -> list[Action]:
        """The writes that remove a server from its host."""
        gone = {":gone_at": encode_value(gone_at)}
        return [
            Update(
                f"{_SERVER} {host_id}",
                self._table,
                keys.HOSTS.server(owner, host_id),
                f"SET gone_at = :gone_at, {TTL_ATTRIBUTE} = :sweep_at",
                "attribute_exists(pk) AND attribute_not_exists(gone_at)",
                {},
                {**gone, ":sweep_at": encode_value(gone_at + FENCE_SECONDS)},
            ),
            Update(
                f"{_HOST} {host_id}",
                self._table,
                keys.HOSTS.host(host_id),
                "SET server_gone_at = :gone_at",
                "#server = :owner",
                _NAMES,
                {**gone, ":owner": {"S": owner}},
            ),
        ]

    def _change(
        self,
        owner: str,
        host_id: str,
        change: Callable[[dict[str, Any], Server], ActionOutcome | dict[str, Any]],
        *,
        is_stop: bool = False,
    ) -> ActionOutcome:
        """Set what ``change`` returns of a server's item, unless something else changed it meanwhile.

        During a maintenance servers can be stopped only.
        """
        for _ in range(_CHANGES_MAX):
            item = self._read(keys.HOSTS.server(owner, host_id))
            server = self._server_in(item) if item is not None else None
            if item is None or server is None:
                return ActionOutcome.ABSENT
            wanted = change(item, server)
            if isinstance(wanted, ActionOutcome):
                return wanted
            if not is_stop and self._lasting([host_id]):
                return ActionOutcome.NOT_ALLOWED
            outcome = self._commit(
                Check(FENCE, self._table, keys.HOSTS.fence(owner), IS_FREE, {}, free_at(self._clock.now())),
                self._setting(owner, host_id, item, wanted),
            )
            if isinstance(outcome, Committed):
                return ActionOutcome.ACCEPTED
            if FENCE in outcome.items:
                return ActionOutcome.FENCED
        raise ProviderUnavailable("the simulated region is busy")

    def _setting(self, owner: str, host_id: str, item: dict[str, Any], wanted: dict[str, Any]) -> Update:
        """The write that sets attributes of a server that still is as it was read."""
        seen = {name: item[name] for name in ("phase", "until", "boot")}
        names = {f"#{name}": name for name in seen | wanted}
        values = encode({f":{name}": value for name, value in wanted.items()})
        return Update(
            _SERVER,
            self._table,
            keys.HOSTS.server(owner, host_id),
            "SET " + ", ".join(f"#{name} = :{name}" for name in wanted),
            "attribute_not_exists(gone_at) AND " + " AND ".join(f"#{name} = :seen_{name}" for name in seen),
            names,
            values | encode({f":seen_{name}": value for name, value in seen.items()}),
        )

    def _server_in(self, item: dict[str, Any]) -> Server | None:
        """The server in an item of the table; ``None`` if the item is not a server, or the server is gone."""
        partition, sort_key = str(item["pk"]), str(item["sk"])
        owner = partition.removeprefix(keys.HOSTS.servers_partition(""))
        if owner == partition or not sort_key.startswith(SERVER_PREFIX):
            return None
        host_id = sort_key.removeprefix(SERVER_PREFIX)
        state, message = self._state(host_id, item)
        if state is None:
            return None
        server = partial(
            Server,
            *(owner, host_id, int(item["ordinal"]), int(item["generation"]), str(item["image"]), state),
            message,
            since=int(item["since"]),
        )
        if state not in _BOOTED:
            return server()
        # Addresses belong to a server, and a server that moves keeps them. The card belongs to the host.
        name = f"{owner}:{item['ordinal']}"
        public_ip = _address("198.18", name) if item["public"] else None
        return server(private_ip=_address("10.64", name), public_ip=public_ip, mac_address=_mac(host_id))

    def _state(self, host_id: str, item: dict[str, Any]) -> tuple[ServerState | None, str]:
        """The state of a server with its message; ``None`` once it is gone."""
        now, boots = self._clock.now(), self._behaviour.boots
        if "gone_at" in item:
            return (ServerState.DELETING if now < item["gone_at"] else None), ""
        phase, going = str(item["phase"]), now < item["until"]
        if (shown := _SHOWN.get(phase)) is not None:
            return (shown[0] if going else shown[1]), ""
        boot = host_id, str(item["image"]), int(item["boot"])
        if going or boots.hangs(*boot):
            return ServerState(phase), ""
        if boots.fails(*boot):
            return ServerState.FAILED, "simulated boot failure"
        return ServerState.RUNNING, ""


def _outcome(refused: Mapping[str, dict[str, Any] | None]) -> DeployOutcome:
    """What became of an order, from the items that refused it."""
    if not refused:
        return DeployOutcome.DEPLOYED
    known = refused.get(_SERVER)
    if FENCE in refused or (known is not None and "gone_at" in known):
        return DeployOutcome.FENCED
    if known is not None:
        return DeployOutcome.DEPLOYED
    return DeployOutcome.NOT_HELD if _HOLD in refused else DeployOutcome.OCCUPIED


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _address(network: str, name: str) -> str:
    """An address that depends on the name only. Networks are given by their first two bytes."""
    third, fourth = _digest(name)[:2]
    return f"{network}.{third}.{fourth % 254 + 1}"


def _mac(name: str) -> str:
    """A locally administered MAC address that depends on the name only."""
    return ":".join(["02", *(f"{byte:02x}" for byte in _digest(name)[:5])])
