"""The servers of a host provider over Ironic.

A server is an item of the ledger and what Ironic deploys on its node. Ironic gets the image in
``instance_info`` and the user data as a config drive.
"""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb.client import encode_value
from gpu_capacity.dynamodb.database import Committed
from gpu_capacity.dynamodb.writes import Update
from gpu_capacity.providers.actions import without_power, without_rebuild
from gpu_capacity.providers.host_keys import SERVER_PREFIX
from gpu_capacity.providers.ironic import keys, states
from gpu_capacity.providers.ironic.table import HOLD, SERVER, IronicTable, sorted_by_host
from gpu_capacity.providers.port import (
    ActionOutcome,
    DeployOutcome,
    HoldState,
    Page,
    PowerAction,
    Server,
    ServerState,
)
from gpu_capacity.providers.table import FENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.providers.ironic.api import Answer, Node
    from gpu_capacity.providers.port import ServerOrder


_ADDRESSED: Final = (ServerState.RUNNING, ServerState.REBUILDING, ServerState.STOPPING, ServerState.STOPPED)
_PHASE: Final = {
    PowerAction.START: states.STARTING,
    PowerAction.STOP: states.STOPPING,
    PowerAction.REBOOT: states.REBOOTING,
    PowerAction.HARD_REBOOT: states.REBOOTING,
}
_POWER: Final = {
    PowerAction.START: "power on",
    PowerAction.STOP: "soft power off",
    PowerAction.REBOOT: "soft rebooting",
    PowerAction.HARD_REBOOT: "rebooting",
}


