"""How a bug is planted: a named patch, in memory and for the time of a test."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any, TypeVar
from unittest.mock import patch

import gpu_capacity
from testkit.workflow import definitions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from functools import _lru_cache_wrapper

    Plant = Callable[["Patches"], None]

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Bug:
    """A mistake: what it is called, what it does, and how it is made.

    ``orders`` names a block of interleavings in which it is looked for, ``story`` a story that is told with
    and without a crash: the window of some mistakes is one call wide, or takes a long preparation, and chance
    would take thousands of seeds to meet it.
    """

    name: str
    what: str
    plant: Plant
    orders: str = ""
    story: str = ""


_KEPT: list[_lru_cache_wrapper[Any]] = []


def as_planted(find: Callable[[], Found]) -> Callable[[], Found]:
    """Keep what the product does, until a bug is planted in it or taken out again."""
    kept = cache(find)
    _KEPT.append(kept)
    return kept


class Patches:
    """Replaces attributes until it is left."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def wrap(self, owner: Any, name: str, wrapper: Callable[[Any], Any]) -> None:
        """Replace a function by what ``wrapper`` makes of it."""
        self.replace(owner, name, wrapper(getattr(owner, name)))

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Replace an attribute."""
        self._stack.enter_context(patch.object(owner, name, value))

    def wrap_everywhere(self, function: Callable[..., Any], wrapper: Callable[[Any], Any]) -> None:
        """Replace a function of the product in every module that has it under its own name."""
        name, planted = function.__name__, wrapper(function)
        for module in [m for n, m in sys.modules.items() if n.startswith("gpu_capacity.")]:
            if getattr(module, name, None) is function:
                self.replace(module, name, planted)

    def close(self) -> None:
        """Put everything back."""
        self._stack.close()


@contextmanager
def planted(bug: Bug | None) -> Iterator[None]:
    """The product with a bug, or as it is."""
    _load_everything()
    patches = Patches()
    try:
        if bug is not None:
            bug.plant(patches)
        _forget()
        yield
    finally:
        patches.close()
        _forget()


def _forget() -> None:
    # Handlers hold the steps that they were loaded with.
    definitions.steps.cache_clear()
    for kept in _KEPT:
        kept.cache_clear()


@cache
def _load_everything() -> None:
    """Import the whole product: a module that is first imported under a bug would keep what it imported."""
    for module in walk_packages(gpu_capacity.__path__, "gpu_capacity."):
        import_module(module.name)


def under(change: Callable[[str], str]) -> Callable[[Any], Any]:
    """The same write under another condition; values that nobody uses any more are left out."""

    def wrapper(build: Any) -> Any:
        def built(*arguments: Any, **more: Any) -> Any:
            write = build(*arguments, **more)
            condition = change(write.condition or "") or None
            used = f"{condition} {getattr(write, 'update', '')}"
            return replace(
                write,
                condition=condition,
                names={name: text for name, text in write.names.items() if name in used},
                values={name: value for name, value in write.values.items() if name in used},
            )

        return built

    return wrapper


def without(part: str) -> Callable[[str], str]:
    """Drop every term that has this in it."""
    return lambda condition: " AND ".join(term for term in condition.split(" AND ") if part not in term)
