"""Stores capacity claims, their names and the queues of waiting claims in the holders table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.capacity_claims.items import decode_claim, decode_name, decode_place, encode_claim
from gpu_capacity.capacity_claims.record import TRANSITIONS, CapacityClaim
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.tombstones import GONE
from gpu_capacity.dynamodb.writes import Check, Delete, Put, Update
from gpu_capacity.holders import quota_store as quotas
from gpu_capacity.holders.quota import INSTANCES
from gpu_capacity.holders.store import RECORD, HolderStore, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gpu_capacity.dynamodb.database import Database, Refused
    from gpu_capacity.dynamodb.tombstones import Tombstone
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.errors import UnreadableItem
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.store import HolderKey
    from gpu_capacity.holders.tries import Tries

NAME: Final = "name"
RETURNS_LABEL: Final = "returns:"

PASSED_OVER_SECONDS: Final = 60
"""How long a claim whose record cannot be read is left out of its queues. Repaired, it comes first again."""


@dataclass(frozen=True, slots=True)
class QueueHead:
    """The claim that is served first, and what a round for it demands of the queue.

    ``holder`` is (organization id, claim id) of the oldest claim that waits; None if the queue is empty.
    ``returns`` counts how often a claim came back into the queue. While it is unchanged, no claim that is
    older than the first one can have appeared.
    """

    holder: HolderKey | None
    returns: int


CLAIMS: Final = Kind(CapacityClaim, keys.CLAIM_PREFIX, encode_claim, decode_claim, TRANSITIONS)


class ClaimStore(HolderStore[CapacityClaim]):
    """Capacity claims in the holders table.

    Args:
        database: where to read and write.
        table: name of the holders table.
    """

    def __init__(self, database: Database, table: str) -> None:
        super().__init__(database, table, CLAIMS)
        self._passed_over: dict[HolderKey, int] = {}

    def named(self, organization_id: str, name: str) -> CapacityClaim | None:
        """The claim of an organization under a name; None if there is none."""
        item = self._database.get(self.table, keys.claim_name(organization_id, name))
        return None if item is None else self.get(organization_id, decode_name(item))

    def head_of_queue(self, zone: str, instance_id: str) -> QueueHead:
        """The oldest claim that waits and is not passed over; strongly consistent."""
        returns = 0
        # Two items a page: the count of returns comes before the first claim.
        entries = self._database.query(self.table, keys.queue_partition(zone, instance_id), limit=2)
        for entry in self._database.readable(entries, decode_place):
            if isinstance(entry, int):
                returns = entry
            elif not self._is_passed_over(entry):
                return QueueHead(entry, returns)
        return QueueHead(None, returns)

    def queue(self, zone: str, instance_id: str) -> list[HolderKey]:
        """All claims that wait, oldest first, as (organization id, claim id)."""
        entries = self._database.query(self.table, keys.queue_partition(zone, instance_id))
        places = self._database.readable(entries, decode_place)
        return [place for place in places if not isinstance(place, int)]

    def pass_over(self, holder: HolderKey, error: UnreadableItem) -> bool:
        """Leave a claim out of its queues for ``PASSED_OVER_SECONDS``, if the error is about its own record.

        This store alone does so: other processes learn of the error by themselves.

        Returns:
            Whether the claim is left out; false if another item cannot be read.
        """
        record = keys.capacity_claim(*holder)
        if error.key != (record["pk"]["S"], record["sk"]["S"]):
            return False
        self._passed_over[holder] = self._database.now() + PASSED_OVER_SECONDS
        return True

    def _is_passed_over(self, holder: HolderKey) -> bool:
        return self._passed_over.get(holder, 0) > self._database.now()

    def leave_queue(self, zone: str, instance_id: str, holder: HolderKey) -> None:
        """Remove a claim's entry from a queue, unless the claim exists at the moment of the write."""
        for entry in self._database.query(self.table, keys.queue_partition(zone, instance_id)):
            if (entry.get("organization"), entry.get("claim")) == holder:
                gone = Check(
                    RECORD,
                    self.table,
                    keys.capacity_claim(*holder),
                    "attribute_not_exists(pk) OR #status = :gone",
                    {"#status": "status"},
                    {":gone": {"S": GONE}},
                )
                key = {"pk": {"S": entry["pk"]}, "sk": {"S": entry["sk"]}}
                self._database.commit(gone, Delete("entry", self.table, key))
                return

    def add(
        self, claim: CapacityClaim, quota: Quota | None, tries: Tries, over: Tombstone | None = None
    ) -> Refused | None:
        """Record a new claim with its name and its places in the queues, in one transaction.

        Args:
            claim: what to write.
            quota: the organization's quota on instances, which then counts the claim; None if it has none.
            tries: as in ``create``.
            over: as in ``create``.

        Returns:
            None when it is written, else the conditions that failed.
        """
        name = keys.claim_name(claim.organization_id, claim.name) | encode({"claim": claim.id})
        beside: list[Action] = [
            Put(NAME, self.table, name, "attribute_not_exists(pk)"),
            *self._queue_changes(None, claim),
        ]
        if quota is not None:
            beside.append(quotas.count(self.table, quota, claim.instance_count))
        return self.create(claim, claim.created_at, *beside, over=over, tries=tries)

    def update(
        self,
        before: CapacityClaim,
        after: CapacityClaim,
        pods: Iterable[Update] = (),
        quota: Quota | None = None,
        turns: Mapping[str, int] | None = None,
    ) -> CapacityClaim | Refused:
        """Write a changed claim, with the pods that it takes hosts from or gives back to, in one transaction.

        Args:
            before: the record as read.
            after: the record as it is to be.
            pods: writes of pods.
            quota: the organization's quota on instances, if it has one and the instance count changes.
            turns: for each zone that hosts are taken from, the returns of its queue as read. The write
                demands that they are unchanged, so that the claim is still the first there.

        Returns:
            The claim as written, or the conditions that failed.
        """
        beside: list[Action] = [
            *pods,
            *self._queue_changes(before, after),
            *(
                self._still_first(zone, after.instance_id, returns)
                for zone, returns in sorted((turns or {}).items())
            ),
        ]
        if quota is not None and after.instance_count != before.instance_count:
            more = after.instance_count - before.instance_count
            beside.append(quotas.count(self.table, quota, more))
        return self.change(before, after, *beside)

    def end(self, claim: CapacityClaim, now: int) -> Refused | None:
        """Remove the record of a claim that owns nothing, with its name and its count in the quota.

        Returns:
            None when it is removed, else the conditions that failed.
        """
        beside: list[Action] = [
            Delete(NAME, self.table, keys.claim_name(claim.organization_id, claim.name)),
        ]
        if claim.counted:
            beside.append(quotas.uncount(self.table, claim.organization_id, INSTANCES, claim.instance_count))
        return self.remove(claim, now, *beside)

    def _queue_changes(self, before: CapacityClaim | None, after: CapacityClaim) -> Iterator[Action]:
        """The writes that make the queues match ``waits_in``.

        A claim is in the queue of each of its zones exactly while something is pending.
        """
        was = before.waits_in if before else frozenset()
        now = after.waits_in
        holder = (after.organization_id, after.id)
        for zone in sorted(now - was):
            key = keys.queued(zone, after.instance_id, after.created_ms, holder)
            entry = encode({"organization": after.organization_id, "claim": after.id})
            yield Put(f"queue:{zone}", self.table, key | entry)
            if before is not None:
                # It keeps its age, so it may now come before a claim that is being served as the first.
                yield Update(
                    f"{RETURNS_LABEL}{zone}",
                    self.table,
                    keys.queue_returns(zone, after.instance_id),
                    "ADD comebacks :one",
                    None,
                    {},
                    {":one": encode_value(1)},
                )
        for zone in sorted(was - now):
            key = keys.queued(zone, after.instance_id, after.created_ms, holder)
            yield Delete(f"queue:{zone}", self.table, key)

    def _still_first(self, zone: str, instance_id: str, returns: int) -> Check:
        """Demand that no claim returned to the queue since its head was read; new claims are younger."""
        key = keys.queue_returns(zone, instance_id)
        label = f"{RETURNS_LABEL}{zone}"
        if returns == 0:
            return Check(label, self.table, key, "attribute_not_exists(pk)")
        return Check(label, self.table, key, "comebacks = :seen", {}, {":seen": encode_value(returns)})
