"""What VMs cost: every figure follows from the price list, without floats."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_capacity.errors import Misconfigured
from gpu_capacity.runtime.settings import Environment
from gpu_capacity.runtime.vm_settings import price_list
from gpu_capacity.vms.api.models import STORAGE_GB_MAX, amount, quote_view, rate
from gpu_capacity.vms.prices import PriceList, PriceListInvalid, parse_prices, quote_of, rates_of
from gpu_capacity.vms.record import GPU_COUNTS, TERM_MONTHS, RentalType

if TYPE_CHECKING:
    from testkit.handlers.vm_stage import Stage

LIST: dict[str, Any] = {
    "gpuHourly": {"5090": "0.69", "4090": "0.39"},
    "storageGbHourly": "0.00014",
    "interruptibleDiscount": "0.60",
    "reservedDiscounts": {"1": "0.05", "3": "0.10", "6": "0.20"},
    "hoursPerMonth": 730,
}
PRICES = parse_prices(json.dumps(LIST))


def money(most: str) -> st.SearchStrategy[Decimal]:
    return st.decimals("0", most, places=6, allow_nan=False, allow_infinity=False)


price_lists = st.builds(
    PriceList,
    gpu_hourly=st.fixed_dictionaries({"5090": money("1000")}),
    storage_gb_hourly=money("1"),
    interruptible_discount=st.decimals("0.5", "0.8", places=4),
    reserved_discounts=st.fixed_dictionaries({n: st.decimals("0", "0.2", places=4) for n in TERM_MONTHS}),
    hours_per_month=st.integers(672, 744),
)
rentals = st.sampled_from(
    [(RentalType.ON_DEMAND, None), (RentalType.INTERRUPTIBLE, None)]
    + [(RentalType.RESERVED, months) for months in TERM_MONTHS]
)
counts = st.sampled_from(GPU_COUNTS)
disks = st.integers(50, STORAGE_GB_MAX)


@given(price_lists, rentals, counts, disks)
def test_every_rate_follows_from_the_list_exactly(
    prices: PriceList, rental: tuple[RentalType, int | None], gpus: int, disk: int
) -> None:
    kind, months = rental
    rates = rates_of(prices, "5090", gpus, disk, kind, months)
    assert rates is not None
    discount = {
        RentalType.ON_DEMAND: Fraction(0),
        RentalType.INTERRUPTIBLE: Fraction(prices.interruptible_discount),
        RentalType.RESERVED: Fraction(prices.reserved_discounts.get(months or 0, Decimal(0))),
    }[kind]
    gpu = Fraction(prices.gpu_hourly["5090"]) * (1 - discount)
    storage = Fraction(prices.storage_gb_hourly) * disk
    assert Fraction(rates.gpu_hourly) == gpu
    assert Fraction(rates.storage_hourly) == storage
    assert Fraction(rates.hourly) == gpu * gpus + storage
    assert min(rates.gpu_hourly, rates.storage_hourly, rates.hourly) >= 0


@given(price_lists, st.sampled_from(TERM_MONTHS), counts, disks)
def test_every_figure_of_a_quote_follows_from_the_list(
    prices: PriceList, months: int, gpus: int, disk: int
) -> None:
    quote = quote_of(prices, "5090", gpus, disk, months)
    assert quote is not None
    share = prices.reserved_discounts[months]
    hourly = prices.gpu_hourly["5090"] * (1 - share) * gpus + prices.storage_gb_hourly * disk
    view = quote_view(quote)
    assert view == {
        "discount_percent": rounded(share * 100, "0.01"),
        "hourly_rate_after_discount": rounded(hourly, "0.0001"),
        "monthly_cost": rounded(hourly * prices.hours_per_month, "0.01"),
        "deposit_required": rounded(hourly * prices.hours_per_month, "0.01"),
        "cancellation_fee_25_percent": rounded(hourly * prices.hours_per_month * months / 4, "0.01"),
    }


@given(price_lists, rentals, counts, disks)
def test_the_total_is_the_exact_sum_of_the_shown_parts(
    prices: PriceList, rental: tuple[RentalType, int | None], gpus: int, disk: int
) -> None:
    rates = rates_of(prices, "5090", gpus, disk, *rental)
    assert rates is not None
    parts = Decimal(str(rate(rates.gpu_hourly))) * gpus + Decimal(str(rate(rates.storage_hourly)))
    assert abs(Decimal(str(rate(rates.hourly))) - parts) <= Decimal("0.00005") * (gpus + 2)


def rounded(exact: Decimal, step: str) -> float:
    return float(exact.quantize(Decimal(step), ROUND_HALF_UP))


def test_halves_are_rounded_up() -> None:
    assert rate(Decimal("0.00005")) == 0.0001
    assert rate(Decimal("0.00004999")) == 0.0
    assert amount(Decimal("2.675")) == 2.68  # a float would already have lost the half


def test_the_quote_equals_the_published_example() -> None:
    quote = quote_of(PRICES, "5090", 2, 100, 3)
    assert quote is not None
    # 0.69 x 0.9 x 2 + 0.014 = 1.256 an hour
    assert quote_view(quote) == {
        "discount_percent": 10.0,
        "hourly_rate_after_discount": 1.256,
        "monthly_cost": 916.88,
        "deposit_required": 916.88,
        "cancellation_fee_25_percent": 687.66,
    }


def test_what_is_not_on_the_list_has_no_price() -> None:
    assert rates_of(PRICES, "3090", 1, 50, RentalType.ON_DEMAND) is None
    assert quote_of(PRICES, "3090", 1, 50, 1) is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"gpuHourly": {}}, "gpuHourly"),
        ({"gpuHourly": {"5090": 0.69}}, "gpuHourly.5090"),
        ({"gpuHourly": {"5090": "-0.01"}}, "gpuHourly.5090"),
        ({"gpuHourly": {"5090": "NaN"}}, "gpuHourly.5090"),
        ({"gpuHourly": {"5090": "cheap"}}, "gpuHourly.5090"),
        ({"gpuHourly": {"5090": "1000.01"}}, "gpuHourly.5090"),
        ({"gpuHourly": {"5090": "0.1234567890123"}}, "gpuHourly.5090"),
        ({"storageGbHourly": None}, "storageGbHourly"),
        ({"interruptibleDiscount": "0.49"}, "interruptibleDiscount"),
        ({"interruptibleDiscount": "0.81"}, "interruptibleDiscount"),
        ({"reservedDiscounts": {"1": "0", "3": "0"}}, "reservedDiscounts"),
        ({"reservedDiscounts": {"1": "0", "3": "0", "6": "0.21"}}, "reservedDiscounts.6"),
        ({"hoursPerMonth": 24}, "hoursPerMonth"),
        ({"hoursPerMonth": True}, "hoursPerMonth"),
        ({"colour": "green"}, "exactly"),
    ],
)
def test_a_price_list_out_of_bounds_is_refused_by_name(change: dict[str, Any], named: str) -> None:
    with pytest.raises(PriceListInvalid, match=named):
        parse_prices(json.dumps(LIST | change))


@pytest.mark.parametrize("text", ["", "[]", "{}", "{not json"])
def test_a_document_that_is_not_a_price_list_is_refused(text: str) -> None:
    with pytest.raises(PriceListInvalid):
        parse_prices(text)


def test_a_configured_list_replaces_that_of_the_package() -> None:
    configured = price_list(Environment({"PRICE_LIST": json.dumps(LIST)}))
    assert set(configured.gpu_hourly) == {"5090", "4090"}
    assert set(price_list(Environment({"PRICE_LIST": ""})).gpu_hourly) == {"5090", "4090", "6000pro"}


def test_the_error_for_an_invalid_price_list_names_the_setting() -> None:
    environment = Environment({"PRICE_LIST": "{}"})
    with pytest.raises(Misconfigured, match="PRICE_LIST"):
        price_list(environment)


def test_search_and_the_calculator_show_the_price_of_the_vm(stage: Stage) -> None:
    stage.with_ssh_key()
    offer = stage.send("search_offers", "all").json[0]
    listed = stage.send("get_pricing", "answered").json["gpus"][offer["gpu_type"]]
    on_demand = stage.send("create_vm", "on_demand").json
    interruptible = stage.send("create_vm", "interruptible").json
    reserved = stage.send("create_vm", "reserved").json
    quote = stage.send("calculate_reservation", "quoted").json

    assert on_demand["gpu_hourly_rate"] == offer["gpu_price_hourly"] == listed
    assert interruptible["gpu_hourly_rate"] == offer["interruptible_rate"]
    assert reserved["hourly_rate"] == quote["hourly_rate_after_discount"]
    assert len({vm["storage_hourly_rate"] for vm in (on_demand, interruptible, reserved)}) == 1
