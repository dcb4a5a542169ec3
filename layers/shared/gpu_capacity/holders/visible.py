"""Finds a holder that a request names, if the caller may know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from gpu_capacity.errors import NotFound
from gpu_capacity.holders.ids import is_holder_id
from gpu_capacity.holders.store import Holder

if TYPE_CHECKING:
    from gpu_capacity.access import Caller
    from gpu_capacity.holders.store import HolderStore


class OfProject(Holder, Protocol):
    """A holder that belongs to a project of its organization."""

    @property
    def project_id(self) -> str:
        """The project that it belongs to."""


P = TypeVar("P", bound=OfProject)


def visible_holder(
    store: HolderStore[P],
    caller: Caller,
    holder_id: str,
    organizations: frozenset[str],
    noun: str,
    *,
    shown: bool = True,
) -> P:
    """A record that the caller may see.

    Args:
        store: the store of its kind.
        caller: who sends the request.
        holder_id: as sent by the client.
        organizations: where to look; empty for all of the caller's. An operator may name any.
        noun: what the message calls it.
        shown: false for records that are claiming as well.

    Raises:
        NotFound: the caller may see no such holder of this id.
    """
    found = None
    if is_holder_id(holder_id):
        found = store.get_in(caller.organizations_to_search(organizations), holder_id, shown=shown)
    if found is None or not caller.may_see(found.organization_id, found.project_id):
        raise NotFound(f"the {noun} does not exist")
    return found
