"""What a fleet document says and what the inventory knows, in the nouns of ``topology``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.inventory.merge import StoredPod
    from gpu_capacity.inventory.model import Offering, Pod, Region

PodKey: TypeAlias = tuple[str, str]
"""Region id and pod id."""


DIGEST_FORM: Final = "pods-sha256:"
"""What digests begin with. Another way to compute them gets another form, and is not compared with this."""


@dataclass(frozen=True, slots=True)
class ReportedRegion:
    """A region and its pods as reported. The pods' ``version`` is 0: a document knows no versions.

    ``digests`` are SHA-256 over the text of each pod's domains: a stored pod of the same one did not change.
    """

    region: Region
    pods: Mapping[str, Pod]
    digests: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Fleet:
    """A valid fleet document.

    ``digest`` is ``DIGEST_FORM`` and 64 hex digits over what the document says; ``observed_at`` is in seconds
    since the epoch.
    """

    sequence: int
    digest: str
    observed_at: int
    regions: Mapping[str, ReportedRegion]


@dataclass(frozen=True, slots=True)
class FeedState:
    """The last accepted document. ``regions`` names every region that was ever accepted."""

    sequence: int
    digest: str
    observed_at: int
    regions: frozenset[str]

    def contradicts(self, digest: str) -> bool:
        """Whether another content was accepted, as far as digests of one form can tell."""
        return self.digest != digest and self.digest.startswith(DIGEST_FORM)


@dataclass(frozen=True, slots=True)
class StoredFleet:
    """The inventory as it was read: advisory, every write checks again."""

    feed: FeedState | None
    regions: Mapping[str, Region]
    pods: Mapping[PodKey, StoredPod]
    unreadable: frozenset[PodKey] = frozenset()
    """Pods of which hosts or owners cannot be read: not among ``pods``, and not to be written."""


def offering_of(region: Region | None, flavor_id: str) -> Offering | None:
    """The offering that tells when a domain of this flavor is complete, if the region has one.

    Offerings of one flavor agree on resource class and hosts per unit, so the first speaks for all.
    """
    if region is None:
        return None
    return next((o for o in region.offerings if o.flavor.id == flavor_id), None)
