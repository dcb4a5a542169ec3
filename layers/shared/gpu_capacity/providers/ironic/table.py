"""The ledger: which hosts are whose, in the servers table; and the nodes that go with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.tombstones import IS_FREE, TTL_ATTRIBUTE, free_at
from gpu_capacity.dynamodb.writes import Check, Put, Update
from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.providers.aside import AsideTable
from gpu_capacity.providers.ironic import keys, states
from gpu_capacity.providers.table import FENCE, FENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.dynamodb.keys import Key
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.ports import Clock, Pause, Telemetry
    from gpu_capacity.providers.ironic.api import IronicApi, Node
    from gpu_capacity.providers.ironic.images import Images
    from gpu_capacity.providers.port import ServerOrder

SERVER, HOLD, HOST = "server", "hold", "host"
"""Labels of writes; a write's label ends with a space and its host."""

ROUNDS_MAX: Final = 8
"""How often a request that something else overtook is decided again."""


class IronicTable(AsideTable):
    """The ledger and Ironic.

    The ledger decides, in transactions, as the simulated region does. Ironic is then made to follow, by
    requests to the name that the node had *before* the decision: whoever ends an ownership decides that first
    and renames the node afterwards, so a request of that owner reaches nothing, however late it arrives.
    """

    def __init__(
        self,
        database: Database,
        table: str,
        clock: Clock,
        pause: Pause,
        api: IronicApi,
        images: Images,
        telemetry: Telemetry,
    ) -> None:
        super().__init__("Ironic", database, table, clock, pause)
        self._api = api
        self._images = images
        self._telemetry = telemetry

    def _aside_partition(self) -> str:
        return keys.HOSTS.maintained_partition

    def _hosts(self, host_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What the ledger has of these hosts, by host."""
        items = self._read_many([keys.HOSTS.host(host_id) for host_id in dict.fromkeys(host_ids)])
        return {_host_of(item): item for item in items}

    def _nodes(self, host_ids: Iterable[str], hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, Node]:
        """The nodes of these hosts, by host."""
        return self._api.nodes({host_id: hosts.get(host_id, {}).get("node") for host_id in host_ids})

    def _holds(self, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
        """The holds under (holder, host)."""
        wanted = {
            (str(key["pk"]["S"]), str(key["sk"]["S"])): place
            for place in places
            for key in [keys.HOSTS.hold(*place)]
        }
        items = self._read_many([keys.HOSTS.hold(*place) for place in wanted.values()])
        return {wanted[item["pk"], item["sk"]]: item for item in items}

    def _servers(self, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
        """The servers under (owner, host)."""
        wanted = {
            (str(key["pk"]["S"]), str(key["sk"]["S"])): place
            for place in places
            for key in [keys.HOSTS.server(*place)]
        }
        items = self._read_many([keys.HOSTS.server(*place) for place in wanted.values()])
        return {wanted[item["pk"], item["sk"]]: item for item in items}

    def _is_fenced(self, owner: str) -> bool:
        return self._read(keys.HOSTS.fence(owner)) is not None

    def _fence_check(self, owner: str) -> Check:
        """Refuses a transaction of an owner that is fenced."""
        return Check(FENCE, self._table, keys.HOSTS.fence(owner), IS_FREE, {}, free_at(self._clock.now()))

    def _again(self, round_: int) -> None:
        """Wait before what was overtaken is decided again.

        Raises:
            ProviderUnavailable: it was overtaken too often.
        """
        if round_ + 1 >= ROUNDS_MAX:
            raise ProviderUnavailable("Ironic is busy")
        self._pause(round_)

    def _moved(self, node: Node, name: str, *operations: tuple[str, str, Any]) -> bool:
        """Give a node its next name, and change it in the same request. Whether that is done now.

        It is not while Ironic is at work on the node.
        """
        if node.name == name and not operations:
            return True
        renaming = () if node.name == name else (("add", "/name", name),)
        return self._api.change(node.name, *renaming, *operations).done

    def _replacing(self, item: Mapping[str, Any], after: Mapping[str, Any]) -> Put:
        """The write that changes a server which still is as it was read."""
        owner, host_id = states.owner_and_host(item)
        seen = {name: item[name] for name in ("phase", "changed_at", "boot", "generation")}
        values = {name: value for name, value in after.items() if name not in ("pk", "sk")}
        return Put(
            SERVER,
            self._table,
            keys.HOSTS.server(owner, host_id) | encode(values),
            "attribute_not_exists(gone_at) AND " + " AND ".join(f"#{name} = :{name}" for name in seen),
            {f"#{name}": name for name in seen},
            encode({f":{name}": value for name, value in seen.items()}),
        )

    def _placing(self, order: ServerOrder, host: Mapping[str, Any]) -> list[Action]:
        """The writes that put a server on a held host which was read as vacant."""
        now = self._clock.now()
        values = {
            "region": order.region_id,
            "holder": order.holder_id,
            "ordinal": order.ordinal,
            "generation": order.generation,
            "image": order.image_id,
            "public": order.public_ip,
            "boot": 1,
            "phase": states.BUILDING,
            "since": now,
            "changed_at": now,
        }
        return [
            Put(
                f"{SERVER} {order.host_id}",
                self._table,
                keys.HOSTS.server(order.owner, order.host_id) | encode(values),
                IS_FREE,
                {},
                free_at(now),
            ),
            Check(
                f"{HOLD} {order.host_id}",
                self._table,
                keys.HOSTS.hold(order.holder_id, order.host_id),
                "attribute_exists(pk) AND attribute_not_exists(gone_at)",
            ),
            Update(
                f"{HOST} {order.host_id}",
                self._table,
                keys.HOSTS.host(order.host_id),
                "SET #server = :owner",
                "holder = :holder AND (attribute_not_exists(#server) OR #server = :seen)",
                {"#server": "server"},
                {
                    ":owner": encode_value(order.owner),
                    ":holder": encode_value(order.holder_id),
                    ":seen": encode_value(host.get("server", "")),
                },
            ),
        ]

    def _ended(self, label: str, key: Key, gone_at: int) -> Update:
        """The write that ends a hold or a server. Its item stays as long as a fence."""
        return Update(
            label,
            self._table,
            key,
            f"SET gone_at = :gone_at, {TTL_ATTRIBUTE} = :sweep_at",
            "attribute_exists(pk) AND attribute_not_exists(gone_at)",
            {},
            {":gone_at": encode_value(gone_at), ":sweep_at": encode_value(gone_at + FENCE_SECONDS)},
        )


def _host_of(item: Mapping[str, Any]) -> str:
    return str(item["pk"]).removeprefix(str(keys.HOSTS.host("")["pk"]["S"]))


def sorted_by_host(entries: Sequence[Any]) -> list[Any]:
    """Entries in order of their host ids."""
    return sorted(entries, key=lambda entry: entry.host_id)
