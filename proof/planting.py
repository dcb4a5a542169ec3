"""Plants bugs: named patches, in memory and for the time of a test."""

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
    """A bug: its name, its effect, and its patch.

    ``orders`` names a block of interleavings in which to look for it, ``story`` a story to run with and
    without a crash: some bugs have a window of one call or need a long preparation, and random seeds would
    take thousands of runs to find them.
    """

    name: str
    what: str
    plant: Plant
    orders: str = ""
    story: str = ""


_KEPT: list[_lru_cache_wrapper[Any]] = []


def as_planted(find: Callable[[], Found]) -> Callable[[], Found]:
    """Cache a result of the product until a bug is planted or removed."""
    kept = cache(find)
    _KEPT.append(kept)
    return kept


class Patches:
    """Replaces attributes, and restores them on exit."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def wrap(self, owner: Any, name: str, wrapper: Callable[[Any], Any]) -> None:
        """Replace a function by ``wrapper`` of it."""
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
        """Restore everything."""
        self._stack.close()


@contextmanager
def planted(bug: Bug | None) -> Iterator[None]:
    """The product with a bug, or without one."""
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
    # Loaded handlers keep references to the steps.
    definitions.steps.cache_clear()
    for kept in _KEPT:
        kept.cache_clear()


@cache
def _load_everything() -> None:
    """Import the whole product: a module that is first imported under a bug would keep what it imported."""
    for module in walk_packages(gpu_capacity.__path__, "gpu_capacity."):
        import_module(module.name)


def under(change: Callable[[str], str]) -> Callable[[Any], Any]:
    """The same write with another condition, without the values that are now unused."""

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
    """Drop every term of the condition that contains this text."""
    return lambda condition: " AND ".join(term for term in condition.split(" AND ") if part not in term)
