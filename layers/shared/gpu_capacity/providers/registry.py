"""Finds providers by name. Each provider is a folder beside this file, and a setting contains its name.

The package of a folder has a factory ``host_provider(site)``, ``vm_provider(site)``, or both. A factory reads
its settings at once, so that every request reports a wrong setting, and returns a function that makes the
provider on first use. ``docs/providers.md`` explains how to write a provider.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Final, Protocol

from gpu_capacity import providers
from gpu_capacity.deadline import Deadline
from gpu_capacity.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.dynamodb.client import DynamoDBClient
    from gpu_capacity.ports import Clock, Pause, Telemetry
    from gpu_capacity.providers.port import HostProvider, VmProvider

DEFAULT: Final = "simulated"


class Settings(Protocol):
    """The settings of the stack. All methods raise ``Misconfigured`` if a setting is absent or malformed."""

    def text(self, name: str, default: str | None = None) -> str:
        """A text."""

    def whole(self, name: str, default: int, *, least: int = 0) -> int:
        """A whole number of at least ``least``."""

    def share(self, name: str, default: float) -> float:
        """A number between 0 and 1."""

    def words(self, name: str, default: str = "") -> list[str]:
        """Words separated by commas."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a factory can use to make a provider."""

    settings: Settings
    dynamodb: DynamoDBClient
    clock: Clock
    pause: Pause
    telemetry: Telemetry
    deadline: Deadline = field(default_factory=Deadline.none)


def host_provider(site: Site) -> Callable[[], HostProvider]:
    """The function that makes the host provider named by the setting ``HOST_PROVIDER``.

    Raises:
        Misconfigured: there is no provider of this name, or one of its settings is missing or malformed.
    """
    name = site.settings.text("HOST_PROVIDER", DEFAULT)
    make: Callable[[], HostProvider] = _made(site, "host_provider", name)
    return make


def vm_provider(site: Site) -> Callable[[], VmProvider]:
    """The function that makes the VM provider named by the setting ``VM_PROVIDER``; see ``host_provider``."""
    name = site.settings.text("VM_PROVIDER", DEFAULT)
    make: Callable[[], VmProvider] = _made(site, "vm_provider", name)
    return make


def names(factory: str) -> list[str]:
    """The names of the providers that have this factory."""
    return [name for name in _folders() if hasattr(_package(name), factory)]


def _made(site: Site, factory: str, name: str) -> Any:
    make = getattr(_package(name), factory, None) if name in _folders() else None
    if make is None:
        raise Misconfigured(f"{factory.upper()} must be one of: {', '.join(names(factory))}")
    return make(site)


def _folders() -> list[str]:
    return sorted(module.name for module in iter_modules(providers.__path__) if module.ispkg)


def _package(name: str) -> Any:
    return import_module(f"{providers.__name__}.{name}")
