"""What happened to a holder, as a value, and its form as a CloudEvent. Pure.

An event follows from two states of a record and from nothing else. So whoever reads the same change twice
makes the same event, with the same id.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

TYPE_PREFIX: Final = "gpu-capacity"
VERSION: Final = "v1"
"""The version of every type of event. A field that goes, or means something else, needs the next one."""

SOURCE: Final = "gpu-capacity"
"""Who says so: the source of an entry on the bus, and the first part of that of a CloudEvent."""

_SCHEMA: Final = f"urn:{TYPE_PREFIX}:event:{VERSION}"
_REVISION_DIGITS: Final = 12
_STREAM_DIGITS: Final = 40
"""Quotas have no revision: the number that the stream gives to a change takes its place."""


class Kind(StrEnum):
    """Kinds of holders, and what else has events. Published: append-only."""

    RESERVATION = "reservation"
    PLACEMENT = "placement"
    CAPACITY_CLAIM = "capacityclaim"
    VM = "vm"
    QUOTA = "quota"

    @property
    def plural(self) -> str:
        """The first part of a subject."""
        return f"{self.value}s"


class Word(StrEnum):
    """What can happen. Published: append-only."""

    CREATED = "created"
    """It exists for its customer."""
    ACCEPTED = "accepted"
    """It has all the capacity that it asks for."""
    PROVISIONED = "provisioned"
    """It can be used: hosts are held, servers are up."""
    CHANGED = "changed"
    """A customer sees something else of it, and no other word says what."""
    DEGRADED = "degraded"
    """It lacks something that it had, and its repair has to wait."""
    HEALED = "healed"
    """It lacks nothing any more."""
    FAILED = "failed"
    """It will not become usable by itself."""
    INTERRUPTION_ANNOUNCED = "interruption_announced"
    """It will lose its GPUs, at a time that the event has."""
    INTERRUPTED = "interrupted"
    """It has lost its GPUs, and may get others."""
    ENDED = "ended"
    """Its end has begun: it is to be removed."""
    RELEASED = "released"
    """It is gone, and has given everything back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What events tell of a holder: what its customer sees of it, and no secrets.

    Attributes:
        life: distinguishes holders that have the same id one after the other, in hex.
        revision: of the record; orders what happened in one life.
        hosts: how many hosts it owns, in whole or in part; None if that says nothing of it.
        gpus: how many GPUs it owns; None if that follows from the hosts.
        shown: whether its customer sees it.
        whole: whether it owns all that it asks for.
        ready: whether it can be used.
        ending: whether its end has begun.
        released: whether it has given everything back, while its record stays for a while.
        lack: why it lacks something that it had; None if it lacks nothing.
        leaves_at: when it will lose its GPUs, in seconds since the epoch; None if nobody has said so.
        interrupted: whether it has lost its GPUs and may get others.
        more: what events tell beside the above, as (name, value).
        detail: what else a customer sees; compared only.
    """

    kind: Kind
    id: str
    organization_id: str
    life: str
    revision: int
    status: str
    name: str = ""
    project_id: str = ""
    region_id: str = ""
    hosts: int | None = None
    gpus: int | None = None
    shown: bool = True
    whole: bool = False
    ready: bool = False
    ending: bool = False
    released: bool = False
    failure: str | None = None
    lack: str | None = None
    leaves_at: int | None = None
    interrupted: bool = False
    more: tuple[tuple[str, object], ...] = ()
    detail: tuple[object, ...] = ()

    @property
    def seen(self) -> tuple[object, ...]:
        """Everything that a customer sees of it."""
        return self.status, self.hosts, self.gpus, self.whole, self.failure, self.detail


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    ``at`` is in seconds since the epoch: when the database made the change. ``place`` orders the events of
    one revision. ``message`` is for people.
    """

    word: Word
    facts: Facts
    at: int
    place: int = 0
    status_before: str | None = None
    message: str | None = None

    @property
    def id(self) -> str:
        """The same for the same change, whoever looks and how often."""
        return f"{self.facts.life}.{self.facts.revision}.{self.place}"

    @property
    def type(self) -> str:
        """The type of the CloudEvent."""
        return f"{TYPE_PREFIX}.{self.facts.kind}.{self.word}.{VERSION}"

    @property
    def subject(self) -> str:
        """What it happened to."""
        return f"{self.facts.kind.plural}/{self.facts.id}"

    @property
    def sequence(self) -> str:
        """Orders the events of one life as texts."""
        digits = _STREAM_DIGITS if self.facts.kind is Kind.QUOTA else _REVISION_DIGITS
        return f"{self.facts.revision:0{digits}}.{self.place}"


def cloud_event(event: Event) -> dict[str, Any]:
    """The event as a CloudEvent 1.0 in JSON.

    ``sequence`` orders the events of a holder as texts; ``partitionkey`` is the same for all of its events.
    """
    facts = event.facts
    data = {
        "kind": facts.kind.value,
        "id": facts.id,
        "organizationID": facts.organization_id,
        "projectID": facts.project_id or None,
        "regionID": facts.region_id or None,
        "name": facts.name or None,
        "event": event.word.value,
        "status": facts.status,
        "statusBefore": event.status_before,
        "hosts": facts.hosts,
        "gpus": facts.gpus,
        "effectiveAt": None if facts.leaves_at is None else rfc3339(facts.leaves_at),
        "message": event.message,
        **dict(facts.more),
    }
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": f"/{SOURCE}/organizations/{facts.organization_id}",
        "type": event.type,
        "subject": event.subject,
        "time": rfc3339(event.at),
        "datacontenttype": "application/json",
        "dataschema": f"{_SCHEMA}:{facts.kind}",
        "sequence": event.sequence,
        "partitionkey": f"{facts.organization_id}/{event.subject}",
        "data": {name: value for name, value in data.items() if value is not None},
    }


def in_order(
    words: Sequence[tuple[Word, str | None]], facts: Facts, at: int, before: Facts | None
) -> list[Event]:
    """One event for each word, with its message, numbered."""
    status_before = None if before is None else before.status
    return [
        Event(word, facts, at, place, status_before, message) for place, (word, message) in enumerate(words)
    ]
