"""The keys of all items in the tables of the service. A provider defines the keys of its own table.

==========  =====================  =================  =============================================
table       pk                     sk                 item
==========  =====================  =================  =============================================
inventory   FEED                   FEED               the last accepted fleet document
inventory   CATALOG                REGION#region      offerings, flavors and visibility of a region
inventory   CLAIMS#region#flavor   POD#pod            the ownership item of a pod: small, hot
inventory   SHAPES#region#flavor   POD#pod            the shape of a pod, for placement
inventory   HOSTS#region           POD#pod            full topology of a pod: large, cold
inventory   CORDONS                REGION#region      what operators have cordoned in a region
inventory   MAINTENANCES           MAINTENANCE#id     a maintenance
inventory   MAINTAINED#id          HOST#host          a host that this maintenance has taken
inventory   AUDITS#ALL             AUDIT#id           a run of the audit, which expires
holders     ORG#organization       RESERVATION#id     a reservation, or its tombstone
holders     ORG#organization       CLAIM#id           a capacity claim, or its tombstone
holders     ORG#organization       CLAIMNAME#name     which capacity claim has that name
holders     ORG#organization       PLACEMENT#id       a placement, or its tombstone
holders     ORG#organization       QUOTA#subject      a quota: the limit, and how much is used
holders     QUEUE#zone#instance    time#org#id        a capacity claim with pending instances
holders     QUEUE#zone#instance    !                  how often claims came back into the queue
holders     ORG#organization       VM#id              a VM; kept for some time after it is destroyed
holders     ORG#organization       VMLIVE#age#id      an entry for each VM by age, which lists read
holders     ORG#organization       VMENDED#age#id     the same for a destroyed VM, while it is kept
holders     ORG#organization       SSHKEYS#subject    the SSH keys of an account
holders     ORG#organization       APIKEY#digest      an entry for each API key, which lists read
holders     ORG#organization       APIKEYS#subject    how many API keys were made for an account
holders     ORG#organization       REPEAT#digest      which holder a recent request created
holders     APIKEY#digest          KEY                an API key: its account and scopes
holders     VMS                    node#id            the roster: one entry for each VM, by node
history     EVENTS#kind#org#id     EVENT#place        an event of a holder by time, which expires
history     METERS#org             METER#kind#id#life what a holder holds now, and since when
history     SPANS#org              SPAN#until#place   what a holder held for some time, which expires
history     METERED                METERED#org        that an organization has meters
==========  =====================  =================  =============================================

``SSHKEYS`` and ``APIKEYS`` have a digest of the subject in place of the subject.

Pods of one region and flavor share a partition key, so that one strongly consistent query reads a snapshot,
and is billed by the total size and not for each item. DynamoDB splits a hot item collection by sort key.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Collection

Key: TypeAlias = dict[str, dict[str, str]]

POD_PREFIX: Final = "POD#"
RESERVATION_PREFIX: Final = "RESERVATION#"
PLACEMENT_PREFIX: Final = "PLACEMENT#"
CLAIM_PREFIX: Final = "CLAIM#"
VM_PREFIX: Final = "VM#"
VM_LIVE_PREFIX: Final = "VMLIVE#"
VM_ENDED_PREFIX: Final = "VMENDED#"
API_KEY_PREFIX: Final = "APIKEY#"
QUOTA_PREFIX: Final = "QUOTA#"
REPEAT_PREFIX: Final = "REPEAT#"
REGION_PREFIX: Final = "REGION#"
EVENT_PREFIX: Final = "EVENT#"
METER_PREFIX: Final = "METER#"
SPAN_PREFIX: Final = "SPAN#"
METERED_PREFIX: Final = "METERED#"
MAINTENANCE_PREFIX: Final = "MAINTENANCE#"
HOST_PREFIX: Final = "HOST#"
AUDIT_PREFIX: Final = "AUDIT#"

GPU_TAG_PREFIX: Final = "g"
"""Prefix of holder tags for GPUs among the parts of a domain. It is no hex digit, so no plain tag begins with
it."""

_OCCUPIED_PREFIX: Final = "o"
_OCCUPIED_CHARACTERS: Final = 23

WATCH_PARTITION: Final = "WATCH"
FAULTS_PREFIX: Final = "FAULTS#"

UNSETTLED_INDEX: Final = "unsettled"
UNSETTLED_SHARDS: Final = 8
"""Number of partitions of the sparse index. One partition allows 1,000 writes a second."""


HELD_INDEX: Final = "held"
"""The sparse index of all holders by region. Its sort attribute is ``created_at``."""
HELD_SHARDS: Final = 4
"""Number of partitions of a region in that index: a holder costs one write there when it comes, and one when
it goes."""
SEVERAL_REGIONS: Final = "*"
"""Stands for the region of a holder that has, or asks for, hardware in several."""


def _key(pk: str, sk: str) -> Key:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


PARTITION_KEY_BYTES_MAX: Final = 2048
SORT_KEY_BYTES_MAX: Final = 1024


def can_exist(pk: str, sk: str = "") -> bool:
    """Whether DynamoDB can have an item under this key. Names in requests may be any text."""
    try:
        return len(pk.encode()) <= PARTITION_KEY_BYTES_MAX and len(sk.encode()) <= SORT_KEY_BYTES_MAX
    except UnicodeEncodeError:
        return False


def feed() -> Key:
    """The item about the last accepted fleet document."""
    return _key("FEED", "FEED")


CATALOG_PARTITION: Final = "CATALOG"


def region(region_id: str) -> Key:
    """A region's catalogue entry."""
    return _key(CATALOG_PARTITION, REGION_PREFIX + region_id)


