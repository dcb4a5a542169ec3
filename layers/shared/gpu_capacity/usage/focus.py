"""Usage as CSV with the column names of the FOCUS specification (version 1.2). Pure.

A reservation's day has a row for the GPU-hours that placements used, and one for those that nobody did. A
column that this service has no value for is left out, or empty in a row.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from gpu_capacity.times import rfc3339
from gpu_capacity.usage.held import Kind
from gpu_capacity.usage.meter import DAY_SECONDS
from gpu_capacity.usage.pricing import cost, hours, list_price

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gpu_capacity.usage.meter import DayOfUsage
    from gpu_capacity.vms.prices import PriceList

USED: Final = "Used"
UNUSED: Final = "Unused"

COLUMNS: Final = (
    "BillingAccountId",
    "SubAccountId",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ChargeCategory",
    "ChargeDescription",
    "ServiceCategory",
    "ServiceName",
    "ProviderName",
    "RegionId",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "CapacityReservationId",
    "CapacityReservationStatus",
    "SkuId",
    "ConsumedQuantity",
    "ConsumedUnit",
    "PricingQuantity",
    "PricingUnit",
    "ListUnitPrice",
    "ListCost",
    "ContractedCost",
    "EffectiveCost",
    "BilledCost",
    "BillingCurrency",
)

_PROVIDER: Final = "gpu-capacity"
_TYPES: Final = {
    Kind.RESERVATION: "Reservation",
    Kind.CAPACITY_CLAIM: "Capacity claim",
    Kind.VM: "VM",
}
_UNIT: Final = "GPU-Hours"
_QUANTITY: Final = Decimal("0.000001")
_MONEY: Final = Decimal("0.000001")
_MONTHS: Final = 12


def csv_of(days: Iterable[DayOfUsage], prices: PriceList) -> str:
    """The CSV, with a header line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for day in days:
        writer.writerows(_rows(day, prices))
    return text.getvalue()


def _rows(day: DayOfUsage, prices: PriceList) -> Iterator[dict[str, str]]:
    if day.holder.kind is not Kind.RESERVATION:
        yield _row(day, prices, day.held, "")
        return
    for status, seconds in ((USED, day.used), (UNUSED, day.held - day.used)):
        if seconds:
            yield _row(day, prices, seconds, status)


def _row(day: DayOfUsage, prices: PriceList, seconds: int, status: str) -> dict[str, str]:
    holder, line = day.holder, day.line
    price = list_price(prices, line)
    money = _decimal(cost(seconds, price), _MONEY)
    quantity = _decimal(hours(seconds), _QUANTITY)
    month, next_month = _months(day.day)
    words = (holder.kind.value, line.accelerator, line.terms.replace(" ", "-"))
    sku = "/".join(word for word in words if word)
    return {
        "BillingAccountId": holder.organization_id,
        "SubAccountId": holder.project_id,
        "BillingPeriodStart": month,
        "BillingPeriodEnd": next_month,
        "ChargePeriodStart": rfc3339(day.day),
        "ChargePeriodEnd": rfc3339(day.day + DAY_SECONDS),
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{line.accelerator} GPUs, {_TYPES[holder.kind].lower()}",
        "ServiceCategory": "Compute",
        "ServiceName": "GPU capacity",
        "ProviderName": _PROVIDER,
        "RegionId": line.region_id,
        "ResourceId": holder.id,
        "ResourceName": _harmless(holder.name),
        "ResourceType": _TYPES[holder.kind],
        "CapacityReservationId": holder.id if status else "",
        "CapacityReservationStatus": status,
        "SkuId": sku,
        "ConsumedQuantity": quantity,
        "ConsumedUnit": _UNIT,
        "PricingQuantity": quantity,
        "PricingUnit": _UNIT,
        "ListUnitPrice": "" if price is None else f"{price:f}",
        "ListCost": money,
        "ContractedCost": money,
        "EffectiveCost": money,
        "BilledCost": money,
        "BillingCurrency": prices.currency if price is not None else "",
    }


def _decimal(value: Decimal | None, places: Decimal) -> str:
    return "" if value is None else f"{value.quantize(places, ROUND_HALF_UP):f}"


def _harmless(name: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name


def _months(second: int) -> tuple[str, str]:
    """The first second of the month of a time, and of the month after it."""
    time = datetime.fromtimestamp(second, tz=UTC)
    first = datetime(time.year, time.month, 1, tzinfo=UTC)
    year, month = divmod(time.year * _MONTHS + time.month, _MONTHS)
    return rfc3339(first.timestamp()), rfc3339(datetime(year, month + 1, 1, tzinfo=UTC).timestamp())
