"""Reads and writes maintenances in the inventory table.

A record is written whole, on the condition of the revision that was read. A host is recorded as taken in one
transaction that demands the revision, so that nothing is taken for a maintenance that was changed, cancelled
or ended meanwhile.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.database import Busy, Committed, Refused
from gpu_capacity.dynamodb.tombstones import IS_FREE, free_at
from gpu_capacity.dynamodb.writes import Check, Delete, Put
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.inventory.maintenance_items import (
    decode_maintained_host,
    decode_maintenance,
    encode_maintained_host,
    encode_maintenance,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.inventory.maintenances import MaintainedHost, Maintenance

_MAINTENANCE: Final = "maintenance"
_HOSTS_PER_WRITE: Final = 90
_SENDS_MAX: Final = 8


class MaintenanceStore:
    """Maintenances, and the hosts that each has taken.

    Args:
        database: where to read and write.
        table: name of the inventory table.
    """

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def get(self, maintenance_id: str) -> Maintenance | None:
        """A maintenance as read now; ``None`` if there is none of this id.

        Raises:
            UnreadableItem: it cannot be read.
        """
        item = self._database.get(self._table, keys.maintenance(maintenance_id))
        return decode_maintenance(item) if item else None

    def every(self) -> list[Maintenance]:
        """All maintenances as read now, in the order of their ids; those that are over for some time.

        One that cannot be read is reported and left out.
        """
        found = self._database.query(self._table, keys.MAINTENANCES_PARTITION, keys.MAINTENANCE_PREFIX)
        return list(self._database.readable(found, decode_maintenance))

    def create(self, maintenance: Maintenance) -> None:
        """Record a new maintenance. Its id is random, so a record under it is this one.

        Raises:
            StorageUnavailable: the outcome is unknown.
        """
        now = self._database.now()
        item = encode_maintenance(maintenance)
        self._definite(Put(_MAINTENANCE, self._table, item, IS_FREE, {}, free_at(now)))

    def change(self, before: Maintenance, after: Maintenance) -> Maintenance | None:
        """Replace a maintenance, if it still is as it was read. Returns it as written; else ``None``.

        Raises:
            StorageUnavailable: the outcome is unknown.
        """
        written = replace(after, revision=before.revision + 1)
        item, unchanged = encode_maintenance(written), self.unchanged(before)
        write = Put(_MAINTENANCE, self._table, item, unchanged.condition, unchanged.names, unchanged.values)
        refused = self._definite(write)
        if refused is None:
            return written
        found = refused.items.get(_MAINTENANCE)
        # The write may have been sent twice, and its first answer lost.
        return written if found is not None and decode_maintenance(found) == written else None

    def unchanged(self, maintenance: Maintenance) -> Check:
        """For a transaction that is allowed only while a maintenance is as it was read."""
        return Check(
            _MAINTENANCE,
            self._table,
            keys.maintenance(maintenance.id),
            "#revision = :revision",
            {"#revision": "revision"},
            {":revision": encode_value(maintenance.revision)},
        )

    def hosts(self, maintenance_id: str) -> list[MaintainedHost]:
        """The hosts that a maintenance has taken, as read now, in the order of their ids.

        Raises:
            UnreadableItem: one cannot be read.
        """
        partition = keys.maintained_hosts_partition(maintenance_id)
        found = self._database.query(self._table, partition, keys.HOST_PREFIX)
        return [decode_maintained_host(item) for item in found]

    def take(self, maintenance: Maintenance, hosts: Sequence[MaintainedHost]) -> bool:
        """Record hosts as taken, if the maintenance still is as it was read. Whether all are recorded.

        Those that are recorded already stay as they are.

        Raises:
            StorageUnavailable: the outcome is unknown.
        """
        for start in range(0, len(hosts), _HOSTS_PER_WRITE):
            batch = hosts[start : start + _HOSTS_PER_WRITE]
            refused = self._definite(
                self.unchanged(maintenance),
                *(
                    Put(host.host_id, self._table, encode_maintained_host(host), "attribute_not_exists(pk)")
                    for host in batch
                ),
            )
            if refused is not None:
                return False
        return True

    def change_host(self, before: MaintainedHost, after: MaintainedHost) -> bool:
        """Replace the item of a host, if it still is as it was read. Whether it was."""
        marks = ("in_effect_since", "stopped", "back_since")
        seen = {mark: value for mark in marks if (value := getattr(before, mark)) is not None}
        condition = ["#name = :name", *(f"{mark} = :{mark}" for mark in seen)]
        condition += [f"attribute_not_exists({mark})" for mark in marks if mark not in seen]
        put = Put(
            before.host_id,
            self._table,
            encode_maintained_host(after),
            " AND ".join(condition),
            {"#name": "name"},
            {":name": encode_value(before.name)} | encode({f":{mark}": seen[mark] for mark in seen}),
        )
        return self._definite(put) is None

    def give_back(self, host: MaintainedHost) -> None:
        """Remove the item of a host that is back. It is no error if it is gone already."""
        self._definite(
            Delete(
                host.host_id,
                self._table,
                keys.maintained_host(host.maintenance_id, host.host_id),
                "#name = :name",
                {"#name": "name"},
                {":name": encode_value(host.name)},
            )
        )

    def _definite(self, *actions: Action) -> Refused | None:
        """Write, and send it again until the database has decided. ``None`` when it is written."""
        for attempt in range(_SENDS_MAX):
            try:
                outcome = self._database.commit(*actions)
            except StorageUnavailable:
                if attempt + 1 == _SENDS_MAX:
                    raise
                self._database.pause(attempt)
                continue
            if isinstance(outcome, Committed):
                return None
            if not isinstance(outcome, Busy):
                return outcome
            self._database.pause(attempt)
        raise StorageUnavailable("the maintenance stayed busy", outcome_unknown=False)
