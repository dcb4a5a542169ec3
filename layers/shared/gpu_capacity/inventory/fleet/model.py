"""A parsed fleet document and the stored fleet, in the terms of ``inventory.model``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.inventory.cordons import Cordons
    from gpu_capacity.inventory.merge import StoredPod
    from gpu_capacity.inventory.model import Offering, Pod, Region

PodKey: TypeAlias = tuple[str, str]
"""Region id and pod id."""


DIGEST_FORM: Final = "pods-sha256:"
"""Prefix of digests. A digest that is computed in another way has another prefix and is not compared."""


@dataclass(frozen=True, slots=True)
class ReportedRegion:
    """A region and its pods as reported, by pod id. Reported pods have version 0.

    ``digests`` has the SHA-256 of the text of each pod's domains. If a stored pod has the same digest, its
    domains have not changed. ``repaired`` says when hosts were repaired, in seconds since the epoch, by host
    id; hosts for which that is not reported are left out.
    """

    region: Region
    pods: Mapping[str, Pod]
    digests: Mapping[str, bytes]
    repaired: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fleet:
    """A valid fleet document.

    ``digest`` is ``DIGEST_FORM`` and 64 hex digits, computed from the content of the document.
    ``observed_at`` is in seconds since the epoch.
    """

    sequence: int
    digest: str
    observed_at: int
    regions: Mapping[str, ReportedRegion]


@dataclass(frozen=True, slots=True)
class FeedState:
    """The last accepted document. ``regions`` has the ids of all regions of all accepted documents."""

    sequence: int
    digest: str
    observed_at: int
    regions: frozenset[str]

    def contradicts(self, digest: str) -> bool:
        """Whether a document with other content was accepted. False if digests have different forms."""
        return self.digest != digest and self.digest.startswith(DIGEST_FORM)


@dataclass(frozen=True, slots=True)
class StoredFleet:
    """The inventory as read. Advisory: the conditions of every write check again."""

    feed: FeedState | None
    regions: Mapping[str, Region]
    pods: Mapping[PodKey, StoredPod]
    unreadable: frozenset[PodKey] = frozenset()
    """Pods whose hosts or owners cannot be read. They are not in ``pods`` and must not be written."""
    cordons: Mapping[str, Cordons] = field(default_factory=dict)
    """What operators have cordoned, by region."""


def offering_of(region: Region | None, flavor_id: str) -> Offering | None:
    """The offering that defines when a domain of this flavor is complete; ``None`` if the region has none.

    Offerings of one flavor agree on resource class and hosts per unit, so the first one is enough.
    """
    if region is None:
        return None
    return next((o for o in region.offerings if o.flavor.id == flavor_id), None)