class IronicServers(IronicTable):
    """The part of a ``HostProvider`` that is about servers, over Ironic and a ledger."""

    def deploy(self, orders: Sequence[ServerOrder]) -> Mapping[str, DeployOutcome]:
        """See ``HostProvider.deploy``. The ledger decides; then Ironic is asked to deploy."""
        outcomes: dict[str, DeployOutcome] = {}
        for owner in dict.fromkeys(order.owner for order in orders):
            waiting = {order.host_id: order for order in orders if order.owner == owner}
            round_ = 0
            while waiting:
                decided, unbegun = self._deploy_round(owner, waiting)
                outcomes |= decided
                waiting = {host_id: waiting[host_id] for host_id in unbegun}
                if waiting:
                    self._again(round_)
                    round_ += 1
        return outcomes

    def undeploy(self, owner: str, host_ids: Sequence[str]) -> None:
        """See ``HostProvider.undeploy``. A repeated call goes on where the last one has stopped."""
        hosts = self._hosts(host_ids)
        nodes = self._nodes(dict.fromkeys(host_ids), hosts)
        now = self._clock.now()
        self._commit_each(
            {
                host_id: [self._ended(f"{SERVER} {host_id}", keys.HOSTS.server(owner, host_id), now)]
                for host_id in dict.fromkeys(host_ids)
            }
        )
        self._go_on_removing(self._servers((owner, host_id) for host_id in host_ids).values(), hosts, nodes)

    def power(self, owner: str, host_id: str, action: PowerAction) -> ActionOutcome:
        """See ``HostProvider.power``."""

        def change(item: Mapping[str, Any], server: Server) -> ActionOutcome | dict[str, Any]:
            reboots = item["phase"] == states.REBOOTING
            return without_power(action, server.state, reboots=reboots) or {
                "phase": _PHASE[action],
                "changed_at": self._clock.now(),
            }

        def ask(_: Mapping[str, Any], node: Node) -> bool:
            target = _POWER[action]
            if action is PowerAction.HARD_REBOOT and node.power_state != "power on":
                target = "power on"
            return self._api.power(node.name, target).done

        return self._change(owner, host_id, change, ask, is_stop=action is PowerAction.STOP)

    def rebuild(self, owner: str, host_id: str, image_id: str, generation: int) -> ActionOutcome:
        """See ``HostProvider.rebuild``. While Ironic is at work on the node, the rebuild waits until then."""

        def change(_: Mapping[str, Any], server: Server) -> ActionOutcome | dict[str, Any]:
            now = self._clock.now()
            return without_rebuild(server.state, server.generation, generation) or {
                "phase": states.REBUILDING,
                "changed_at": now,
                "since": now,
                "image": image_id,
                "generation": generation,
            }

        return self._change(owner, host_id, change, self._rebuild)

    def servers(self, owner: str) -> Sequence[Server]:
        """See ``HostProvider.servers``."""
        return self.servers_by_owner([owner])[owner]

    def servers_by_owner(self, owners: Sequence[str]) -> Mapping[str, Sequence[Server]]:
        """See ``HostProvider.servers_by_owner``. Goes on with what Ironic could not be asked for yet."""
        items = [item for owner in dict.fromkeys(owners) for item in self._placed_by(owner)]
        host_ids = dict.fromkeys(states.owner_and_host(item)[1] for item in items)
        hosts = self._hosts(host_ids)
        nodes = self._nodes(host_ids, hosts)
        found = self._servers_among(items, hosts, nodes)
        self._go_on_removing((item for item in items if "gone_at" in item), hosts, nodes)
        waiting = [item for item in items if "gone_at" not in item]
        for item in waiting:
            owner, host_id = states.owner_and_host(item)
            node = nodes.get(host_id)
            if node is None or node.maintenance:
                continue
            if states.is_pending(item, node) and not self._is_fenced(owner):
                self._rebuild(item, node)
        by_owner: dict[str, list[Server]] = {owner: [] for owner in owners}
        for server in sorted(found, key=lambda server: server.ordinal):
            by_owner[server.owner].append(server)
        return by_owner

    def servers_on(self, host_ids: Sequence[str]) -> Sequence[Server]:
        """See ``HostProvider.servers_on``."""
        hosts = self._hosts(host_ids)
        items = self._servers(
            (host["server"], host_id) for host_id, host in hosts.items() if "server" in host
        )
        nodes = self._nodes([host_id for _, host_id in items], hosts)
        return sorted_by_host(self._servers_among(items.values(), hosts, nodes))

    def every_server(self, after: str | None = None) -> Page[Server]:
        """See ``HostProvider.every_server``. A page of the ledger, with the nodes it names."""
        prefix = keys.HOSTS.servers_partition("")
        page = self._page(after, lambda item: item if str(item["pk"]).startswith(prefix) else None)
        host_ids = dict.fromkeys(states.owner_and_host(item)[1] for item in page.entries)
        hosts = self._hosts(host_ids)
        return Page(tuple(self._servers_among(page.entries, hosts, self._nodes(host_ids, hosts))), page.after)

    def _deploy_round(
        self, owner: str, orders: Mapping[str, ServerOrder]
    ) -> tuple[dict[str, DeployOutcome], list[str]]:
        """The outcomes, and the hosts on which something else was faster than the request to Ironic."""
        hosts = self._hosts(orders)
        nodes = self._nodes(orders, hosts)
        decided = self._decide_orders(owner, orders, hosts, nodes)
        servers = self._servers((owner, host_id) for host_id in orders)
        new = [
            host_id
            for (_, host_id), server in servers.items()
            if decided[host_id] is DeployOutcome.DEPLOYED
            and host_id in nodes
            and nodes[host_id].provision_state == states.AVAILABLE
            and not {"failure", "gone_at"} & server.keys()
        ]
        begun = self._api.side_by_side(
            lambda host_id: self._begin(servers[owner, host_id], nodes[host_id], orders[host_id]), new
        )
        return decided, [host_id for host_id, is_begun in begun.items() if not is_begun]

    def _decide_orders(
        self,
        owner: str,
        orders: Mapping[str, ServerOrder],
        hosts: Mapping[str, dict[str, Any]],
        nodes: Mapping[str, Node],
    ) -> dict[str, DeployOutcome]:
        """Write the servers that are possible. The ledger is read after the nodes, see ``IronicTable``."""
        if self._is_fenced(owner):
            return dict.fromkeys(orders, DeployOutcome.FENCED)
        now = self._clock.now()
        others = {(host["server"], host_id) for host_id, host in hosts.items() if "server" in host}
        servers = self._servers(others | {(owner, host_id) for host_id in orders})
        holds = self._holds((order.holder_id, host_id) for host_id, order in orders.items())
        decided: dict[str, DeployOutcome] = {}
        parts: dict[str, list[Action]] = {}
        for host_id, order in orders.items():
            host, node = hosts.get(host_id), nodes.get(host_id)
            hold = holds.get((order.holder_id, host_id))
            if (own := servers.get((owner, host_id))) is not None:
                decided[host_id] = DeployOutcome.FENCED if "gone_at" in own else DeployOutcome.DEPLOYED
            elif not self._is_held(hold, host, node) or host is None or node is None or node.maintenance:
                decided[host_id] = DeployOutcome.NOT_HELD
            elif (
                "server" in host
                and not states.is_removed(servers.get((host["server"], host_id)), host, node, now)
            ) or node.provision_state != states.AVAILABLE:
                decided[host_id] = DeployOutcome.OCCUPIED
            else:
                parts[host_id] = self._placing(order, host)
        for host_id, refused in self._commit_each(parts, self._fence_check(owner)).items():
            decided[host_id] = _outcome(refused)
        return decided

    def _is_held(
        self, hold: Mapping[str, Any] | None, host: Mapping[str, Any] | None, node: Node | None
    ) -> bool:
        if hold is None or host is None or host["holder"] != states.holder_and_host(hold)[0]:
            return False
        state, _ = states.hold_state(hold, host, node, self._clock.now(), lambda: None)
        return state is HoldState.HELD

    def _begin(self, server: Mapping[str, Any], node: Node, order: ServerOrder) -> bool:
        """Ask Ironic to deploy what the ledger has. Whether it was asked, or refuses for good."""
        allocation = keys.allocation(str(server["holder"]), order.host_id)
        info = self._images.of(str(server["image"])) | {"display_name": order.name}
        held = () if node.instance_uuid else (("add", "/instance_uuid", allocation),)
        answer = self._api.change(node.name, ("add", "/instance_info", info), *held)
        if answer.done:
            answer = self._api.provision(node.name, "active", _config_drive(order))
        return self._is_settled(server, answer)

    def _rebuild(self, server: Mapping[str, Any], node: Node) -> bool:
        """Ask Ironic for the boot that the ledger has. Whether it was asked, refuses for good, or later."""
        owner, host_id = states.owner_and_host(server)
        name = keys.name_after(owner, host_id, int(server["boot"]))
        info = self._images.of(str(server["image"]))
        fields = [("add", f"/instance_info/{field}", value) for field, value in info.items()]
        answer = self._api.change(node.name, ("add", "/name", name), *fields)
        if answer.conflicts:
            return True
        if answer.done:
            target = states.ACTIVE if node.provision_state == states.AVAILABLE else "rebuild"
            answer = self._api.provision(name, target)
        return self._is_settled(server, answer)

    def _is_settled(self, server: Mapping[str, Any], answer: Answer) -> bool:
        """Whether nothing has to be decided again. A refusal for good is noted in the ledger."""
        if answer.done:
            return True
        if answer.missed or answer.conflicts:
            return False
        owner, host_id = states.owner_and_host(server)
        self._telemetry.warning("Ironic refuses a server", host=host_id, owner=owner, answer=answer.message)
        self._commit(
            Update(
                SERVER,
                self._table,
                keys.HOSTS.server(owner, host_id),
                "SET failure = :failure",
                "boot = :boot AND attribute_not_exists(gone_at)",
                {},
                {":failure": encode_value(answer.message), ":boot": encode_value(server["boot"])},
            )
        )
        return True

    def _fence_server(self, server: Mapping[str, Any], node: Node) -> None:
        """Let no late request reach a server, and take it back unless Ironic has been asked for it."""
        owner, host_id = states.owner_and_host(server)
        renamed = self._moved(node, keys.name_after(owner, host_id))
        if node.provision_state != states.AVAILABLE or not renamed:
            return
        now = self._nodes([host_id], {host_id: {"node": node.uuid}}).get(host_id)
        if now is None or now.provision_state == states.AVAILABLE:
            self._commit(self._ended(SERVER, keys.HOSTS.server(owner, host_id), self._clock.now() - 1))

    def _go_on_removing(
        self,
        items: Iterable[Mapping[str, Any]],
        hosts: Mapping[str, Mapping[str, Any]],
        nodes: Mapping[str, Node],
    ) -> None:
        """Ask for what is left to do until these servers are gone."""
        going = [
            place
            for item in items
            if "gone_at" in item
            for place in [states.owner_and_host(item)]
            if place[1] in nodes and hosts.get(place[1], {}).get("server") == place[0]
        ]
        self._api.side_by_side(lambda place: self._remove(*place, nodes[place[1]]), going)

    def _remove(self, owner: str, host_id: str, node: Node) -> None:
        """Give a node the name that no request of its server has, and have the server removed."""
        name = keys.name_after(owner, host_id)
        named = name if self._moved(node, name) else node.name
        if states.is_removable(node):
            self._api.provision(named, "deleted")

    def _change(
        self,
        owner: str,
        host_id: str,
        change: Callable[[Mapping[str, Any], Server], ActionOutcome | dict[str, Any]],
        ask: Callable[[Mapping[str, Any], Node], bool],
        *,
        is_stop: bool = False,
    ) -> ActionOutcome:
        """Write what ``change`` wants of a server, unless something else changed it, and ``ask`` for it.

        During a maintenance servers can be stopped only.
        """
        round_ = 0
        while True:
            hosts = self._hosts([host_id])
            nodes = self._nodes([host_id], hosts)
            item = self._read(keys.HOSTS.server(owner, host_id))
            servers = self._servers_among([item] if item else [], hosts, nodes)
            if item is None or not servers:
                return ActionOutcome.ABSENT
            wanted = change(item, servers[0])
            if not is_stop and isinstance(wanted, dict) and host_id in nodes and nodes[host_id].maintenance:
                wanted = ActionOutcome.NOT_ALLOWED
            if isinstance(wanted, ActionOutcome):
                return ActionOutcome.FENCED if self._is_fenced(owner) else wanted
            after = {**item, **wanted}
            if wanted["phase"] == states.REBUILDING:
                after["boot"] = int(item["boot"]) + 1
                after.pop("failure", None)
            outcome = self._commit(self._fence_check(owner), self._replacing(item, after))
            if isinstance(outcome, Committed):
                if host_id not in nodes or ask(after, nodes[host_id]):
                    return ActionOutcome.ACCEPTED
            elif FENCE in outcome.items:
                return ActionOutcome.FENCED
            self._again(round_)
            round_ += 1

    def _placed_by(self, owner: str) -> list[dict[str, Any]]:
        return self._query(keys.HOSTS.servers_partition(owner), SERVER_PREFIX)

    def _servers_among(
        self,
        items: Iterable[Mapping[str, Any]],
        hosts: Mapping[str, Mapping[str, Any]],
        nodes: Mapping[str, Node],
    ) -> list[Server]:
        """The servers that some items of the ledger are."""
        now, believed = self._clock.now(), states.are_faults_believed(nodes.values())
        found = []
        for item in items:
            owner, host_id = states.owner_and_host(item)
            node = nodes.get(host_id)
            state, message = states.server_state(
                item, hosts.get(host_id), node, now, faults_believed=believed
            )
            if state is not None:
                found.append(_server(item, owner, host_id, state, message, node))
        return found


