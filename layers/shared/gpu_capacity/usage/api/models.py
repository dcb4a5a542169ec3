"""Usage in JSON."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, Final

from pydantic import ConfigDict, Field

from gpu_capacity.http.rendering import as_json
from gpu_capacity.reservations.api.bodies import Body
from gpu_capacity.times import rfc3339
from gpu_capacity.usage.held import Kind
from gpu_capacity.usage.pricing import cost, hours, list_price

if TYPE_CHECKING:
    from gpu_capacity.usage.meter import DayOfUsage
    from gpu_capacity.vms.prices import PriceList

_PLACES: Final = Decimal("0.000001")
_DATE: Final = len("2026-11-30")


class UsageRead(Body):
    """What one holder held of one accelerator on one day of UTC."""

    model_config = ConfigDict(title="usage")

    organization_id: str
    project_id: str | None = None
    kind: Kind
    id: str
    name: str | None = None
    region_id: str
    accelerator: str
    terms: str | None = Field(None, description="Of a VM: its rental type, and the months of its term.")
    day: str = Field(json_schema_extra={"format": "date"})
    gpu_seconds_held: int
    gpu_seconds_used: int = Field(description="Of a reservation: by its placements. Of others: all.")
    gpu_hours_held: str = Field(description="The same in hours, to six decimals.")
    list_price: str | None = Field(None, description="Of a GPU for an hour; absent without a list price.")
    list_cost: str | None = None
    currency: str | None = None


def usage_view(day: DayOfUsage, prices: PriceList) -> dict[str, Any]:
    """A day of usage as JSON."""
    holder, line = day.holder, day.line
    price = list_price(prices, line)
    money = cost(day.held, price)
    return as_json(
        UsageRead.model_construct(
            organization_id=holder.organization_id,
            project_id=holder.project_id or None,
            kind=holder.kind,
            id=holder.id,
            name=holder.name or None,
            region_id=line.region_id,
            accelerator=line.accelerator,
            terms=line.terms or None,
            day=rfc3339(day.day)[:_DATE],
            gpu_seconds_held=day.held,
            gpu_seconds_used=day.used,
            gpu_hours_held=_rounded(hours(day.held)),
            list_price=None if price is None else f"{price:f}",
            list_cost=None if money is None else _rounded(money),
            currency=None if price is None else prices.currency,
        )
    )


def _rounded(value: Decimal) -> str:
    return f"{value.quantize(_PLACES, ROUND_HALF_UP):f}"