CORDONS_PARTITION: Final = "CORDONS"


def cordons(region_id: str) -> Key:
    """The cordons of operators in a region."""
    return _key(CORDONS_PARTITION, REGION_PREFIX + region_id)


MAINTENANCES_PARTITION: Final = "MAINTENANCES"


def maintenance(maintenance_id: str) -> Key:
    """A maintenance."""
    return _key(MAINTENANCES_PARTITION, MAINTENANCE_PREFIX + maintenance_id)


def maintained_hosts_partition(maintenance_id: str) -> str:
    """The partition of all hosts that a maintenance has taken."""
    return f"MAINTAINED#{maintenance_id}"


def maintained_host(maintenance_id: str, host_id: str) -> Key:
    """A host that a maintenance has taken."""
    return _key(maintained_hosts_partition(maintenance_id), HOST_PREFIX + host_id)


AUDITS_PARTITION: Final = "AUDITS#ALL"
"""With a part after ``#``, as the permission to write it is by a pattern of keys."""


def audit_run(run_id: str) -> Key:
    """A run of the consistency check. Ids grow with time."""
    return _key(AUDITS_PARTITION, AUDIT_PREFIX + run_id)


def owners_partition(region_id: str, flavor_id: str) -> str:
    """The partition of all ownership items of a region and flavor."""
    return f"CLAIMS#{region_id}#{flavor_id}"


def owners(region_id: str, flavor_id: str, pod_id: str) -> Key:
    """The ownership item of a pod."""
    return _key(owners_partition(region_id, flavor_id), POD_PREFIX + pod_id)


def shapes_partition(region_id: str, flavor_id: str) -> str:
    """The partition of the shapes of all pods of a region and flavor."""
    return f"SHAPES#{region_id}#{flavor_id}"


def shape(region_id: str, flavor_id: str, pod_id: str) -> Key:
    """The shape of a pod."""
    return _key(shapes_partition(region_id, flavor_id), POD_PREFIX + pod_id)


def hosts_partition(region_id: str) -> str:
    """The partition of the full topology of all pods of a region."""
    return f"HOSTS#{region_id}"


def hosts(region_id: str, pod_id: str) -> Key:
    """The full topology of a pod."""
    return _key(hosts_partition(region_id), POD_PREFIX + pod_id)


