"""Stores the SSH keys and API keys of accounts of the VM API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.access import Scope
from gpu_capacity.accounts.api_key import NAME_DEFAULT, ApiKey
from gpu_capacity.accounts.ssh_key import KeyRing, SshKey
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode, encode_value
from gpu_capacity.dynamodb.database import Busy, Committed, Refused
from gpu_capacity.dynamodb.decoding import (
    decoder,
    rows,
    second,
    second_or_none,
    text,
    text_or_none,
    texts,
    whole,
)
from gpu_capacity.dynamodb.writes import Delete, Put, Update
from gpu_capacity.errors import AlreadyExists, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.accounts.account import Account
    from gpu_capacity.dynamodb.client import Item
    from gpu_capacity.dynamodb.database import Database, Outcome
    from gpu_capacity.dynamodb.writes import Action

RECORD: Final = "record"
LISTING: Final = "listing"
REVISION: Final = "revision"

_CONFLICTS_MAX: Final = 8


class AccountStore:
    """Reads and writes SSH keys and API keys in the holders table."""

    def __init__(self, database: Database, holders_table: str) -> None:
        self._database = database
        self._table = holders_table

    def key_ring(self, account: Account) -> KeyRing:
        """The SSH keys of an account, strongly consistent. An empty ring if it has none."""
        item = self._database.get(self._table, keys.ssh_keys(account.organization_id, account.subject))
        return KeyRing() if item is None else decode_key_ring(item)

    def change_key_ring(self, account: Account, before: KeyRing, after: KeyRing) -> bool:
        """Replace the SSH keys of an account. False if they have changed since ``before`` was read.

        One item has all keys of an account, so that two requests at the same time cannot exceed the maximum
        number.
        """
        key = keys.ssh_keys(account.organization_id, account.subject)
        rows = [[k.id, k.label, k.public_key, k.fingerprint, k.created_at] for k in after.keys]
        put = Put(
            RECORD,
            self._table,
            key | encode({"keys": rows, "revision": after.revision}),
            # Revision 0 means that the item does not exist.
            "attribute_not_exists(pk)" if before.revision == 0 else "revision = :revision",
            {},
            {} if before.revision == 0 else {":revision": encode_value(before.revision)},
        )
        return isinstance(self._send(put), Committed)

    def api_key(self, digest: str) -> ApiKey | None:
        """The API key with this digest. Strongly consistent, so that a revoked key is refused at once."""
        item = self._database.get(self._table, keys.api_key(digest))
        return None if item is None else decode_api_key(item)

    def api_keys_revision(self, account: Account) -> int:
        """The number of API keys ever made for an account, for ``add_api_key``."""
        key = keys.api_keys_revision(account.organization_id, account.subject)
        item = self._database.get(self._table, key)
        return 0 if item is None else decode_revision(item)

    def add_api_key(self, key: ApiKey, revision: int) -> bool:
        """Store a new API key and its entry in the organization's list. False after a lost race.

        ``revision`` is the account's revision, read before the caller counted the keys. So of two requests
        that count at the same time only one stores a key.

        Raises:
            AlreadyExists: there is a key with this digest, which does not happen with random keys.
        """
        counted = Update(
            REVISION,
            self._table,
            keys.api_keys_revision(key.organization_id, key.subject),
            "SET revision = :next",
            "attribute_not_exists(pk)" if revision == 0 else "revision = :revision",
            {},
            {":next": encode_value(revision + 1)}
            | ({} if revision == 0 else {":revision": encode_value(revision)}),
        )
        record = Put(RECORD, self._table, encode_api_key(key), "attribute_not_exists(pk)")
        outcome = self._send(record, Put(LISTING, self._table, encode_listing(key)), counted)
        if isinstance(outcome, Refused) and RECORD in outcome.items:
            raise AlreadyExists("ApiKey", key.id, "an API key of this digest exists")
        return isinstance(outcome, Committed)

    def delete_api_key(self, key: ApiKey) -> bool:
        """Delete an API key, so that it is no longer valid. False if it does not exist any more."""
        outcome = self._send(
            Delete(RECORD, self._table, keys.api_key(key.digest), "attribute_exists(pk)"),
            Delete(LISTING, self._table, keys.api_key_of(key.organization_id, key.digest)),
        )
        return isinstance(outcome, Committed)

    def api_keys(self, organization_id: str, subject: str | None = None) -> list[ApiKey]:
        """Every API key of an organization, or of one subject of it, oldest first."""
        partition = keys.organization_partition(organization_id)
        listed = self._database.query(self._table, partition, keys.API_KEY_PREFIX)
        # Entries of earlier versions have no subject; the record has it.
        candidates = (e for e in listed if subject is None or e.get("subject", subject) == subject)
        wanted = [keys.api_key(entry["sk"].removeprefix(keys.API_KEY_PREFIX)) for entry in candidates]
        found = self._database.readable(self._database.get_many(self._table, wanted), decode_api_key)
        own = [key for key in found if subject in (None, key.subject)]
        return sorted(own, key=lambda key: (key.created_at, key.number, key.digest))

    def _send(self, *actions: Action) -> Outcome:
        for attempt in range(_CONFLICTS_MAX):
            outcome = self._database.commit(*actions)
            if not isinstance(outcome, Busy):
                return outcome
            self._database.pause(attempt)
        raise StorageUnavailable("rival transactions did not end", outcome_unknown=False)


@decoder
def decode_key_ring(item: Mapping[str, Any]) -> KeyRing:
    """Decode the SSH keys of an account."""
    return KeyRing(
        keys=tuple(SshKey(*row) for row in rows(item["keys"], str, str, str, str, int)),
        revision=whole(item, "revision"),
    )


def encode_api_key(key: ApiKey) -> Item:
    """The item of an API key that requests find by its digest."""
    return keys.api_key(key.digest) | encode(
        {
            "organization": key.organization_id,
            "subject": key.subject,
            "scopes": [scope.value for scope in key.scopes],
            "created_at": key.created_at,
            "name": key.name,
            "last_four": key.last_four,
            "number": key.number,
        }
    )


def encode_listing(key: ApiKey) -> Item:
    """The entry of an API key in its organization's list."""
    entry = {"created_at": key.created_at, "subject": key.subject}
    return keys.api_key_of(key.organization_id, key.digest) | encode(entry)


@decoder
def decode_revision(item: Mapping[str, Any]) -> int:
    """Decode the number of API keys ever made for an account."""
    return whole(item, "revision")


@decoder
def decode_api_key(item: Mapping[str, Any]) -> ApiKey:
    """Decode the item of an API key. Earlier versions wrote one scope and no name."""
    words = texts(item["scopes"]) if "scopes" in item else (text(item, "scope"),)
    return ApiKey(
        digest=item["pk"].removeprefix(keys.API_KEY_PREFIX),
        organization_id=text(item, "organization"),
        subject=text(item, "subject"),
        scopes=tuple(Scope(word) for word in words),
        created_at=second(item, "created_at"),
        # An empty name was chosen by the user; an absent one gets the default.
        name=text(item, "name") if "name" in item else NAME_DEFAULT,
        last_four=text_or_none(item, "last_four"),
        number=whole(item, "number") if "number" in item else 0,
        revoked_at=second_or_none(item, "revoked_at"),
    )
