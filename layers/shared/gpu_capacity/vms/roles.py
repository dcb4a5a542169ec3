"""The collaborators that use cases of VMs need beside those of ``holders.roles``."""

# ruff: noqa: D102 - each class has one property and describes it

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
    """The price list."""

    @property
    def prices(self) -> PriceList: ...


class HasTemplates(Protocol):
    """The templates that disks are cloned from."""

    @property
    def templates(self) -> TemplateList: ...
