"""What the records of a project's resources, reservations and placements, have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tag:
    """A customer's label."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectScoped(ABC):
    """The common part of a record. Times are seconds since the epoch.

    ``attempt`` numbers the executions of the current workflow. ``failure`` is the message of status
    ``error``. ``counted``: it is part of the organization's quota. ``keyed``: the id was made of an
    idempotency key. ``removal`` is why an operator has deleted it, if one has.
    """

    id: str
    organization_id: str
    project_id: str
    name: str
    description: str | None
    tags: tuple[Tag, ...]
    region_id: str
    flavor_id: str
    created_at: int
    created_by: str
    fingerprint: str
    keyed: bool = False
    counted: bool = False
    attempt: int = 0
    unsettled_since: int | None = None
    failure: str | None = None
    deleted_at: int | None = None
    removal: str | None = None

    @property
    @abstractmethod
    def is_unsettled(self) -> bool:
        """Whether there is work to do for it."""

    @property
    def server_owner(self) -> str:
        """The host provider's name for the owner of its holds and servers.

        Includes the creation time: the fence of a resource that is gone must not stop a later one that has
        the same id because of the same idempotency key.
        """
        return f"{self.id}-{self.created_at}"

    def has_tags(self, wanted: tuple[str, ...]) -> bool:
        """Whether it has every wanted tag, written ``name=value``.

        The written forms are compared, so it does not matter whether name or value has an equals sign.
        """
        return {f"{tag.name}={tag.value}" for tag in self.tags}.issuperset(wanted)
