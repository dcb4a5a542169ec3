"""One store for every kind of holder.

A record is written whole, on the condition that its life and its revision are those that were read. So if two
writers change it at the same time, one is refused and reads again. Changes that belong together are in one
transaction. A write whose response got lost is sent again until the database has decided; it recognizes its
own record if an earlier attempt was committed.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode_value
from gpu_capacity.dynamodb.database import Committed, Refused
from gpu_capacity.dynamodb.tombstones import (
    GONE,
    IS_FREE,
    Tombstone,
    decode_tombstone,
    encode_tombstone,
    free_at,
    is_tombstone,
)
from gpu_capacity.dynamodb.writes import Put
from gpu_capacity.errors import CapacityError, StorageUnavailable
from gpu_capacity.holders import quota_store as quotas
from gpu_capacity.holders.holder import Holder
from gpu_capacity.holders.revisions import as_read
from gpu_capacity.holders.tries import Tries
from gpu_capacity.holders.windows import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from gpu_capacity.dynamodb.client import Item
    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.windows import Window

HolderKey: TypeAlias = tuple[str, str]
"""Organization id and the holder's own id."""

RECORD: Final = "record"
"""The label of the write of a record."""

_SENDS_MAX: Final = 12
"""A rival transaction holds an item for some 20 ms. So many jittered pauses outlast any queue of rivals that
the API's throttle admits."""


H = TypeVar("H", bound=Holder)


@dataclass(frozen=True, slots=True)
class Kind(Generic[H]):
    """What is specific to a kind: its class, the prefix of its sort keys, and the encoding of its records."""

    record: type[H]
    prefix: str
    encode: Callable[[H], Item]
    decode: Callable[[Mapping[str, Any]], H]
    transitions: Mapping[Any, Collection[Any]]
    """The statuses to which a holder may move from each status. It may always keep its status."""