def organization_partition(organization_id: str) -> str:
    """The partition of an organization. It keeps tenants apart: a read never sees another tenant's items."""
    return f"ORG#{organization_id}"


def holder(prefix: str, organization_id: str, holder_id: str) -> Key:
    """The record of a holder. The prefix stands for its kind."""
    return _key(organization_partition(organization_id), prefix + holder_id)


def reservation(organization_id: str, reservation_id: str) -> Key:
    """A reservation."""
    return _key(organization_partition(organization_id), RESERVATION_PREFIX + reservation_id)


def placement(organization_id: str, placement_id: str) -> Key:
    """A placement."""
    return _key(organization_partition(organization_id), PLACEMENT_PREFIX + placement_id)


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
    """All SSH keys of an account. A subject may be any text, so the key has a digest of it."""
    return _key(organization_partition(organization_id), f"SSHKEYS#{_digest(subject)}")


def api_key(digest: str) -> Key:
    """An API key, by the digest of its text, because a request has only the text."""
    return _key(API_KEY_PREFIX + digest, "KEY")


def api_key_of(organization_id: str, digest: str) -> Key:
    """The entry of an API key in its organization's list."""
    return _key(organization_partition(organization_id), API_KEY_PREFIX + digest)


def api_keys_revision(organization_id: str, subject: str) -> Key:
    """The number of API keys ever made for an account, so that two requests cannot exceed its limit."""
    return _key(organization_partition(organization_id), f"APIKEYS#{_digest(subject)}")


ROSTER_PARTITION: Final = "VMS"


def roster_prefix(node: str) -> str:
    """The beginning of the sort keys of the roster entries of a node."""
    return f"{node}#"


def on_roster(node: str, vm_id: str) -> Key:
    """The roster entry of a VM."""
    return _key(ROSTER_PARTITION, roster_prefix(node) + vm_id)


def claim_name(organization_id: str, name: str) -> Key:
    """Exists while a capacity claim of the organization has the name, which makes names unique."""
    return _key(organization_partition(organization_id), f"CLAIMNAME#{name}")


def queue_partition(zone: str, instance_id: str) -> str:
    """The queue of capacity claims that wait for an instance type in a zone."""
    return f"QUEUE#{zone}#{instance_id}"


def queued(zone: str, instance_id: str, created_ms: int, holder: tuple[str, str]) -> Key:
    """A capacity claim's entry in a queue, in the order of its creation.

    Args:
        zone: the zone of the queue.
        instance_id: the instance type of the queue.
        created_ms: when the claim was created, in milliseconds since the epoch.
        holder: (organization id, claim id), which orders claims of the same millisecond.
    """
    return _key(queue_partition(zone, instance_id), f"{created_ms:015}#{holder[0]}#{holder[1]}")


QUEUE_RETURNS_SORT_KEY: Final = "!"
"""Sorts before every entry of a queue, so that one read gets this item and the first claim."""


def queue_returns(zone: str, instance_id: str) -> Key:
    """The count of claims that came back into a queue, perhaps before claims that were waiting."""
    return _key(queue_partition(zone, instance_id), QUEUE_RETURNS_SORT_KEY)


def quota(organization_id: str, subject: str) -> Key:
    """An organization's quota on one subject, such as an accelerator."""
    return _key(organization_partition(organization_id), QUOTA_PREFIX + subject)


def recent_request(organization_id: str, digest: str) -> Key:
    """The item that says which holder a recent request created."""
    return _key(organization_partition(organization_id), REPEAT_PREFIX + digest)


def events_partition(kind: str, organization_id: str, holder_id: str) -> str:
    """The partition of the history of one holder. Ids of holders have one length, so no two are alike."""
    return f"EVENTS#{kind}#{organization_id}#{holder_id}"


def event(kind: str, organization_id: str, holder_id: str, place: str) -> Key:
    """An event in the history of a holder."""
    return _key(events_partition(kind, organization_id, holder_id), EVENT_PREFIX + place)


