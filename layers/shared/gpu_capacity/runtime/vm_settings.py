"""Reads the documents that configure the VM API: the price list and the list of templates."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from gpu_capacity.errors import Misconfigured
from gpu_capacity.vms.prices import PriceListInvalid, parse_prices
from gpu_capacity.vms.templates import TemplateListInvalid, parse_templates

if TYPE_CHECKING:
    from gpu_capacity.runtime.settings import Environment
    from gpu_capacity.vms.prices import PriceList
    from gpu_capacity.vms.templates import TemplateList


def price_list(env: Environment) -> PriceList:
    """The price list in ``PRICE_LIST``, as JSON; by default the one in the package.

    Raises:
        Misconfigured: it is malformed; the message names the entry.
    """
    try:
        return parse_prices(env.optional("PRICE_LIST") or _packaged("prices.json"))
    except PriceListInvalid as error:
        raise Misconfigured(f"PRICE_LIST: {error}") from error


def template_list(env: Environment) -> TemplateList:
    """The list of templates in ``VM_TEMPLATES``, as JSON; by default the one in the package.

    Raises:
        Misconfigured: it is malformed; the message names the entry.
    """
    try:
        return parse_templates(env.optional("VM_TEMPLATES") or _packaged("templates.json"))
    except TemplateListInvalid as error:
        raise Misconfigured(f"VM_TEMPLATES: {error}") from error


def _packaged(name: str) -> str:
    return resources.files("gpu_capacity.vms").joinpath(name).read_text(encoding="utf-8")