class HolderStore(Generic[H]):
    """Reads and writes the records of one kind of holder.

    Args:
        database: the database to use.
        table: the name of the holders table.
        kind: the kind of holder.
    """

    def __init__(self, database: Database, table: str, kind: Kind[H]) -> None:
        self._database = database
        self.table = table
        self.noun = kind.record.NOUN
        self._kind = kind

    def find(self, organization_id: str, holder_id: str) -> H | Tombstone | None:
        """The record under an id, shown or not, or its tombstone; ``None`` if there is neither."""
        item = self._database.get(self.table, self._key(organization_id, holder_id))
        return None if item is None else self.read(item)

    def present(self, organization_id: str, holder_id: str) -> H | None:
        """The record under an id, shown or not; ``None`` if it does not exist."""
        found = self.find(organization_id, holder_id)
        return None if isinstance(found, Tombstone) else found

    def get(self, organization_id: str, holder_id: str) -> H | None:
        """The record under an id, if the API shows it, else ``None``."""
        found = self.present(organization_id, holder_id)
        return found if found is not None and found.is_shown else None

    def get_in(self, organization_ids: Sequence[str], holder_id: str, *, shown: bool = True) -> H | None:
        """The record under an id in the first organization that has it; only a shown one if ``shown``."""
        wanted = [self._key(organization_id, holder_id) for organization_id in organization_ids]
        found = map(self.read, self._database.get_many(self.table, wanted))
        holders = {
            h.organization_id: h for h in found if not isinstance(h, Tombstone) and (h.is_shown or not shown)
        }
        return next((holders[o] for o in organization_ids if o in holders), None)

    def many(self, wanted: Iterable[HolderKey]) -> Iterator[H]:
        """The records that exist and can be read, shown or not, in no particular order."""
        keys_wanted = [self._key(*key) for key in sorted(set(wanted))]
        items = self._database.get_many(self.table, keys_wanted)
        return (h for h in self._database.readable(items, self.read) if not isinstance(h, Tombstone))

    def of_organization(self, organization_id: str, window: Window = EVERYTHING) -> Iterator[H]:
        """Records of an organization that the API shows, in id order, from the window's first id on."""
        return (holder for holder in self.every(organization_id, window) if holder.is_shown)

    def every(self, organization_id: str, window: Window = EVERYTHING) -> Iterator[H]:
        """All records of an organization, shown or not, in id order, from the window's first id on."""
        partition = keys.organization_partition(organization_id)
        items = self._database.query(
            self.table, partition, self._kind.prefix, first=window.first_id, limit=window.chunk
        )
        for found in self._database.readable(items, self.read):
            if not isinstance(found, Tombstone):
                yield found

    def unsettled(self, until: int, since: int = 0) -> Iterator[HolderKey]:
        """Holders that became unsettled between ``since`` and ``until``. Eventually consistent."""
        shards = ("unsettled", keys.unsettled_shards())
        times = ("unsettled_since", since, until)
        for entry in self._database.query_index(self.table, keys.UNSETTLED_INDEX, shards, times):
            if entry["sk"].startswith(self._kind.prefix):
                yield self._key_of(entry)

    def newest_unsettled(self, since: int, until: int, shard_max: int) -> tuple[list[HolderKey], int]:
        """The newest of these, at most ``shard_max`` of each shard, and since when none is left out."""
        found: list[HolderKey] = []
        whole_since = since
        times = ("unsettled_since", since, until)
        for shard in keys.unsettled_shards():
            entries = self._database.query_index(
                self.table, keys.UNSETTLED_INDEX, ("unsettled", [shard]), times, newest_first=True
            )
            mine = (entry for entry in entries if entry["sk"].startswith(self._kind.prefix))
            taken = list(islice(mine, shard_max))
            found += map(self._key_of, taken)
            if len(taken) == shard_max:
                whole_since = max(whole_since, int(taken[-1]["unsettled_since"]) + 1)
        return found, whole_since

    def _key_of(self, entry: Mapping[str, Any]) -> HolderKey:
        organization = entry["pk"].removeprefix(keys.organization_partition(""))
        return organization, entry["sk"].removeprefix(self._kind.prefix)

    @contextmanager
    def creating(self, holder: H, now: int) -> Iterator[Tries]:
        """A context for the attempts to create a holder; pass its value to ``create``.

        If the request fails, or is answered with another holder, this holder must not appear later. So if the
        outcome of an attempt is unknown, leaving the context first ensures that it can never be committed.

        Raises:
            StorageUnavailable: the request failed, and the holder exists or may still appear.
        """
        tries = Tries()
        try:
            yield tries
        except CapacityError as error:
            if tries.outcome_unknown and not self._prevented(holder, now):
                raise StorageUnavailable(str(error), outcome_unknown=True) from error
            raise
        if tries.outcome_unknown and not tries.committed:
            self._prevented(holder, now)

    def create(
        self,
        holder: H,
        now: int,
        *beside: Action,
        over: Tombstone | None = None,
        tries: Tries | None = None,
    ) -> Refused | None:
        """Write the record of a new holder, with the actions ``beside`` it in the same transaction.

        ``over`` is an unfinished tombstone found under the id, which the write may replace. ``tries`` is the
        value of ``creating``.

        Returns:
            ``None`` if the record was written, else the refusal.
        """
        refused = self._send(
            [*beside, self._put_new(self._kind.encode(holder), now, over)],
            self._key(holder.organization_id, holder.id),
            lambda item: item is not None and item.get("life") == holder.life,
            tries,
        )
        if tries is not None:
            tries.committed = refused is None
        return refused

    def change(self, before: H, after: H, *beside: Action) -> H | Refused:
        """Replace a record, with the actions ``beside`` it in the same transaction.

        Returns:
            The record as written, under the next revision, or the refusal.

        Raises:
            ValueError: the lifecycle does not allow this change of status.
        """
        after = self._successor(before, after)
        refused = self._send(
            [*beside, self._put(self._kind.encode(after), before)],
            self._key(before.organization_id, before.id),
            lambda item: item is not None and not is_tombstone(item) and self._kind.decode(item) == after,
        )
        return refused or after

    def change_beside(self, before: H, after: H, label: str) -> Put:
        """The write of ``change`` as an action beside the record of another kind, under a label of its own.

        Raises:
            ValueError: the lifecycle does not allow this change of status.
        """
        return replace(self._put(self._kind.encode(self._successor(before, after)), before), label=label)

    def count_in(self, holder: H, subjects: Collection[str]) -> bool:
        """Count a holder that was made before its organization had a quota, even beyond the limit.

        Returns:
            Whether it was written; false if the holder changed.
        """
        counted = replace(holder, counted=True)  # type: ignore[type-var]
        uses, organization = holder.uncounted, holder.organization_id
        counts = [quotas.count_in(self.table, organization, subject, uses[subject]) for subject in subjects]
        return not isinstance(self.change(holder, counted, *counts), Refused)

    def _successor(self, before: H, after: H) -> H:
        if before.status is not after.status and after.status not in self._kind.transitions[before.status]:
            raise ValueError(f"never from {before.status} to {after.status}")
        return replace(after, revision=before.revision + 1)  # type: ignore[type-var]

    def remove(self, before: H, now: int, *beside: Action, finished: bool = True) -> Refused | None:
        """Replace a record with a tombstone, which expires. The holder must not own anything any more.

        ``finished`` is false if the holder was never accepted; a retry of its request may then create it.
        """
        return self._send(
            [*beside, self._put(self._tombstone(before, now, finished=finished), before)],
            self._key(before.organization_id, before.id),
            lambda item: item is None or (is_tombstone(item) and item.get("life") == before.life),
        )

    def _prevented(self, holder: H, now: int) -> bool:
        """Ensure that no late write of a new holder is committed. False if one already was.

        A late write demands that nothing is under the key, or a certain unfinished tombstone. So this puts a
        tombstone of the holder's life there.

        Raises:
            StorageUnavailable: whether this succeeded is unknown.
        """
        key, over = self._key(holder.organization_id, holder.id), None
        tombstone = self._tombstone(holder, now, finished=False)
        for _ in range(_SENDS_MAX):
            try:
                refused = self._send(
                    [self._put_new(tombstone, now, over)],
                    key,
                    lambda item: item is not None and is_tombstone(item) and item.get("life") == holder.life,
                )
            except StorageUnavailable as error:
                raise StorageUnavailable(str(error), outcome_unknown=True) from error
            found = None if refused is None else refused.items[RECORD]
            if found is None or not is_tombstone(found):
                return found is None or found.get("life") != holder.life
            over = decode_tombstone(found)
            if over.finished or over.life == holder.life:
                return True
        return False

    def _put_new(self, item: Item, now: int, over: Tombstone | None) -> Put:
        """The write of an item under a key that is free or has the unfinished tombstone ``over``."""
        condition, values = IS_FREE, free_at(now)
        names: dict[str, str] = {}
        if over is not None and over.life is not None:
            condition += " OR (#status = :gone AND life = :over)"
            names = {"#status": "status"}
            values = {**values, ":gone": {"S": GONE}, ":over": encode_value(over.life)}
        return Put(RECORD, self.table, item, condition, names, values)

    def _tombstone(self, holder: H, now: int, *, finished: bool) -> Item:
        key = self._key(holder.organization_id, holder.id)
        return encode_tombstone(key, holder.fingerprint or "", now, holder.life, finished=finished)

    def read(self, item: Mapping[str, Any]) -> H | Tombstone:
        """Decode an item of this kind: a record or a tombstone."""
        return decode_tombstone(item) if is_tombstone(item) else self._kind.decode(item)

    def _key(self, organization_id: str, holder_id: str) -> keys.Key:
        return keys.holder(self._kind.prefix, organization_id, holder_id)

    def _put(self, item: Item, before: H) -> Put:
        condition, names, values = as_read(before, self._kind.encode(before))
        return Put(RECORD, self.table, item, condition, names, values)

    def _send(
        self,
        actions: Sequence[Action],
        key: keys.Key,
        is_written: Callable[[dict[str, Any] | None], bool],
        all_tries: Tries | None = None,
    ) -> Refused | None:
        """Send until decided. After a lost response ``is_written`` judges the record that a refusal shows."""
        failure = StorageUnavailable("rival transactions did not end", outcome_unknown=False)
        with Tries() as tries:
            for attempt in range(_SENDS_MAX):
                try:
                    outcome = self._database.commit(*actions)
                except StorageUnavailable as error:
                    tries.note(error)
                    if all_tries is not None:
                        all_tries.note(error)
                    failure = error
                    # The deadline may allow no further attempt, but still allows one read.
                    nothing_done = not error.outcome_unknown
                    if tries.outcome_unknown and nothing_done and self._is_committed(key, is_written):
                        return None
                else:
                    if isinstance(outcome, Committed):
                        return None
                    if isinstance(outcome, Refused):
                        known = tries.outcome_unknown and is_written(self._current(outcome, key))
                        return None if known else outcome
                self._database.pause(attempt)
            raise failure

    def _is_committed(self, key: keys.Key, is_written: Callable[[dict[str, Any] | None], bool]) -> bool:
        """Whether a read shows that a write was committed. False if the read fails."""
        try:
            return is_written(self._database.get(self.table, key))
        except StorageUnavailable:
            return False

    def _current(self, refused: Refused, key: keys.Key) -> dict[str, Any] | None:
        """The record as the refusal returned it, or as read now if another action was refused."""
        return refused.items[RECORD] if RECORD in refused.items else self._database.get(self.table, key)
