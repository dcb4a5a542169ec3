"""What usage costs by the price list. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from gpu_capacity.vms.record import RentalType

if TYPE_CHECKING:
    from gpu_capacity.usage.held import Line
    from gpu_capacity.vms.prices import PriceList

HOUR_SECONDS: Final = 3600


def list_price(prices: PriceList, line: Line) -> Decimal | None:
    """What a GPU of this line costs for an hour; None if the price list does not have it.

    The disks of VMs are not counted here.
    """
    if not line.terms:
        return prices.accelerator_hourly.get(line.accelerator)
    listed = prices.gpu_hourly.get(line.accelerator)
    if listed is None:
        return None
    rental, _, months = line.terms.partition(" ")
    return listed * (1 - prices.discount(RentalType(rental), int(months) if months else None))


def cost(seconds: int, hourly: Decimal | None) -> Decimal | None:
    """What so many GPU-seconds cost; None without a price. Not rounded but by decimal arithmetic."""
    return None if hourly is None else hourly * seconds / HOUR_SECONDS


def hours(seconds: int) -> Decimal:
    """GPU-hours of so many GPU-seconds."""
    return Decimal(seconds) / HOUR_SECONDS
