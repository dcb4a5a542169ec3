"""Finds the holders that a request names or asks for, if the caller may know of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from gpu_capacity.errors import NotFound
from gpu_capacity.holders.holder import Holder
from gpu_capacity.holders.ids import is_holder_id
from gpu_capacity.holders.windows import entries_in

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.holders.store import HolderStore
    from gpu_capacity.holders.windows import Window


class OfProject(Holder, Protocol):
    """A holder that belongs to a project of its organization."""

    @property
    def project_id(self) -> str:
        """The project that it belongs to."""

    @property
    def region_id(self) -> str:
        """The region that it is in."""

    def has_tags(self, wanted: tuple[str, ...]) -> bool:
        """Whether it has every wanted tag, written ``name=value``."""


P = TypeVar("P", bound=OfProject)


@dataclass(frozen=True, slots=True)
class ProjectFilter(Generic[P]):
    """Which holders to list.

    A holder must match every field: one of the field's values, but all of ``tags``, which are written
    ``name=value``. An empty field matches everything.
    """

    organizations: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    tags: tuple[str, ...] = ()

    def admits(self, holder: P) -> bool:
        """Whether a holder matches. Ignores ``organizations``, which say where to look."""
        return (
            (not self.projects or holder.project_id in self.projects)
            and (not self.regions or holder.region_id in self.regions)
            and holder.has_tags(self.tags)
        )


def visible_holders(
    store: HolderStore[P], caller: Caller, wanted: ProjectFilter[P], window: Window, *, shown: bool = True
) -> list[P]:
    """The matching records that the caller may see, in the order of their ids.

    ``shown`` is false for records that are claiming as well.
    """
    return entries_in(
        window,
        caller.organizations_to_search(wanted.organizations),
        store.of_organization if shown else store.every,
        lambda h: caller.may_see(h.organization_id, h.project_id) and wanted.admits(h),
    )


def visible_holder(
    store: HolderStore[P],
    caller: Caller,
    holder_id: str,
    organizations: frozenset[str] = frozenset(),
    *,
    shown: bool = True,
    own: bool = False,
) -> P:
    """A record that the caller may see.

    Args:
        store: the store of its kind.
        caller: who sends the request.
        holder_id: as sent by the client.
        organizations: where to look; empty for all of the caller's. An operator may name any.
        shown: false for records that are claiming as well.
        own: true for records of the caller's own organizations and projects only, even for an operator.

    Raises:
        NotFound: the caller may see no such holder of this id.
    """
    found = None
    if is_holder_id(holder_id):
        found = store.get_in(caller.organizations_to_search(organizations), holder_id, shown=shown)
    allows = caller.owns if own else caller.may_see
    if found is None or not allows(found.organization_id, found.project_id):
        raise NotFound(f"the {store.noun} does not exist")
    return found
