"""One store for every kind of holder.

A record is put whole, under the life and the revision that were read: of two that would change it, one is
refused and looks again. What changes with it stands in the same transaction. A write whose answer got lost is
sent again until the database has decided, and knows its own record when it meets it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Protocol, TypeAlias, TypeVar

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
from gpu_capacity.holders.tries import Tries
from gpu_capacity.holders.windows import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from enum import StrEnum

    from gpu_capacity.dynamodb.client import AttributeValue, Item
    from gpu_capacity.dynamodb.database import Database
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.windows import Window

HolderKey: TypeAlias = tuple[str, str]
"""Organization id and the holder's own id."""

RECORD: Final = "record"
"""The label of the write of a record."""

_ANY_LATER: Final = 1 << 40
"""Seconds since the epoch, for an end that is none."""

_SENDS_MAX: Final = 12
"""A rival transaction holds an item for some 20 ms, and so many jittered pauses that grow to half a second
outlast any pile-up that the API's throttle lets in."""

_UNREVISED: Final = ("attempt", "failure", "counted", "pod")
"""What versions before the first revision changed one by one."""


class Holder(Protocol):
    """What every record of a holder has."""

    NOUN: ClassVar[str]
    """What workflows call it in their input."""

    @property
    def id(self) -> str:
        """Its own id within the organization."""

    @property
    def organization_id(self) -> str:
        """Whose it is."""

    @property
    def life(self) -> bytes | None:
        """Random, or ``None`` where a version before lives wrote it."""

    @property
    def revision(self) -> int:
        """Rises with every write."""

    @property
    def status(self) -> StrEnum:
        """Where it is in its lifecycle."""

    @property
    def fingerprint(self) -> str | None:
        """Of the request that made it; ``None`` where its id stands for none."""

    @property
    def is_shown(self) -> bool:
        """Whether customers are told of it."""

    @property
    def attempt(self) -> int:
        """Numbers the executions of its workflows."""

    @property
    def workflow(self) -> str | None:
        """What has to run for it, ``None`` while nothing has."""

    @property
    def execution(self) -> str:
        """The name of that execution: the same for whoever starts it, so it starts once."""


H = TypeVar("H", bound=Holder)


@dataclass(frozen=True, slots=True)
class Kind(Generic[H]):
    """What is a kind's own: how its sort keys begin, and its record as an item."""

    prefix: str
    encode: Callable[[H], Item]
    decode: Callable[[Mapping[str, Any]], H]
    allows: Callable[[Any, Any], bool]
    """Whether a holder may go from one status to another, or stay."""


