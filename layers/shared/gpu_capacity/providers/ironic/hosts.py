"""A host provider over Ironic: holds. A hold is an allocation of one node.

Ironic forgets the allocation of a node when it removes a server from it. Our ledger does not, so nobody else
gets the host from us, and the next deploy writes the same UUID into the node again.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.tombstones import IS_FREE, TTL_ATTRIBUTE, free_at
from gpu_capacity.dynamodb.writes import Put, Update
from gpu_capacity.providers.host_keys import HOST_PREFIX
from gpu_capacity.providers.ironic import keys, states
from gpu_capacity.providers.ironic.servers import IronicServers
from gpu_capacity.providers.ironic.table import HOLD, HOST, sorted_by_host
from gpu_capacity.providers.port import Fitness, Hold, HoldOutcome, MaintenanceOutcome, Page
from gpu_capacity.providers.table import FENCE, FENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.providers.ironic.api import Node


class IronicHosts(IronicServers):
    """A ``HostProvider`` over Ironic and a ledger. The servers are in ``IronicServers``."""

    def hold(self, holder_id: str, region_id: str, host_ids: Sequence[str]) -> Mapping[str, HoldOutcome]:
        """See ``HostProvider.hold``. The ledger decides; then Ironic is asked to allocate the nodes."""
        outcomes: dict[str, HoldOutcome] = {}
        waiting = list(dict.fromkeys(host_ids))
        round_ = 0
        while waiting:
            hosts = self._hosts(waiting)
            nodes = self._nodes(waiting, hosts)
            decided = self._decide_holds(holder_id, region_id, waiting, hosts, nodes)
            asked = [
                host_id
                for host_id, outcome in decided.items()
                if outcome is HoldOutcome.HELD and host_id in nodes and nodes[host_id].instance_uuid is None
            ]
            given = self._api.side_by_side(partial(self._allocate, holder_id, nodes), asked)
            # A node that had another name by then was renamed: the holder was fenced, or an operator did it.
            waiting = [host_id for host_id, was_asked in given.items() if not was_asked]
            outcomes |= decided
            if waiting:
                self._again(round_)
                round_ += 1
        return outcomes

    def fence(self, owner: str) -> None:
        """See ``HostProvider.fence``.

        What is listed when this returns is what there is: a hold or server that Ironic had not been asked for
        is taken back, and its node has another name then, so that the request for it finds none.
        """
        expires = self._clock.now() + FENCE_SECONDS
        self._commit(Put(FENCE, self._table, keys.HOSTS.fence(owner) | encode({TTL_ATTRIBUTE: expires})))
        holds = {states.holder_and_host(item)[1]: item for item in self._held_by(owner)}
        servers = {states.owner_and_host(item)[1]: item for item in self._placed_by(owner)}
        host_ids = [host_id for host_id, item in (holds | servers).items() if "gone_at" not in item]
        hosts = self._hosts(host_ids)
        nodes = self._nodes(host_ids, hosts)
        for host_id, node in nodes.items():
            if host_id in servers:
                self._fence_server(servers[host_id], node)
            elif "server" not in hosts.get(host_id, {}):
                self._fence_hold(holds[host_id], node)

    def release(self, holder_id: str, host_ids: Sequence[str]) -> None:
        """See ``HostProvider.release``. A repeated call goes on where the last one has stopped."""
        now = self._clock.now()
        hosts = self._hosts(host_ids)
        mine = {host_id: host for host_id, host in hosts.items() if host["holder"] == holder_id}
        nodes = self._nodes(mine, mine)
        placed = self._servers(
            (host["server"], host_id) for host_id, host in mine.items() if "server" in host
        )
        bare = {
            host_id: host
            for host_id, host in mine.items()
            if "server" not in host
            or states.is_removed(placed.get((host["server"], host_id)), host, nodes.get(host_id), now)
        }
        self._commit_each(
            {host_id: self._releasing(holder_id, host_id, host) for host_id, host in bare.items()}
        )
        holds = self._holds((holder_id, host_id) for host_id in bare)
        going = [host_id for (_, host_id), hold in holds.items() if "gone_at" in hold and host_id in nodes]
        self._api.side_by_side(lambda host_id: self._give_back(holder_id, host_id, nodes[host_id]), going)

    def held(self, holder_id: str) -> Sequence[Hold]:
        """See ``HostProvider.held``."""
        return sorted_by_host(self._holds_in(self._held_by(holder_id)))

    def held_on(self, host_ids: Sequence[str]) -> Sequence[Hold]:
        """See ``HostProvider.held_on``."""
        hosts = self._hosts(host_ids)
        holds = self._holds((host["holder"], host_id) for host_id, host in hosts.items())
        return sorted_by_host(self._holds_in(holds.values()))

    def every_hold(self, after: str | None = None) -> Page[Hold]:
        """See ``HostProvider.every_hold``. A page of the ledger, with the nodes it names."""
        prefixes = keys.HOSTS.holds_partition(""), HOST_PREFIX
        page = self._page(after, partial(_under, *prefixes))
        return Page(tuple(self._holds_in(page.entries)), page.after)

    def fitness(self, host_ids: Sequence[str]) -> Mapping[str, Fitness]:
        """See ``HostProvider.fitness``.

        A request of a maintenance may reach Ironic after the maintenance has ended. What it did is undone
        here.
        """
        nodes = self._nodes(host_ids, self._hosts(host_ids))
        nodes |= self._brought_back(nodes)
        return {host_id: states.fitness(nodes.get(host_id)) for host_id in host_ids}

    def maintain(
        self, maintenance: str, host_ids: Sequence[str], reason: str
    ) -> Mapping[str, MaintenanceOutcome]:
        """See ``HostProvider.maintain``. What somebody else has set aside is left as it is."""
        begun = self._set_aside(maintenance, host_ids, reason)
        outcomes = dict.fromkeys(begun, MaintenanceOutcome.IN_MAINTENANCE)
        outcomes |= {host_id: MaintenanceOutcome.FENCED for host_id, lasts in begun.items() if not lasts}
        nodes = self._nodes([host_id for host_id, lasts in begun.items() if lasts], self._hosts(host_ids))
        asked = [host_id for host_id, node in nodes.items() if not node.maintenance]
        text = states.maintenance_reason(reason)
        given = self._api.side_by_side(
            lambda host_id: self._api.set_aside(nodes[host_id].name, text).done, asked
        )
        return outcomes | {host: MaintenanceOutcome.WAITING for host, is_set in given.items() if not is_set}

    def end_maintenance(self, maintenance: str, host_ids: Sequence[str]) -> None:
        """See ``HostProvider.end_maintenance``. If Ironic is at work on a node, ``fitness`` goes on."""
        self._bring_back(maintenance, host_ids)
        self._brought_back(self._nodes(host_ids, self._hosts(host_ids)))

    def _brought_back(self, nodes: Mapping[str, Node]) -> dict[str, Node]:
        """Lift the maintenance of nodes that are in none of ours any more; returns them as they are then."""
        ours = [host_id for host_id, node in nodes.items() if states.is_set_aside_by_us(node)]
        lasting = self._lasting(ours) if ours else {}
        over = [host_id for host_id in ours if host_id not in lasting]
        lifted = self._api.side_by_side(lambda host_id: self._api.bring_back(nodes[host_id].name).done, over)
        return {
            host_id: replace(nodes[host_id], maintenance=False, maintenance_reason=None)
            for host_id, is_lifted in lifted.items()
            if is_lifted
        }

    def _decide_holds(
        self,
        holder_id: str,
        region_id: str,
        host_ids: Sequence[str],
        hosts: Mapping[str, dict[str, Any]],
        nodes: Mapping[str, Node],
    ) -> dict[str, HoldOutcome]:
        """Write the holds that are possible. The ledger is read after the nodes, see ``IronicTable``."""
        if self._is_fenced(holder_id):
            return dict.fromkeys(host_ids, HoldOutcome.FENCED)
        now = self._clock.now()
        others = {(host["holder"], host_id) for host_id, host in hosts.items()}
        holds = self._holds(others | {(holder_id, host_id) for host_id in host_ids})
        decided: dict[str, HoldOutcome] = {}
        parts: dict[str, list[Action]] = {}
        for host_id in host_ids:
            host, node = hosts.get(host_id), nodes.get(host_id)
            if (own := holds.get((holder_id, host_id))) is not None:
                decided[host_id] = HoldOutcome.FENCED if "gone_at" in own else HoldOutcome.HELD
            elif (
                host is not None
                and not states.is_released(holds.get((host["holder"], host_id)), host, node, now)
            ) or (node is not None and node.instance_uuid is not None):
                decided[host_id] = HoldOutcome.OCCUPIED
            else:
                parts[host_id] = self._taking(holder_id, region_id, host_id, host, node)
        for host_id, refused in self._commit_each(parts, self._fence_check(holder_id)).items():
            decided[host_id] = _outcome(refused)
        return decided

    def _allocate(self, holder_id: str, nodes: Mapping[str, Node], host_id: str) -> bool:
        """Ask for a node. Whether Ironic was asked: nothing else had to be decided first."""
        answer = self._api.allocate(
            keys.allocation(holder_id, host_id), nodes[host_id], {"holder": holder_id}
        )
        return answer.done or answer.conflicts

    def _fence_hold(self, hold: Mapping[str, Any], node: Node) -> None:
        """Take a hold back unless Ironic has been asked for it."""
        holder_id, host_id = states.holder_and_host(hold)
        uuid = keys.allocation(holder_id, host_id)
        if uuid == node.instance_uuid or self._api.has_allocation(uuid):
            return
        # If something else is at work on the node, its owner is not this one.
        self._moved(node, keys.name_after(holder_id, host_id))
        if not self._api.has_allocation(uuid):
            self._commit(self._ended(HOLD, keys.HOSTS.hold(holder_id, host_id), self._clock.now() - 1))

    def _give_back(self, holder_id: str, host_id: str, node: Node) -> None:
        """Free a node that this holder has released, and give it the name that no request of it has."""
        uuid, name = keys.allocation(holder_id, host_id), keys.name_after(holder_id, host_id)
        if node.instance_uuid == uuid:
            self._moved(node, name, ("remove", "/instance_uuid", None), ("add", "/instance_info", {}))
        else:
            self._moved(node, name)
            self._api.deallocate(uuid)

    def _holds_in(self, items: Iterable[dict[str, Any]]) -> list[Hold]:
        """The holds that some items of the ledger are. ``sorted_by_host`` orders them."""
        items = list(items)
        now, host_ids = self._clock.now(), [states.holder_and_host(item)[1] for item in items]
        hosts = self._hosts(host_ids)
        nodes = self._nodes(dict.fromkeys(host_ids), hosts)
        found = []
        for item in items:
            holder_id, host_id = states.holder_and_host(item)
            ask = partial(self._api.refusal_of, keys.allocation(holder_id, host_id))
            state, message = states.hold_state(item, hosts.get(host_id), nodes.get(host_id), now, ask)
            if state is not None:
                found.append(Hold(holder_id, host_id, state, message, int(item["since"])))
        return found

    def _held_by(self, holder_id: str) -> list[dict[str, Any]]:
        return self._query(keys.HOSTS.holds_partition(holder_id), HOST_PREFIX)

    def _taking(
        self, holder_id: str, region_id: str, host_id: str, host: Mapping[str, Any] | None, node: Node | None
    ) -> list[Action]:
        """The writes that hold a host which was read as free."""
        now = self._clock.now()
        seen = {":holder": encode_value(host["holder"] if host else "")}
        uuid = node.uuid if node else (host or {}).get("node")
        values = {"region": region_id, "since": now}
        return [
            Put(
                f"{HOLD} {host_id}",
                self._table,
                keys.HOSTS.hold(holder_id, host_id) | encode(values),
                IS_FREE,
                {},
                free_at(now),
            ),
            Put(
                f"{HOST} {host_id}",
                self._table,
                keys.HOSTS.host(host_id) | encode({"holder": holder_id, "node": uuid}),
                "attribute_not_exists(pk) OR holder = :holder",
                {},
                seen,
            ),
        ]

    def _releasing(self, holder_id: str, host_id: str, host: Mapping[str, Any]) -> list[Action]:
        """The writes that release a held host on which no server was seen."""
        return [
            self._ended(f"{HOLD} {host_id}", keys.HOSTS.hold(holder_id, host_id), self._clock.now()),
            # The node gets another name now, and the server that is gone would be known by the one before.
            Update(
                f"{HOST} {host_id}",
                self._table,
                keys.HOSTS.host(host_id),
                "REMOVE #server",
                "holder = :holder AND (attribute_not_exists(#server) OR #server = :seen)",
                {"#server": "server"},
                {":holder": encode_value(holder_id), ":seen": encode_value(host.get("server", ""))},
            ),
        ]


def _outcome(refused: Mapping[str, dict[str, Any] | None]) -> HoldOutcome:
    """What became of a hold, from the items that refused it."""
    if not refused:
        return HoldOutcome.HELD
    if FENCE in refused:
        return HoldOutcome.FENCED
    if (own := refused.get(HOLD)) is not None:
        return HoldOutcome.FENCED if "gone_at" in own else HoldOutcome.HELD
    return HoldOutcome.OCCUPIED


def _under(partition: str, prefix: str, item: dict[str, Any]) -> dict[str, Any] | None:
    """The item, if its keys begin like this."""
    return item if str(item["pk"]).startswith(partition) and str(item["sk"]).startswith(prefix) else None
