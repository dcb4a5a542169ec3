"""Capacity claims in the holders table, and the queues of those that wait."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb import keys, quotas
from gpu_capacity.dynamodb.claim_items import decode_claim, decode_name, decode_place, encode_claim
from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.database import Committed, Refused
from gpu_capacity.dynamodb.outcomes import HolderOutcome
from gpu_capacity.dynamodb.tombstones import (
    GONE,
    IS_FREE,
    Tombstone,
    decode_tombstone,
    encode_tombstone,
    free_at,
    is_tombstone,
)
from gpu_capacity.dynamodb.writes import Check, Delete, Put, Update
from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.holders.capacity_claim import CapacityClaim
from gpu_capacity.holders.quota import INSTANCES
from gpu_capacity.holders.windows import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from gpu_capacity.dynamodb.claim_items import HolderKey
    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.errors import UnreadableItem
    from gpu_capacity.holders.quota import Quota
    from gpu_capacity.holders.windows import Window
    from gpu_capacity.ports import Pause

RECORD: Final = "record"
NAME: Final = "name"
RETURNS_LABEL: Final = "returns:"

PASSED_OVER_SECONDS: Final = 60
"""How long a claim whose record could not be read loses its turn: a repaired one comes first again."""

_CONFLICTS_MAX: Final = 12


@dataclass(frozen=True, slots=True)
class QueueHead:
    """Who is served first, and what a round for them has to demand of the queue.

    ``holder`` is (organization id, claim id) of the oldest claim that waits, ``None`` where nobody does.
    ``returns`` counts how often a claim came back into the queue: while it stands still, nobody who is older
    than the first one can have appeared.
    """

    holder: HolderKey | None
    returns: int


class ClaimStore:
    """The holders table, as far as capacity claims go.

    Every write puts the record whole, under the revision that was read: of two that would change a claim,
    one is refused and looks again.
    """

    def __init__(self, database: Database, holders_table: str, pause: Pause) -> None:
        self._database = database
        self._table = holders_table
        self._pause = pause
        self._passed_over: dict[HolderKey, int] = {}

    def find(self, organization_id: str, claim_id: str) -> CapacityClaim | Tombstone | None:
        """The record under an id, or its tombstone."""
        item = self._database.get(self._table, keys.capacity_claim(organization_id, claim_id))
        return None if item is None else _decode(item)

    def get(self, organization_id: str, claim_id: str) -> CapacityClaim | None:
        """A claim that is not gone."""
        found = self.find(organization_id, claim_id)
        return found if isinstance(found, CapacityClaim) else None

    def get_in(self, organization_ids: Sequence[str], claim_id: str) -> CapacityClaim | None:
        """A claim under the first of the organizations that has it."""
        wanted = [keys.capacity_claim(organization_id, claim_id) for organization_id in organization_ids]
        found = (_decode(item) for item in self._database.get_many(self._table, wanted))
        claims = {c.organization_id: c for c in found if isinstance(c, CapacityClaim)}
        # Clients choose ids, so two organizations of one caller may have the same one.
        return next((claims[o] for o in organization_ids if o in claims), None)

    def named(self, organization_id: str, name: str) -> CapacityClaim | None:
        """The claim of the organization that has a name."""
        item = self._database.get(self._table, keys.claim_name(organization_id, name))
        return None if item is None else self.get(organization_id, decode_name(item))

    def of_organization(self, organization_id: str, window: Window = EVERYTHING) -> Iterator[CapacityClaim]:
        """The claims of an organization that are not gone, in id order, from the window's first id on."""
        partition = keys.organization_partition(organization_id)
        items = self._database.query(
            self._table, partition, keys.CLAIM_PREFIX, first=window.first_id, limit=window.chunk
        )
        for found in self._database.readable(items, _decode):
            if isinstance(found, CapacityClaim):
                yield found

    def unsettled(self, until: int) -> Iterator[tuple[str, str]]:
        """(organization id, claim id) of claims with work to do since ``until`` or before."""
        shards = ("unsettled", keys.unsettled_shards())
        since = ("unsettled_since", 0, until)
        for entry in self._database.query_index(self._table, keys.UNSETTLED_INDEX, shards, since):
            if entry["sk"].startswith(keys.CLAIM_PREFIX):
                organization = entry["pk"].removeprefix(keys.organization_partition(""))
                yield organization, entry["sk"].removeprefix(keys.CLAIM_PREFIX)

    def head_of_queue(self, zone: str, instance_id: str) -> QueueHead:
        """The oldest claim that waits and is not passed over; strongly consistent."""
        returns = 0
        # Two at once: the count of returns stands before the first claim.
        entries = self._database.query(self._table, keys.queue_partition(zone, instance_id), limit=2)
        for entry in self._database.readable(entries, decode_place):
            if isinstance(entry, int):
                returns = entry
            elif not self._is_passed_over(entry):
                return QueueHead(entry, returns)
        return QueueHead(None, returns)

    def queue(self, zone: str, instance_id: str) -> list[HolderKey]:
        """All claims that wait, oldest first: organization and id."""
        entries = self._database.query(self._table, keys.queue_partition(zone, instance_id))
        places = self._database.readable(entries, decode_place)
        return [place for place in places if not isinstance(place, int)]

    def pass_over(self, holder: HolderKey, error: UnreadableItem) -> bool:
        """Leave a claim out of the heads of queues for a while if it is its record that cannot be read."""
        record = keys.capacity_claim(*holder)
        if error.key != (record["pk"]["S"], record["sk"]["S"]):
            return False
        self._passed_over[holder] = self._database.now() + PASSED_OVER_SECONDS
        return True

    def _is_passed_over(self, holder: HolderKey) -> bool:
        return self._passed_over.get(holder, 0) > self._database.now()

    def leave_queue(self, zone: str, instance_id: str, holder: HolderKey) -> None:
        """Drop the entry of a claim from a queue, if the claim is gone at that moment."""
        for entry in self._database.query(self._table, keys.queue_partition(zone, instance_id)):
            if (entry.get("organization"), entry.get("claim")) == holder:
                gone = Check(
                    RECORD,
                    self._table,
                    keys.capacity_claim(*holder),
                    "attribute_not_exists(pk) OR #status = :gone",
                    {"#status": "status"},
                    {":gone": {"S": GONE}},
                )
                key = {"pk": {"S": entry["pk"]}, "sk": {"S": entry["sk"]}}
                self._send([gone, Delete("entry", self._table, key)])
                return

    def create(self, claim: CapacityClaim, quota: Quota | None) -> HolderOutcome:
        """Record a new claim with its name, its places in the queues, and its count."""
        holder = {"claim": claim.id}
        actions: list[Action] = [
            Put(RECORD, self._table, encode_claim(claim), IS_FREE, {}, free_at(claim.created_at)),
            Put(
                NAME,
                self._table,
                keys.claim_name(claim.organization_id, claim.name) | encode(holder),
                "attribute_not_exists(pk)",
            ),
            *self._queue_changes(None, claim),
        ]
        if quota is not None:
            actions.append(quotas.count(self._table, quota, claim.instance_count))
        return self._send(actions)

    def change(
        self,
        before: CapacityClaim,
        after: CapacityClaim,
        pods: Iterable[Update] = (),
        quota: Quota | None = None,
        turns: Mapping[str, int] | None = None,
    ) -> HolderOutcome:
        """Write what a claim has become, with the pods it took from or gave back to, all or none.

        ``quota`` is given when the count changes and the organization has a limit. ``turns`` has for each
        zone that the claim took from, because it was the first there, the returns of that queue as read.
        """
        after = replace(after, revision=before.revision + 1)
        actions: list[Action] = [
            *pods,
            self._revised(encode_claim(after), before),
            *self._queue_changes(before, after),
            *(
                self._still_first(zone, after.instance_id, returns)
                for zone, returns in sorted((turns or {}).items())
            ),
        ]
        if quota is not None and after.instance_count != before.instance_count:
            more = after.instance_count - before.instance_count
            actions.append(quotas.count(self._table, quota, more))
        return self._send(actions)

    def count_in(self, claim: CapacityClaim, _subjects: Collection[str] = ()) -> bool:
        """Count a claim that was made before its organization was counted, even beyond the limit."""
        counted = replace(claim, counted=True, revision=claim.revision + 1)
        count = quotas.count_in(self._table, claim.organization_id, INSTANCES, claim.instance_count)
        return self._send([self._revised(encode_claim(counted), claim), count]).stands

    def remove(self, claim: CapacityClaim, now: int) -> HolderOutcome:
        """Remove a claim that owns nothing any more, its name and its count."""
        key = keys.capacity_claim(claim.organization_id, claim.id)
        record: Action
        if claim.supplied:
            record = self._revised(encode_tombstone(key, claim.fingerprint, now), claim)
        else:
            record = Delete(
                RECORD,
                self._table,
                key,
                "revision = :revision",
                {},
                {":revision": encode_value(claim.revision)},
            )
        actions: list[Action] = [
            record,
            Delete(NAME, self._table, keys.claim_name(claim.organization_id, claim.name)),
        ]
        if claim.counted:
            actions.append(
                quotas.uncount(self._table, claim.organization_id, INSTANCES, claim.instance_count)
            )
        return self._send(actions)

    def _revised(self, item: dict[str, Any], before: CapacityClaim) -> Put:
        return Put(
            RECORD,
            self._table,
            item,
            "revision = :revision",
            {},
            {":revision": encode_value(before.revision)},
        )

    def _queue_changes(self, before: CapacityClaim | None, after: CapacityClaim) -> Iterator[Action]:
        """A claim stands in the queue of each of its zones exactly while something is pending."""
        was = before.waits_in if before else frozenset()
        now = after.waits_in
        holder = (after.organization_id, after.id)
        for zone in sorted(now - was):
            key = keys.queued(zone, after.instance_id, after.created_ms, holder)
            entry = encode({"organization": after.organization_id, "claim": after.id})
            yield Put(f"queue:{zone}", self._table, key | entry)
            if before is not None:
                # It keeps its age, so it may now stand before one that is being served as the first.
                yield Update(
                    f"{RETURNS_LABEL}{zone}",
                    self._table,
                    keys.queue_returns(zone, after.instance_id),
                    "ADD comebacks :one",
                    None,
                    {},
                    {":one": encode_value(1)},
                )
        for zone in sorted(was - now):
            key = keys.queued(zone, after.instance_id, after.created_ms, holder)
            yield Delete(f"queue:{zone}", self._table, key)

    def _still_first(self, zone: str, instance_id: str, returns: int) -> Check:
        """Nobody came back into the queue since its first claim was read. New claims are always younger."""
        key = keys.queue_returns(zone, instance_id)
        label = f"{RETURNS_LABEL}{zone}"
        if returns == 0:
            return Check(label, self._table, key, "attribute_not_exists(pk)")
        return Check(label, self._table, key, "comebacks = :seen", {}, {":seen": encode_value(returns)})

    def _send(self, actions: Sequence[Action]) -> HolderOutcome:
        for attempt in range(_CONFLICTS_MAX):
            outcome = self._database.commit(*actions)
            if isinstance(outcome, Committed):
                return HolderOutcome(stands=True, refused={})
            if isinstance(outcome, Refused):
                return HolderOutcome(stands=False, refused=outcome.items)
            self._pause(attempt)
        raise StorageUnavailable("rival transactions did not end", outcome_unknown=False)


def _decode(item: dict[str, Any]) -> CapacityClaim | Tombstone:
    return decode_tombstone(item) if is_tombstone(item) else decode_claim(item)