class HolderStore(Generic[H]):
    """The holders table, as far as one kind of holder goes.

    Args:
        database: where to read and write.
        table: name of the holders table.
        kind: which holders.
    """

    def __init__(self, database: Database, table: str, kind: Kind[H]) -> None:
        self._database = database
        self.table = table
        self._kind = kind

    def find(self, organization_id: str, holder_id: str) -> H | Tombstone | None:
        """The record under an id, shown or not, or what is left of it."""
        item = self._database.get(self.table, self._key(organization_id, holder_id))
        return None if item is None else self.read(item)

    def present(self, organization_id: str, holder_id: str) -> H | None:
        """A holder that is not gone, shown or not."""
        found = self.find(organization_id, holder_id)
        return None if isinstance(found, Tombstone) else found

    def get(self, organization_id: str, holder_id: str) -> H | None:
        """A holder that customers are told of."""
        found = self.present(organization_id, holder_id)
        return found if found is not None and found.is_shown else None

    def get_in(self, organization_ids: Sequence[str], holder_id: str, *, shown: bool = True) -> H | None:
        """A holder under the first of the organizations that has it, shown or, unless ``shown``, not."""
        wanted = [self._key(organization_id, holder_id) for organization_id in organization_ids]
        found = map(self.read, self._database.get_many(self.table, wanted))
        holders = {
            h.organization_id: h for h in found if not isinstance(h, Tombstone) and (h.is_shown or not shown)
        }
        return next((holders[o] for o in organization_ids if o in holders), None)

    def many(self, wanted: Iterable[HolderKey]) -> Iterator[H]:
        """Those of the holders that are there and can be read, shown or not, in no particular order."""
        keys_wanted = [self._key(*key) for key in sorted(set(wanted))]
        items = self._database.get_many(self.table, keys_wanted)
        return (h for h in self._database.readable(items, self.read) if not isinstance(h, Tombstone))

    def of_organization(self, organization_id: str, window: Window = EVERYTHING) -> Iterator[H]:
        """Holders of an organization that are shown, in id order, from the window's first id on."""
        return (holder for holder in self.every(organization_id, window) if holder.is_shown)

    def every(self, organization_id: str, window: Window = EVERYTHING) -> Iterator[H]:
        """The same with those that are not shown."""
        partition = keys.organization_partition(organization_id)
        items = self._database.query(
            self.table, partition, self._kind.prefix, first=window.first_id, limit=window.chunk
        )
        for found in self._database.readable(items, self.read):
            if not isinstance(found, Tombstone):
                yield found

    def unsettled(self, until: int, since: int = 0) -> Iterator[HolderKey]:
        """Holders for which something has had to be done since a time between the two; eventually."""
        shards = ("unsettled", keys.unsettled_shards())
        times = ("unsettled_since", since, until)
        for entry in self._database.query_index(self.table, keys.UNSETTLED_INDEX, shards, times):
            if entry["sk"].startswith(self._kind.prefix):
                yield self._key_of(entry)

    def newest_unsettled(self, since: int, shard_max: int) -> tuple[list[HolderKey], int]:
        """The newest of them, so many at most of each part of the index, and since when none is left out."""
        found: list[HolderKey] = []
        whole_since = since
        times = ("unsettled_since", since, _ANY_LATER)
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
        """The tries to create a holder that nobody is told of otherwise, to be passed to ``create``.

        Whoever is told that nothing was made, or is answered with another holder, must not find it later:
        should a try have gone unseen, it is made certain first that it never stands.

        Raises:
            StorageUnavailable: that is not certain; or it stands, while somebody is told that it does not.
        """
        tries = Tries()
        try:
            yield tries
        except CapacityError as error:
            if tries.unseen and not self._forestalled(holder, now):
                raise StorageUnavailable(str(error), outcome_unknown=True) from error
            raise
        if tries.unseen and not tries.stands:
            self._forestalled(holder, now)

    def create(
        self,
        holder: H,
        now: int,
        *beside: Action,
        over: Tombstone | None = None,
        tries: Tries | None = None,
    ) -> Refused | None:
        """Record a new holder, with what is written beside it.

        ``over`` is a tombstone that was found under the id and that stands for nothing: see ``Tombstone``.
        ``tries`` are those of ``creating``.

        Returns:
            ``None`` when it stands, else what refused.
        """
        refused = self._send(
            [*beside, self._first(self._kind.encode(holder), now, over)],
            self._key(holder.organization_id, holder.id),
            lambda item: item is not None and item.get("life") == holder.life,
            tries,
        )
        if tries is not None:
            tries.stands = refused is None
        return refused

    def change(self, before: H, after: H, *beside: Action) -> H | Refused:
        """Write what a record has become, under the next revision, with what changes beside it.

        Returns:
            The record as it stands now, or what refused.

        Raises:
            ValueError: the lifecycle does not have this move.
        """
        if not self._kind.allows(before.status, after.status):
            raise ValueError(f"never from {before.status} to {after.status}")
        after = replace(after, revision=before.revision + 1)  # type: ignore[type-var]
        written = self._kind.encode(after)
        refused = self._send(
            [*beside, self._put(written, before)],
            self._key(before.organization_id, before.id),
            lambda item: item is not None and not is_tombstone(item) and self._kind.decode(item) == after,
        )
        return refused or after

    def remove(self, before: H, now: int, *beside: Action, finished: bool = True) -> Refused | None:
        """Remove a record, and leave a tombstone of its life for a while. Nothing must be owned any more.

        ``finished`` tells that the holder existed: a holder that never came to be stands for no request.
        """
        return self._send(
            [*beside, self._put(self._tombstone(before, now, finished=finished), before)],
            self._key(before.organization_id, before.id),
            lambda item: item is None or (is_tombstone(item) and item.get("life") == before.life),
        )

    def _forestalled(self, holder: H, now: int) -> bool:
        """Make certain that a write of a new holder never lands, however late; false when it has.

        What may still be under way is a create over nothing, or over an unfinished tombstone that was there.

        Raises:
            StorageUnavailable: it is not certain.
        """
        key, over = self._key(holder.organization_id, holder.id), None
        tombstone = self._tombstone(holder, now, finished=False)
        for _ in range(_SENDS_MAX):
            try:
                refused = self._send(
                    [self._first(tombstone, now, over)],
                    key,
                    lambda item: item is not None and is_tombstone(item) and item.get("life") == holder.life,
                )
            except StorageUnavailable as error:
                raise StorageUnavailable(str(error), outcome_unknown=True) from error
            met = None if refused is None else refused.items[RECORD]
            if met is None or not is_tombstone(met):
                return met is None or met.get("life") != holder.life
            over = decode_tombstone(met)
            if over.finished or over.life == holder.life:
                return True
        return False

    def _first(self, item: Item, now: int, over: Tombstone | None) -> Put:
        """The first write under a key, or one over a tombstone that stands for nothing."""
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
        """An item of this kind."""
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
        """Send until it is decided. ``is_written`` judges the record that a try after an unseen one met."""
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
                    # Perhaps no try is sent any more: the time may be over, but for one look.
                    if tries.unseen and not error.outcome_unknown and self._shows(key, is_written):
                        return None
                else:
                    if isinstance(outcome, Committed):
                        return None
                    if isinstance(outcome, Refused):
                        return None if tries.unseen and is_written(self._met(outcome, key)) else outcome
                self._database.pause(attempt)
            raise failure

    def _shows(self, key: keys.Key, is_written: Callable[[dict[str, Any] | None], bool]) -> bool:
        """Whether a look tells that a write stands; false where it cannot be told."""
        try:
            return is_written(self._database.get(self.table, key))
        except StorageUnavailable:
            return False

    def _met(self, refused: Refused, key: keys.Key) -> dict[str, Any] | None:
        """The record as a refused try met it; read where another write refused."""
        return refused.items[RECORD] if RECORD in refused.items else self._database.get(self.table, key)


def as_read(
    holder: Holder, item: Mapping[str, AttributeValue]
) -> tuple[str, dict[str, str], dict[str, AttributeValue]]:
    """The condition that a record is as it was read: condition, names and values.

    The status is demanded as well, because an earlier version moves it without a new revision.

    Args:
        holder: the record.
        item: the same, encoded.
    """
    demands, names = ["#status = :status"], {"#status": "status"}
    values: dict[str, AttributeValue] = {":status": {"S": holder.status.value}}
    unrevised = _UNREVISED if holder.life is None and not holder.revision else ()
    for name in ("life", "revision", *unrevised):
        if name in item:
            demands.append(f"{name} = :{name}")
            values[f":{name}"] = item[name]
        else:
            demands.append(f"attribute_not_exists({name})")
    return " AND ".join(demands), names, values