def _server(
    item: Mapping[str, Any], owner: str, host_id: str, state: ServerState, message: str, node: Node | None
) -> Server:
    """A server with its addresses, which sites write into the node."""
    server = partial(
        Server,
        *(owner, host_id, int(item["ordinal"]), int(item["generation"]), str(item["image"]), state, message),
        since=int(item["since"]),
    )
    if node is None or state not in _ADDRESSED:
        return server()
    return server(
        private_ip=node.extra.get("private_ip"),
        public_ip=node.extra.get("public_ip") if item["public"] else None,
        mac_address=node.extra.get("mac_address"),
    )


def _config_drive(order: ServerOrder) -> dict[str, Any] | None:
    """What cloud-init reads on the server. Without user data there is none."""
    if order.user_data is None:
        return None
    text = base64.b64decode(order.user_data).decode(errors="replace")
    return {"meta_data": {"name": order.name, "hostname": order.name}, "user_data": text}


def _outcome(refused: Mapping[str, dict[str, Any] | None]) -> DeployOutcome:
    """What became of an order, from the items that refused it."""
    if not refused:
        return DeployOutcome.DEPLOYED
    if FENCE in refused:
        return DeployOutcome.FENCED
    if (own := refused.get(SERVER)) is not None:
        return DeployOutcome.FENCED if "gone_at" in own else DeployOutcome.DEPLOYED
    return DeployOutcome.NOT_HELD if HOLD in refused else DeployOutcome.OCCUPIED
