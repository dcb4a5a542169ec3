"""Where the price list comes from."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from gpu_capacity.errors import Misconfigured
from gpu_capacity.holders.prices import PriceListInvalid, parse_prices

if TYPE_CHECKING:
    from gpu_capacity.holders.prices import PriceList
    from gpu_capacity.runtime.settings import Environment


def price_list(env: Environment) -> PriceList:
    """The list in ``PRICE_LIST``, as JSON; without it the one that comes with the package.

    Raises:
        Misconfigured: it must not be used; the message names the entry.
    """
    text = env.optional("PRICE_LIST") or resources.files("gpu_capacity").joinpath("prices.json").read_text()
    try:
        return parse_prices(text)
    except PriceListInvalid as error:
        raise Misconfigured(f"PRICE_LIST: {error}") from error
