"""Keys of every item of the tables of the service. A provider's own table is the provider's business.

==========  =====================  =================  =============================================
table       pk                     sk                 item
==========  =====================  =================  =============================================
inventory   FEED                   FEED               the last accepted fleet document
inventory   CATALOG                REGION#region      offerings, flavors and visibility of a region
inventory   CLAIMS#region#flavor   POD#pod            who owns which domain: small, hot
inventory   SHAPES#region#flavor   POD#pod            usability for placement, by version
inventory   HOSTS#region           POD#pod            host ids, names, states: large, cold
holders     ORG#organization       RESERVATION#id     a reservation, or its tombstone
holders     ORG#organization       CLAIM#id           a capacity claim, or its tombstone
holders     ORG#organization       CLAIMNAME#name     which claim of the organization has that name
holders     ORG#organization       QUOTA#subject      a limit and what is used of it
holders     QUEUE#zone#instance    time#org#id        a claim with pending instances, oldest first
holders     QUEUE#zone#instance    !                  how often a claim came back into the queue
holders     ORG#organization       VM#id              a VM; it stays for a while when it is destroyed
holders     ORG#organization       VMLIVE#age#id      that there is a VM, by age: lists go by these entries
holders     ORG#organization       VMENDED#age#id     the same of one that is destroyed, as long as it is kept
holders     ORG#organization       SSHKEYS#subject    the SSH keys of an account (of a digest of the subject)
holders     ORG#organization       APIKEY#digest      that the organization has an API key of that digest
holders     ORG#organization       APIKEYS#subject    how often an API key was made for an account
holders     ORG#organization       REPEAT#digest      which holder an equal request has just made
holders     APIKEY#digest          KEY                an API key: whose it is, and what it may do
holders     VMS                    node#id            the roster: what schedules need of each VM, by node
==========  =====================  =================  =============================================

Pods of one region and flavor share a partition key, so that a snapshot is one strongly consistent query
that bills the sum of the items and not each; DynamoDB splits a hot item collection by sort key.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from typing import Final, TypeAlias

Key: TypeAlias = dict[str, dict[str, str]]

POD_PREFIX: Final = "POD#"
RESERVATION_PREFIX: Final = "RESERVATION#"
CLAIM_PREFIX: Final = "CLAIM#"
VM_PREFIX: Final = "VM#"
VM_LIVE_PREFIX: Final = "VMLIVE#"
VM_ENDED_PREFIX: Final = "VMENDED#"
API_KEY_PREFIX: Final = "APIKEY#"
QUOTA_PREFIX: Final = "QUOTA#"
REPEAT_PREFIX: Final = "REPEAT#"
REGION_PREFIX: Final = "REGION#"

GPU_TAG_PREFIX: Final = "g"
"""What tells a holder of GPUs from one of hosts in a domain's parts: no hex digit, so no tag begins so."""

UNSETTLED_INDEX: Final = "unsettled"
UNSETTLED_SHARDS: Final = 8
"""The sparse index is spread over this many partitions: one would take 1,000 writes a second."""


def _key(pk: str, sk: str) -> Key:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


PARTITION_KEY_BYTES_MAX: Final = 2048
SORT_KEY_BYTES_MAX: Final = 1024


def can_exist(pk: str, sk: str = "") -> bool:
    """Whether DynamoDB could hold an item under this key: names that customers send may be any text."""
    try:
        return len(pk.encode()) <= PARTITION_KEY_BYTES_MAX and len(sk.encode()) <= SORT_KEY_BYTES_MAX
    except UnicodeEncodeError:
        return False


def feed() -> Key:
    """The one item about the last accepted fleet document."""
    return _key("FEED", "FEED")


CATALOG_PARTITION: Final = "CATALOG"


def region(region_id: str) -> Key:
    """A region's catalogue entry."""
    return _key(CATALOG_PARTITION, REGION_PREFIX + region_id)


def owners_partition(region_id: str, flavor_id: str) -> str:
    """All pods of a region and flavor: ownership."""
    return f"CLAIMS#{region_id}#{flavor_id}"


def owners(region_id: str, flavor_id: str, pod_id: str) -> Key:
    """Ownership of one pod's domains."""
    return _key(owners_partition(region_id, flavor_id), POD_PREFIX + pod_id)


def shapes_partition(region_id: str, flavor_id: str) -> str:
    """All pods of a region and flavor: usability."""
    return f"SHAPES#{region_id}#{flavor_id}"


def shape(region_id: str, flavor_id: str, pod_id: str) -> Key:
    """Usability of one pod's domains."""
    return _key(shapes_partition(region_id, flavor_id), POD_PREFIX + pod_id)


def hosts_partition(region_id: str) -> str:
    """All pods of a region: full topology."""
    return f"HOSTS#{region_id}"


def hosts(region_id: str, pod_id: str) -> Key:
    """Full topology of one pod."""
    return _key(hosts_partition(region_id), POD_PREFIX + pod_id)


