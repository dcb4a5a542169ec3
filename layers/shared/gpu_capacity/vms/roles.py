"""What VMs are kept with: see ``holders.roles``."""

# ruff: noqa: D102 - each class has one property, and tells what it is

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gpu_capacity.vms.prices import PriceList
    from gpu_capacity.vms.store import VmStore
    from gpu_capacity.vms.templates import TemplateList


class HasVms(Protocol):
    """Records of VMs, and the roster."""

    @property
    def vms(self) -> VmStore: ...


class HasPrices(Protocol):
    """What is charged."""

    @property
    def prices(self) -> PriceList: ...


class HasTemplates(Protocol):
    """Images of VMs."""

    @property
    def templates(self) -> TemplateList: ...
