"""Collaborators that are built when they are first used."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

Made = TypeVar("Made")


class _Lazy:
    def __init__(self, make: Callable[[], object]) -> None:
        self._made = cache(make)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made(), name)


def lazy(make: Callable[[], Made]) -> Made:
    """A proxy that builds the object on first use of an attribute.

    It passes attribute access only, so ``isinstance``, operators and ``with`` do not work on it.

    Args:
        make: builds the object; not called again once it has succeeded.
    """
    return cast("Made", _Lazy(make))
