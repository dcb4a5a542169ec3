"""Neighbours from a list: every name has to be on it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from gpu_capacity.errors import NotFound, Unprocessable
from gpu_capacity.holders.ids import canonical_uuid
from gpu_capacity.inventory.model import Architecture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gpu_capacity.neighbours.port import NeighbourWish


class Kind(StrEnum):
    """What other services keep. The words are for messages."""

    NETWORK = "network"
    IMAGE = "image"
    SECURITY_GROUP = "security group"
    SSH_AUTHORITY = "SSH certificate authority"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing of another service. ``id`` is a UUID in lower case; an image has an architecture.

    Several may have the same name: an image has one entry for each architecture and region.
    """

    kind: Kind
    region_id: str
    name: str
    id: str
    architecture: Architecture = Architecture.UNKNOWN


class ListedNeighbours:
    """Knows what is on a list. A UUID that is not on it passes: only its owner could say more."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = tuple(entries)

    def check(self, wish: NeighbourWish) -> None:
        """See ``Neighbours.check``."""
        for kind, name in _named(wish):
            self._check(kind, name, wish)

    def _check(self, kind: Kind, name: str, wish: NeighbourWish) -> None:
        uuid = canonical_uuid(name)
        found = [
            entry
            for entry in self._entries
            if entry.kind is kind and (entry.name == name or entry.id == uuid)
        ]
        if not found and uuid is None:
            raise NotFound(f"the {kind.value} does not exist")
        here = [entry for entry in found if entry.region_id == wish.region_id]
        if found and not here:
            raise Unprocessable(f"the {kind.value} is in another region than the hosts")
        if here and not any(_runs_on(wish.architecture, entry) for entry in here):
            raise Unprocessable(
                f"the {kind.value} is not for the architecture of the hosts, {wish.architecture}"
            )


def _named(wish: NeighbourWish) -> Iterator[tuple[Kind, str]]:
    if wish.network_id is not None:
        yield Kind.NETWORK, wish.network_id
    yield Kind.IMAGE, wish.image_id
    for name in wish.security_groups:
        yield Kind.SECURITY_GROUP, name
    if wish.ssh_certificate_authority_id is not None:
        yield Kind.SSH_AUTHORITY, wish.ssh_certificate_authority_id


def _runs_on(architecture: Architecture, entry: Entry) -> bool:
    return entry.architecture is architecture or Architecture.UNKNOWN in (architecture, entry.architecture)
