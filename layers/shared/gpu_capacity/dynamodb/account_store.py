"""What belongs to accounts of the VM API: SSH keys, API keys and the counters of their requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.access import Scope
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.database import Busy, Committed
from gpu_capacity.dynamodb.decoding import decoder, rows, second, second_or_none, text, whole
from gpu_capacity.dynamodb.tombstones import SWEEP_ATTRIBUTE
from gpu_capacity.dynamodb.writes import Put, Update
from gpu_capacity.errors import AlreadyExists, StorageUnavailable
from gpu_capacity.holders.api_keys import ApiKey
from gpu_capacity.holders.ssh_keys import KeyRing, SshKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.dynamodb.database import Database, Outcome
    from gpu_capacity.dynamodb.writes import Action
    from gpu_capacity.holders.account import Account

RECORD: Final = "record"
LISTING: Final = "listing"
COUNTER: Final = "counter"

COUNTER_SECONDS: Final = 3600
"""A counter is of no use after its minute; the database removes it some time after this."""

_CONFLICTS_MAX: Final = 8


class AccountStore:
    """The holders table, as far as accounts go."""

    def __init__(self, database: Database, holders_table: str) -> None:
        self._database = database
        self._table = holders_table

    def key_ring(self, account: Account) -> KeyRing:
        """The SSH keys of an account, strongly consistent; an empty ring where it has none."""
        item = self._database.get(self._table, keys.ssh_keys(account.organization_id, account.subject))
        return KeyRing() if item is None else decode_key_ring(item)

    def change_key_ring(self, account: Account, before: KeyRing, after: KeyRing) -> bool:
        """Replace the keys of an account; false when they are not those that were read any more.

        One item holds them all, so that no two requests can make six of five.
        """
        key = keys.ssh_keys(account.organization_id, account.subject)
        rows = [[k.id, k.label, k.public_key, k.fingerprint, k.created_at] for k in after.keys]
        put = Put(
            RECORD,
            self._table,
            key | encode({"keys": rows, "revision": after.revision}),
            # An item that was never written has no revision: that is revision 0.
            "attribute_not_exists(pk)" if before.revision == 0 else "revision = :revision",
            {},
            {} if before.revision == 0 else {":revision": encode_value(before.revision)},
        )
        return isinstance(self._send(put), Committed)

    def api_key(self, digest: str) -> ApiKey | None:
        """The API key of a digest, strongly consistent, so that a revoked one opens nothing any more."""
        item = self._database.get(self._table, keys.api_key(digest))
        return None if item is None else decode_api_key(item)

    def add_api_key(self, key: ApiKey) -> None:
        """Keep a new API key, and its place in the organization's list.

        Raises:
            AlreadyExists: there is a key of this digest; a random key never meets another.
        """
        item = keys.api_key(key.digest) | encode(
            {
                "organization": key.organization_id,
                "subject": key.subject,
                "scope": key.scope.value,
                "created_at": key.created_at,
            }
        )
        listing = keys.api_key_of(key.organization_id, key.digest) | encode({"created_at": key.created_at})
        outcome = self._send(
            Put(RECORD, self._table, item, "attribute_not_exists(pk)"), Put(LISTING, self._table, listing)
        )
        if not isinstance(outcome, Committed):
            raise AlreadyExists("ApiKey", key.id, "an API key of this digest exists")

    def revoke_api_key(self, digest: str, now: int) -> bool:
        """From now on the key opens nothing; false when there is no such key or it was revoked before."""
        revoke = Update(
            RECORD,
            self._table,
            keys.api_key(digest),
            "SET revoked_at = :now",
            "attribute_exists(pk) AND attribute_not_exists(revoked_at)",
            {},
            {":now": encode_value(now)},
        )
        return isinstance(self._send(revoke), Committed)

    def api_keys(self, organization_id: str) -> list[ApiKey]:
        """Every API key of an organization, revoked ones too, oldest first."""
        partition = keys.organization_partition(organization_id)
        listed = self._database.query(self._table, partition, keys.API_KEY_PREFIX)
        wanted = [keys.api_key(entry["sk"].removeprefix(keys.API_KEY_PREFIX)) for entry in listed]
        found = self._database.readable(self._database.get_many(self._table, wanted), decode_api_key)
        return sorted(found, key=lambda key: (key.created_at, key.digest))

    def count_request(self, caller: tuple[str, ...], kind: str, minute: int, limit: int) -> bool:
        """Count a request of a caller in a minute since the epoch; false when ``limit`` were counted before.

        Only admitted requests are counted, so a caller who never pauses still gets its limit every minute.
        """
        count = Update(
            COUNTER,
            self._table,
            keys.rate(caller, kind, minute),
            f"SET used = if_not_exists(used, :none) + :one, {SWEEP_ATTRIBUTE} = :expiry",
            "attribute_not_exists(used) OR used < :limit",
            {},
            {
                ":none": encode_value(0),
                ":one": encode_value(1),
                ":limit": encode_value(limit),
                ":expiry": encode_value(minute * 60 + COUNTER_SECONDS),
            },
        )
        return isinstance(self._send(count), Committed)

    def _send(self, *actions: Action) -> Outcome:
        for attempt in range(_CONFLICTS_MAX):
            outcome = self._database.commit(*actions)
            if not isinstance(outcome, Busy):
                return outcome
            self._database.pause(attempt)
        raise StorageUnavailable("rival transactions did not end", outcome_unknown=False)


@decoder
def decode_key_ring(item: Mapping[str, Any]) -> KeyRing:
    """The SSH keys of an account."""
    return KeyRing(
        keys=tuple(SshKey(*row) for row in rows(item["keys"], str, str, str, str, int)),
        revision=whole(item, "revision"),
    )


@decoder
def decode_api_key(item: Mapping[str, Any]) -> ApiKey:
    """An API key, by the item that a request finds."""
    return ApiKey(
        digest=item["pk"].removeprefix(keys.API_KEY_PREFIX),
        organization_id=text(item, "organization"),
        subject=text(item, "subject"),
        scope=Scope(text(item, "scope")),
        created_at=second(item, "created_at"),
        revoked_at=second_or_none(item, "revoked_at"),
    )