def meters_partition(organization_id: str) -> str:
    """The partition of the meters of an organization's holders."""
    return f"METERS#{organization_id}"


def meter(organization_id: str, kind: str, holder_id: str, life: str) -> Key:
    """The meter of one life of a holder."""
    return _key(meters_partition(organization_id), f"{METER_PREFIX}{kind}#{holder_id}#{life}")


def spans_partition(organization_id: str) -> str:
    """The partition of what an organization's holders held until some second."""
    return f"SPANS#{organization_id}"


def span(organization_id: str, until: int, place: str) -> Key:
    """What a holder held until this second."""
    return _key(spans_partition(organization_id), f"{SPAN_PREFIX}{until:012}#{place}")


METERED_PARTITION: Final = "METERED"


def metered(organization_id: str) -> Key:
    """Exists if an organization ever had a meter."""
    return _key(METERED_PARTITION, METERED_PREFIX + organization_id)


def domain_attribute(position: int) -> str:
    """The name of the attribute for the domain at this position in a pod's ownership item.

    It is short, because names are billed and an expression may have at most 4 KB.
    """
    return f"d{position}"


def booking_attribute(tag: bytes) -> str:
    """The name of the attribute for the booking with this tag in a pod's ownership item.

    It is URL-safe base64, which may have a hyphen. So expressions need a placeholder for the name.
    """
    return "b" + urlsafe_b64encode(tag).decode()


def occupied_attribute(placement_id: str) -> str:
    """The name of the attribute for the hosts of this placement in a reservation's record.

    It is short, because a reservation may have many placements and is billed by its size.
    """
    return _OCCUPIED_PREFIX + urlsafe_b64encode(UUID(placement_id).bytes).decode().rstrip("=")


def occupying_placement(attribute: str) -> str | None:
    """The placement whose hosts this attribute of a reservation has; ``None`` if it is another attribute."""
    if len(attribute) != _OCCUPIED_CHARACTERS or not attribute.startswith(_OCCUPIED_PREFIX):
        return None
    return str(UUID(bytes=urlsafe_b64decode(attribute[1:] + "==")))


def fault_reports(region_id: str) -> str:
    """The partition of the faults that customers have reported in a region."""
    return f"{FAULTS_PREFIX}{region_id}"


def fault_report(region_id: str, reported_at: int, server_id: str, digest: str) -> Key:
    """A report of a fault; ``digest`` tells those of one server and second apart."""
    return {"pk": {"S": fault_reports(region_id)}, "sk": {"S": f"{reported_at:010}#{server_id}#{digest}"}}


def watch() -> Key:
    """Where the watch of providers stopped."""
    return {"pk": {"S": WATCH_PARTITION}, "sk": {"S": "CURSOR"}}


def unsettled_shards() -> list[str]:
    """The names of all partitions of the sparse index."""
    return [str(shard) for shard in range(UNSETTLED_SHARDS)]


def unsettled_shard(holder_id: str) -> str:
    """The partition of the sparse index for an unsettled holder."""
    return str(int(holder_id[-4:], 16) % UNSETTLED_SHARDS)


def held_partition(regions: Collection[str], digits: str) -> str:
    """The partition of the index of holders for one with hardware in these regions.

    Args:
        regions: their ids.
        digits: of the holder, in hex; the last four are as good as random.
    """
    region_id = next(iter(regions)) if len(regions) == 1 else SEVERAL_REGIONS
    return f"{region_id}#{int(digits[-4:], 16) % HELD_SHARDS}"


def held_partitions(region_id: str) -> list[str]:
    """All partitions of the index of holders that may have a holder with hardware in a region."""
    return [f"{place}#{shard}" for place in (region_id, SEVERAL_REGIONS) for shard in range(HELD_SHARDS)]


def _digest(*words: str) -> str:
    """A short digest of texts that customers chose. As JSON, different lists of texts are different."""
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:32]
