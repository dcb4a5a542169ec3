"""The CSV has the columns of the FOCUS specification, and money that adds up."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

from gpu_capacity.usage.focus import COLUMNS, csv_of
from gpu_capacity.usage.held import Holder, Kind, Line
from gpu_capacity.usage.meter import DayOfUsage
from testkit.world import World

DAY = 1_796_083_200 - 1_796_083_200 % 86_400
PRICES = World().services.prices


def _rows(*days: DayOfUsage) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_of(days, PRICES))))


def _day(kind: Kind = Kind.RESERVATION, **changes: Any) -> DayOfUsage:
    holder = Holder("organization", kind, "id", "life", "project", changes.pop("name", "training"))
    line = changes.pop("line", Line("us-tex-1", "GB300"))
    return DayOfUsage(holder, line, DAY, changes.pop("held", 7200), changes.pop("used", 1800))


def test_a_reservation_has_a_row_for_what_was_used_and_one_for_the_rest() -> None:
    used, unused = _rows(_day())
    assert (used["CapacityReservationStatus"], unused["CapacityReservationStatus"]) == ("Used", "Unused")
    assert (used["ConsumedQuantity"], unused["ConsumedQuantity"]) == ("0.500000", "1.500000")
    assert {used["CapacityReservationId"], unused["CapacityReservationId"]} == {"id"}
    total = Decimal(used["ListCost"]) + Decimal(unused["ListCost"])
    assert total == 2 * PRICES.accelerator_hourly["GB300"]


def test_a_row_says_when_for_whom_and_how_much() -> None:
    row, _ = _rows(_day())
    assert list(row) == list(COLUMNS)
    assert row["BillingAccountId"] == "organization"
    assert row["SubAccountId"] == "project"
    assert row["ChargePeriodStart"] < row["ChargePeriodEnd"]
    assert row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["BillingPeriodEnd"]
    assert row["PricingUnit"] == "GPU-Hours"
    assert row["BillingCurrency"] == "USD"


def test_a_vm_costs_what_its_terms_say() -> None:
    (row,) = _rows(_day(Kind.VM, line=Line("no-osl-1", "5090", "reserved 3"), held=3600, used=3600))
    price = PRICES.gpu_hourly["5090"] * (1 - PRICES.reserved_discounts[3])
    assert Decimal(row["ListUnitPrice"]) == price
    assert row["SkuId"] == "vm/5090/reserved-3"
    assert row["CapacityReservationId"] == ""


def test_what_has_no_list_price_has_no_cost() -> None:
    (row,) = _rows(_day(Kind.CAPACITY_CLAIM, line=Line("us-tex-1", "unheard of")))
    assert (row["ListUnitPrice"], row["ListCost"], row["BillingCurrency"]) == ("", "", "")


def test_the_year_of_a_billing_period_follows() -> None:
    december = DayOfUsage(Holder("o", Kind.VM, "i", "l"), Line("r", "5090", "on_demand"), 1_796_428_800, 1, 1)
    (row,) = _rows(december)
    assert (row["BillingPeriodStart"][:7], row["BillingPeriodEnd"][:7]) == ("2026-12", "2027-01")


def test_a_name_is_no_formula() -> None:
    (row, _) = _rows(_day(name="=HYPERLINK(1)"))
    assert row["ResourceName"] == "'=HYPERLINK(1)"
