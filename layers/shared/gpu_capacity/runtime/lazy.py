"""Collaborators that are made when they are first used."""

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
    """Stands for what ``make`` makes: called at the first use of an attribute, and once if it succeeds.

    All of an attribute's use passes; ``isinstance``, operators and ``with`` do not see through.
    """
    return cast("Made", _Lazy(make))
