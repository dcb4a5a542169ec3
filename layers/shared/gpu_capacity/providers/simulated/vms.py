"""A VM provider that simulates servers in a table, like ``region``.

A read computes a server's state from the clock. Conditions of the writes ensure what a real provider has to
ensure, too: a GPU has at most one server, a host that is held has no VM, and a fence is
respected.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.database import Committed
from gpu_capacity.dynamodb.tombstones import IS_FREE, TTL_ATTRIBUTE, free_at
from gpu_capacity.dynamodb.writes import Check, Delete, Put, Update
from gpu_capacity.providers.port import StartOutcome, Usage, VmServer, VmServerState
from gpu_capacity.providers.simulated import keys
from gpu_capacity.providers.simulated.table import SimulatedTable
from gpu_capacity.providers.table import FENCE, FENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gpu_capacity.dynamodb.keys import Key
    from gpu_capacity.providers.port import Page, VmOrder

_SERVER = "server"
_FREE: Final = "attribute_not_exists(pk) OR gone_at <= :now"
_USAGE_SECONDS: Final = 60
_PERMILLE: Final = 1001


class SimulatedVms(SimulatedTable):
    """A ``VmProvider`` over the servers table."""

    def start(self, order: VmOrder) -> StartOutcome:
        """See ``VmProvider.start``. One transaction checks fence and GPUs, and writes server and disk.

        The login is not stored. During a maintenance a node takes no server.
        """
        if self._lasting([order.host_id]) and not self._is_decided(order.owner):
            return StartOutcome.OCCUPIED
        now = self._clock.now()
        values = {":now": encode_value(now)}
        numbers = _numbers(order.gpus)
        server = keys.vm_server(order.owner) | encode(
            {
                "host": order.host_id,
                "gpus": order.gpus,
                "started_at": now,
                "ready_at": now + self._behaviour.ready_seconds,
            }
        )
        disk = keys.vm_disk(order.vm_id) | encode(
            {"storage_gb": order.storage_gb, "template": order.template_vmid, "host": order.host_id}
        )
        occupation = encode({"owner": order.owner})
        outcome = self._commit(
            Check(FENCE, self._table, keys.vm_fence(order.owner), IS_FREE, {}, free_at(now)),
            Check("host", self._table, keys.HOSTS.host(order.host_id), _FREE, {}, values),
            Put(_SERVER, self._table, server, IS_FREE, {}, free_at(now)),
            Put("disk", self._table, disk),
            *(
                Put(
                    f"gpu:{gpu}",
                    self._table,
                    keys.occupied_gpu(order.host_id, gpu) | occupation,
                    _FREE,
                    {},
                    values,
                )
                for gpu in numbers
            ),
        )
        if isinstance(outcome, Committed):
            return StartOutcome.STARTED
        if FENCE in outcome.items:
            return StartOutcome.FENCED
        return StartOutcome.STARTED if _SERVER in outcome.items else StartOutcome.OCCUPIED

    def fence(self, owner: str) -> None:
        """See ``VmProvider.fence``."""
        expires = self._clock.now() + FENCE_SECONDS
        self._commit(Put(FENCE, self._table, keys.vm_fence(owner) | encode({TTL_ATTRIBUTE: expires})))

    def stop(self, owner: str) -> None:
        """See ``VmProvider.stop``. A repeated call does not start the removal again.

        One transaction marks server and GPUs, so that the GPUs become free at the moment the server is gone.
        """
        item = self._read(keys.vm_server(owner))
        if item is None or "gone_at" in item:
            return
        gone_at = self._clock.now() + self._behaviour.delete_seconds
        change = f"SET gone_at = :gone_at, {TTL_ATTRIBUTE} = :sweep_at"
        values = {":gone_at": encode_value(gone_at), ":sweep_at": encode_value(gone_at + FENCE_SECONDS)}
        self._commit(
            Update(
                _SERVER,
                self._table,
                keys.vm_server(owner),
                change,
                "attribute_not_exists(gone_at)",
                {},
                values,
            ),
            *(
                Update(
                    f"gpu:{gpu}",
                    self._table,
                    keys.occupied_gpu(item["host"], gpu),
                    change,
                    "#owner = :owner",
                    {"#owner": "owner"},
                    {**values, ":owner": {"S": owner}},
                )
                for gpu in _numbers(int(item["gpus"]))
            ),
        )

    def server(self, owner: str) -> VmServer | None:
        """See ``VmProvider.server``. Does not delete the item of a server that is gone: it expires."""
        item = self._read(keys.vm_server(owner))
        return self._observed(item) if item is not None else None

    def every_server(self, after: str | None = None) -> Page[VmServer]:
        """See ``VmProvider.every_server``."""
        return self._page(after, self._observed)

    def has_disk(self, vm_id: str) -> bool:
        """See ``VmProvider.has_disk``."""
        return self._read(keys.vm_disk(vm_id)) is not None

    def every_disk(self, after: str | None = None) -> Page[str]:
        """See ``VmProvider.every_disk``."""
        return self._page(after, _disk_owner)

    def is_vacant(self, host_id: str, gpus: int) -> bool:
        """See ``VmProvider.is_vacant``."""
        now = self._clock.now()
        found = (self._read(keys.occupied_gpu(host_id, gpu)) for gpu in _numbers(gpus))
        return all(item is None or item.get("gone_at", now + 1) <= now for item in found)

    def delete_disk(self, vm_id: str) -> None:
        """See ``VmProvider.delete_disk``."""
        self._commit(Delete("disk", self._table, keys.vm_disk(vm_id)))

    def usage(self, owners: Sequence[str]) -> Mapping[str, Usage]:
        """See ``VmProvider.usage``. The values depend on the run and the minute only; nothing is read."""
        minute = self._clock.now() // _USAGE_SECONDS
        return {
            owner: Usage(_percent(f"cpu:{owner}:{minute}"), _percent(f"ram:{owner}:{minute}"))
            for owner in owners
        }

    def _is_decided(self, owner: str) -> bool:
        """Whether the run has a server or is fenced."""
        found = (self._read(keys.vm_server(owner)), self._read(keys.vm_fence(owner)))
        return any(item is not None for item in found)

    def _observed(self, item: dict[str, Any]) -> VmServer | None:
        """The server in an item of the table; ``None`` if the item is not a server, or the server is gone."""
        owner, now = _named(item, keys.vm_server), self._clock.now()
        if owner is None:
            return None
        server = partial(
            VmServer, owner, str(item["host"]), int(item["gpus"]), started_at=int(item["started_at"])
        )
        if "gone_at" in item:
            return server(VmServerState.DELETING) if now < item["gone_at"] else None
        if self._behaviour.hangs(item["host"]) or now < item["ready_at"]:
            return server(VmServerState.STARTING)
        if self._behaviour.fails(item["host"]):
            return server(VmServerState.FAILED, message="simulated hardware fault")
        return server(VmServerState.READY, ip_address=_address(owner))


def _numbers(gpus: int) -> list[int]:
    """The numbers of the GPUs in a mask."""
    return [gpu for gpu in range(gpus.bit_length()) if gpus >> gpu & 1]


def _named(item: dict[str, Any], key_of: Callable[[str], Key]) -> str | None:
    """The name in an item's key, if the item has a key of this kind; else ``None``."""
    _, _, name = str(item["pk"]).partition("#")
    return name if key_of(name) == {"pk": {"S": item["pk"]}, "sk": {"S": item["sk"]}} else None


def _disk_owner(item: dict[str, Any]) -> str | None:
    return _named(item, keys.vm_disk)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _address(owner: str) -> str:
    """A private IP address that depends on the run only."""
    a, b, c = _digest(f"address:{owner}")[:3]
    return f"10.{a}.{b}.{c % 254 + 1}"


def _percent(text: str) -> float:
    return int.from_bytes(_digest(text)[:4], "big") % _PERMILLE / 10