def organization_partition(organization_id: str) -> str:
    """Everything that an organization holds. Tenants are keys: another one's items are out of reach."""
    return f"ORG#{organization_id}"


def holder(prefix: str, organization_id: str, holder_id: str) -> Key:
    """The record of a holder; the prefix tells of which kind."""
    return _key(organization_partition(organization_id), prefix + holder_id)


def reservation(organization_id: str, reservation_id: str) -> Key:
    """A reservation."""
    return _key(organization_partition(organization_id), RESERVATION_PREFIX + reservation_id)


def capacity_claim(organization_id: str, claim_id: str) -> Key:
    """A capacity claim."""
    return _key(organization_partition(organization_id), CLAIM_PREFIX + claim_id)


def vm(organization_id: str, vm_id: str) -> Key:
    """A VM."""
    return _key(organization_partition(organization_id), VM_PREFIX + vm_id)


def vm_listing(organization_id: str, age: str, *, ended: bool) -> Key:
    """A VM's entry in its organization's list; see ``Vm.age``."""
    prefix = VM_ENDED_PREFIX if ended else VM_LIVE_PREFIX
    return _key(organization_partition(organization_id), prefix + age)


def ssh_keys(organization_id: str, subject: str) -> Key:
    """All SSH keys of an account. A subject is any text, so a digest of it stands in the key."""
    return _key(organization_partition(organization_id), f"SSHKEYS#{_digest(subject)}")


def api_key(digest: str) -> Key:
    """An API key, by the digest of its text: that is all that a request brings."""
    return _key(API_KEY_PREFIX + digest, "KEY")


def api_key_of(organization_id: str, digest: str) -> Key:
    """Present for every API key of an organization, so that they can be listed."""
    return _key(organization_partition(organization_id), API_KEY_PREFIX + digest)


def api_keys_revision(organization_id: str, subject: str) -> Key:
    """Counts the API keys that were ever made for an account, so that two requests cannot pass its limit."""
    return _key(organization_partition(organization_id), f"APIKEYS#{_digest(subject)}")


ROSTER_PARTITION: Final = "VMS"


def roster_prefix(node: str) -> str:
    """What the roster's entries of one node begin with."""
    return f"{node}#"


def on_roster(node: str, vm_id: str) -> Key:
    """A VM's entry among those of its node."""
    return _key(ROSTER_PARTITION, roster_prefix(node) + vm_id)


def claim_name(organization_id: str, name: str) -> Key:
    """Present while a claim of the organization has the name: names are unique within it."""
    return _key(organization_partition(organization_id), f"CLAIMNAME#{name}")


def queue_partition(zone: str, instance_id: str) -> str:
    """Claims that wait for instances of a type in a zone."""
    return f"QUEUE#{zone}#{instance_id}"


def queued(zone: str, instance_id: str, created_ms: int, holder: tuple[str, str]) -> Key:
    """A claim's place in a queue: by age in milliseconds, then by (organization id, claim id)."""
    return _key(queue_partition(zone, instance_id), f"{created_ms:015}#{holder[0]}#{holder[1]}")


QUEUE_RETURNS_SORT_KEY: Final = "!"
"""Sorts before every place in a queue, so that one read has it and the first claim."""


def queue_returns(zone: str, instance_id: str) -> Key:
    """Counts the claims that came back into a queue, and so perhaps before others that stood there."""
    return _key(queue_partition(zone, instance_id), QUEUE_RETURNS_SORT_KEY)


def quota(organization_id: str, subject: str) -> Key:
    """An organization's limit on one subject, e.g. an accelerator."""
    return _key(organization_partition(organization_id), QUOTA_PREFIX + subject)


def recent_request(organization_id: str, digest: str) -> Key:
    """Which holder an equal request has just made."""
    return _key(organization_partition(organization_id), REPEAT_PREFIX + digest)


def domain_attribute(position: int) -> str:
    """The attribute of a pod's ownership item that stands for the domain at that position.

    Short, because names are billed and an expression may have 4 KB.
    """
    return f"d{position}"


def booking_attribute(tag: bytes) -> str:
    """The attribute of a pod's ownership item that holds the booking of that tag.

    Base64 in the alphabet of URLs: it can have a hyphen, so an expression needs a name for it.
    """
    return "b" + urlsafe_b64encode(tag).decode()


def unsettled_shards() -> list[str]:
    """Every partition of the sparse index."""
    return [str(shard) for shard in range(UNSETTLED_SHARDS)]


def unsettled_shard(holder_id: str) -> str:
    """Which partition of the sparse index an unsettled holder stands in."""
    return str(int(holder_id[-4:], 16) % UNSETTLED_SHARDS)


def _digest(*words: str) -> str:
    """A short name of texts that customers chose. The separator cannot be part of a word's JSON."""
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:32]
