"""Collaborators that are built when they are first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

Made = TypeVar("Made")


class _Lazy:
    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make
        self._made: object = None

    def __getattr__(self, name: str) -> Any:
        if self._made is None:
            self._made = self._make()
        return getattr(self._made, name)


def lazy(make: Callable[[], Made]) -> Made:
    """A proxy that builds the object on first use of an attribute.

    It passes attribute access only, so ``isinstance``, operators and ``with`` do not work on it.

    Args:
        make: builds the object; not called again once it has succeeded.
    """
    return cast("Made", _Lazy(make))
