"""Computes what VMs cost. Pure, in decimals throughout: no floats, and nothing is rounded here.

    GPU rate  = list price of the GPU type, less the discount of the rental type      (per GPU and hour)
    disk rate = list price of a gigabyte x the whole disk                             (per hour)
    hourly    = GPU rate x GPUs + disk rate

``vms.api.models`` rounds each figure once, so a shown sum may differ in the last digit from the sum of the
shown figures. Discounts apply to GPUs only: a disk costs the same under every rental type.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity import strict_json
from gpu_capacity.plain_numbers import decimal
from gpu_capacity.vms.record import TERM_MONTHS, RentalType

if TYPE_CHECKING:
    from collections.abc import Mapping

INTERRUPTIBLE_DISCOUNT_MIN: Final = Decimal("0.5")
INTERRUPTIBLE_DISCOUNT_MAX: Final = Decimal("0.8")
RESERVED_DISCOUNT_MAX: Final = Decimal("0.2")
CANCELLATION_SHARE: Final = Decimal("0.25")
"""The fee for cancelling a term, as a share of the price of the whole term. The published name of the figure
says 25 percent."""

CURRENCY: Final = "USD"
HOURLY_MAX: Final = Decimal(1000)
_HOURS_PER_MONTH_MIN: Final = 672
_HOURS_PER_MONTH_MAX: Final = 744
_DIGITS_MAX: Final = 12
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class PriceListInvalid(ValueError):
    """A price list is malformed or out of bounds; the message names the entry."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices in one currency. Discounts are shares from 0 to 1; ``reserved_discounts`` are by months.

    ``gpu_hourly`` is for VMs. ``accelerator_hourly`` is for a GPU of reservations and capacity claims; an
    accelerator that it does not have has no list price.
    """

    gpu_hourly: Mapping[str, Decimal]
    storage_gb_hourly: Decimal
    interruptible_discount: Decimal
    reserved_discounts: Mapping[int, Decimal]
    hours_per_month: int
    accelerator_hourly: Mapping[str, Decimal] = field(default_factory=dict)
    currency: str = CURRENCY

    def discount(self, rental_type: RentalType, months: int | None = None) -> Decimal:
        """The share of the list price that a rental type saves; ``months`` is used for ``RESERVED`` only."""
        if rental_type is RentalType.INTERRUPTIBLE:
            return self.interruptible_discount
        if rental_type is RentalType.RESERVED and months is not None:
            return self.reserved_discounts[months]
        return Decimal(0)


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices for an hour: of one GPU, of the whole disk, and of the whole VM."""

    gpu_hourly: Decimal
    storage_hourly: Decimal
    hourly: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """What a reserved rental would cost. The deposit is the first month."""

    discount: Decimal
    hourly: Decimal
    monthly: Decimal
    deposit: Decimal
    cancellation_fee: Decimal


def rates_of(
    prices: PriceList,
    gpu_type: str,
    gpu_count: int,
    storage_gb: int,
    rental_type: RentalType,
    months: int | None = None,
) -> Rates | None:
    """Prices for an hour; None if the list does not have the GPU type (any more)."""
    listed = prices.gpu_hourly.get(gpu_type)
    if listed is None:
        return None
    gpu = listed * (1 - prices.discount(rental_type, months))
    storage = prices.storage_gb_hourly * storage_gb
    return Rates(gpu, storage, gpu * gpu_count + storage)


def quote_of(prices: PriceList, gpu_type: str, gpu_count: int, storage_gb: int, months: int) -> Quote | None:
    """What a reserved rental would cost; None if the list does not have the GPU type."""
    rates = rates_of(prices, gpu_type, gpu_count, storage_gb, RentalType.RESERVED, months)
    if rates is None:
        return None
    monthly = rates.hourly * prices.hours_per_month
    return Quote(
        discount=prices.discount(RentalType.RESERVED, months),
        hourly=rates.hourly,
        monthly=monthly,
        deposit=monthly,
        cancellation_fee=monthly * months * CANCELLATION_SHARE,
    )


def parse_prices(text: str) -> PriceList:
    """Read a price list in the form of ``prices.json``. Money and shares are strings, to keep floats out.

    Raises:
        PriceListInvalid: it is no JSON object, or an entry is missing, unknown or out of its bounds.
    """
    try:
        document = strict_json.loads(text)
    except strict_json.JsonRefused as error:
        raise PriceListInvalid(f"the price list: {error}") from error
    names = {
        "gpuHourly",
        "storageGbHourly",
        "interruptibleDiscount",
        "reservedDiscounts",
        "hoursPerMonth",
    }
    more = {"acceleratorHourly", "currency"}
    if not isinstance(document, dict) or not names <= set(document) <= names | more:
        must, may = ", ".join(sorted(names)), " and ".join(sorted(more))
        raise PriceListInvalid(f"the price list must have exactly {must}; it may have {may}")
    currency = document.get("currency", CURRENCY)
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        raise PriceListInvalid("currency must be three capital letters, as in ISO 4217")
    hours = document["hoursPerMonth"]
    if type(hours) is not int or not _HOURS_PER_MONTH_MIN <= hours <= _HOURS_PER_MONTH_MAX:
        raise PriceListInvalid("hoursPerMonth must be the hours of 28 to 31 days")
    gpus = _table("gpuHourly", document["gpuHourly"])
    accelerators = _table("acceleratorHourly", document.get("acceleratorHourly", {"": "0"}))
    discounts = _table("reservedDiscounts", document["reservedDiscounts"])
    if set(discounts) != {str(months) for months in TERM_MONTHS}:
        raise PriceListInvalid("reservedDiscounts must have exactly 1, 3 and 6")
    return PriceList(
        gpu_hourly={name: _decimal(f"gpuHourly.{name}", price, HOURLY_MAX) for name, price in gpus.items()},
        storage_gb_hourly=_decimal("storageGbHourly", document["storageGbHourly"], HOURLY_MAX),
        interruptible_discount=_decimal(
            "interruptibleDiscount",
            document["interruptibleDiscount"],
            INTERRUPTIBLE_DISCOUNT_MAX,
            INTERRUPTIBLE_DISCOUNT_MIN,
        ),
        reserved_discounts={
            int(months): _decimal(f"reservedDiscounts.{months}", share, RESERVED_DISCOUNT_MAX)
            for months, share in discounts.items()
        },
        hours_per_month=hours,
        accelerator_hourly={
            name: _decimal(f"acceleratorHourly.{name}", price, HOURLY_MAX)
            for name, price in accelerators.items()
            if name
        },
        currency=currency,
    )


def _table(place: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        raise PriceListInvalid(f"{place} must be an object with at least one entry")
    return value


def _decimal(place: str, value: Any, most: Decimal, least: Decimal = Decimal(0)) -> Decimal:
    try:
        number = decimal(value) if isinstance(value, str) else None
    except ValueError:
        number = None
    # Digits are limited so that no product needs more than the 28 that decimal arithmetic keeps.
    if number is None or len(number.as_tuple().digits) > _DIGITS_MAX:
        raise PriceListInvalid(f"{place} must be a decimal number in quotes, of at most {_DIGITS_MAX} digits")
    if not least <= number <= most:
        raise PriceListInvalid(f"{place} must be between {least} and {most}")
    return number
