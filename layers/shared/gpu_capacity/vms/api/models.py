"""Bodies of the VM API: names, required fields, enums and ranges as published.

Money is rounded here and nowhere else: once, half up, rates to four decimals and amounts to two.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationInfo,
    field_validator,
)
from pydantic.json_schema import SkipJsonSchema  # noqa: TC002 - pydantic evaluates annotations
from pydantic_core import PydanticCustomError

from gpu_capacity.accounts.account import SAFE_INTEGER_BITS
from gpu_capacity.accounts.api.body import VmBody
from gpu_capacity.http.rendering import Timestamp, timestamp
from gpu_capacity.http.text_sizes import printable
from gpu_capacity.inventory.maintenances import MaintenanceStatus  # noqa: TC001 - pydantic reads it
from gpu_capacity.plain_numbers import whole
from gpu_capacity.vms.prices import rates_of
from gpu_capacity.vms.record import STORAGE_GB_MIN, RentalType, VmStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gpu_capacity.holders.notices import Notice
    from gpu_capacity.inventory.maintenances import Maintenance
    from gpu_capacity.providers.port import Usage
    from gpu_capacity.vms.offers import NodeOffer
    from gpu_capacity.vms.prices import PriceList, Quote, Rates
    from gpu_capacity.vms.record import Vm
    from gpu_capacity.vms.templates import TemplateList

STORAGE_GB_MAX: Final = 65_536
PASSWORD_LENGTH_MIN: Final = 12
PASSWORD_LENGTH_MAX: Final = 256
PAGE_MAX: Final = 200
OFFSET_MAX: Final = 10_000
"""The VMs that an offset skips have to be read, at one read unit for 40 of them; a cursor skips none."""

WORD_LENGTH_MAX: Final = 63
PREEMPTED: Final = "an on-demand or reserved VM needs the GPUs"
_MEASURED: Final = "Absent where the provider measures nothing"
_NUMBER_MAX: Final = (1 << SAFE_INTEGER_BITS) - 1


def _whole(value: object) -> object:
    """Refuse ``True`` and ``1.0``, which equal 1 in Python: a bool is no number, a float may be rounded."""
    if isinstance(value, bool | float):
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return value


Value = TypeVar("Value")
Word = Annotated[StrictStr, Field(min_length=1, max_length=WORD_LENGTH_MAX)]
GpuCount = Annotated[Literal[1, 2, 4, 8], BeforeValidator(_whole)]
Months = Annotated[Literal[1, 3, 6], BeforeValidator(_whole)]
Storage = Annotated[StrictInt, Field(ge=STORAGE_GB_MIN, le=STORAGE_GB_MAX)]
Money = Annotated[float, Field(ge=0)]


def _only_with(field: str, choice: str, wanted: str) -> dict[str, Any]:
    """JSON Schema that requires ``wanted`` if ``field`` is ``choice``, and forbids it otherwise."""
    chosen = {"properties": {field: {"const": choice}}, "required": [field]}
    return {"if": chosen, "then": {"required": [wanted]}, "else": {"properties": {wanted: False}}}


class VmCreate(VmBody):
    """Request to rent a VM."""

    model_config = ConfigDict(
        title="CreateVmRequest",
        json_schema_extra={
            "allOf": [
                _only_with("rental_type", "reserved", "reservation_months"),
                _only_with("auth_method", "password", "password"),
            ]
        },
    )

    node: Word = Field(description="Node ID (e.g., vm01, vm02)")
    gpu_type: Word = Field(description="GPU type (5090, 4090, 6000pro)")
    gpu_count: GpuCount = Field(description="Number of GPUs (1, 2, 4, or 8)")
    storage_gb: Storage = Field(description="Disk size in GB (minimum 50)")
    template_vmid: Annotated[StrictInt, Field(ge=1, le=_NUMBER_MAX)] = Field(
        description="Template VM ID to clone"
    )
    rental_type: Literal["on_demand", "reserved", "interruptible"] = Field(
        "on_demand", description="Rental type"
    )
    reservation_months: Months | None = Field(
        None, validate_default=True, description="Reservation duration (required if rental_type=reserved)"
    )
    auth_method: Literal["ssh_key", "password"] = "ssh_key"
    ssh_key_id: Word | None = Field(None, description="SSH key ID (defaults to oldest key)")
    # Kept out of the model's repr, so that no log line can have it.
    password: (
        Annotated[StrictStr, Field(min_length=PASSWORD_LENGTH_MIN, max_length=PASSWORD_LENGTH_MAX)] | None
    ) = Field(
        None, validate_default=True, repr=False, description="VM password (required if auth_method=password)"
    )

    @field_validator("reservation_months")
    @classmethod
    def _months_if_reserved(cls, value: int | None, info: ValidationInfo) -> int | None:
        return _if_and_only_if(value, info, "rental_type", "reserved")

    @field_validator("password")
    @classmethod
    def _password_if_chosen(cls, value: str | None, info: ValidationInfo) -> str | None:
        # Programs that read the password would take a line break or a NUL for its end.
        if value is not None:
            printable(value)
        return _if_and_only_if(value, info, "auth_method", "password")


def _if_and_only_if(value: Value | None, info: ValidationInfo, field: str, word: str) -> Value | None:
    """Require a value if ``field`` is ``word``, and refuse it otherwise.

    An invalid ``field`` is a problem of its own, so nothing is said about the value then.
    """
    if field not in info.data:
        return value
    wanted = info.data[field] == word
    if wanted and value is None:
        raise PydanticCustomError("missing", f"required if {field} is {word}")
    if not wanted and value is not None:
        raise PydanticCustomError("not_allowed", f"only allowed if {field} is {word}")
    return value


class VmNoticeRead(VmBody):
    """A maintenance that is about the node of a VM; beyond the published contract."""

    model_config = ConfigDict(title="VmMaintenance")

    id: str
    status: MaintenanceStatus
    starts_at: Timestamp
    ends_at: Timestamp
    reason: str
    forced_at: Timestamp | SkipJsonSchema[None] = Field(
        None, description="From when on the node is taken although VMs are on it"
    )


class VmRead(VmBody):
    """A VM. Rates are those of the price list as it is now, for a VM that runs."""

    model_config = ConfigDict(title="Vm")

    id: str = Field(json_schema_extra={"format": "uuid"})
    vmid: int
    user_id: int
    node: str
    instance_label: str | None
    gpu_type: str
    gpu_count: int
    storage_gb: int
    ram_gb: int
    cpu_cores: int
    ip_address: str | None
    status: VmStatus
    created_at: Timestamp
    started_at: Timestamp | None
    stopped_at: Timestamp | None
    rental_type: RentalType
    reservation_id: str | None
    auto_restart: StrictBool | None
    hourly_rate: Money | None
    gpu_hourly_rate: Money | None
    storage_hourly_rate: Money | None
    cpu_percent: float | SkipJsonSchema[None] = Field(None, description=_MEASURED)
    ram_percent: float | SkipJsonSchema[None] = Field(None, description=_MEASURED)
    cpu_model: str | None
    pcie_gen: str | None
    # From here on beyond the published contract.
    reserved_until: Timestamp | None = Field(description="When the term of a reserved VM ends")
    interruption_at: Timestamp | None = Field(
        description="When the notice of an interruptible VM ends; null again if it may stay"
    )
    interruption_reason: str | None = Field(
        description="Why the VM has a notice, or is interrupted; null otherwise"
    )
    failure_reason: str | None = Field(description="Why the start of the VM failed, or is being given up")
    maintenances: list[VmNoticeRead] | SkipJsonSchema[None] = Field(
        None, description="Work that is planned or under way on its node; only where a VM or the list is read"
    )


class CalculateReservation(VmBody):
    """Request for the price of a reserved rental."""

    model_config = ConfigDict(title="CalculateReservationRequest")

    gpu_type: Word
    gpu_count: GpuCount
    storage_gb: Storage
    reservation_months: Months


class QuoteRead(VmBody):
    """What a reserved rental would cost."""

    model_config = ConfigDict(title="ReservationQuote")

    discount_percent: Money
    deposit_required: Money
    monthly_cost: Money
    hourly_rate_after_discount: Money
    cancellation_fee_25_percent: Money


class OfferRead(VmBody):
    """Slices of one size on one node; ``available`` is how many are free. Prices are for one GPU and hour."""

    model_config = ConfigDict(title="Offer")

    node: str
    gpu_type: str
    gpu_count: int
    gpu_ram_mb: int
    gpu_price_hourly: Money
    interruptible_rate: Money
    available: int
    location: str


class PricingRead(VmBody):
    """List prices of one GPU for an hour, by GPU type."""

    model_config = ConfigDict(title="Pricing")

    gpus: dict[str, Money]


class TemplateRead(VmBody):
    """What a VM's disk can be cloned from; ``id`` is what ``template_vmid`` names."""

    model_config = ConfigDict(title="Template")

    id: int
    name: str
    os: str
    login: str = Field(description="The user name to log in with")


def _written(value: object) -> object:
    """Parse a number of a query strictly; the library would also take forms such as ``1_0`` or ``1.0``."""
    if not isinstance(value, str):
        return value
    try:
        return whole(value)
    except ValueError:
        raise PydanticCustomError("int_parsing", "Input should be a valid integer") from None


class VmPage(VmBody):
    """Which part of the list of VMs. ``status`` may be repeated; ``cursor`` is what a ``Link`` says."""

    limit: Annotated[int, Field(ge=1, le=PAGE_MAX), BeforeValidator(_written)] = 50
    offset: Annotated[int, Field(ge=0, le=OFFSET_MAX), BeforeValidator(_written)] = 0
    status: frozenset[VmStatus] = frozenset()
    cursor: str | None = None


class OfferFilter(VmBody):
    """Which offers."""

    gpu_type: Word | None = None
    gpu_count: Annotated[int, Field(ge=1, le=8), BeforeValidator(_written)] | None = None


def vm_view(vm: Vm, prices: PriceList, usage: Usage | None, notices: Sequence[Notice] = ()) -> dict[str, Any]:
    """A VM as JSON. Unknown fields are null; usage that the provider does not know is left out."""
    rates = rates_of(prices, vm.gpu_type, vm.gpu_count, vm.storage_gb, vm.rental_type, vm.reservation_months)
    return as_json(
        VmRead.model_construct(
            id=vm.id,
            vmid=vm.vmid,
            user_id=vm.user_id,
            node=vm.node,
            instance_label=vm.instance_label,
            gpu_type=vm.gpu_type,
            gpu_count=vm.gpu_count,
            storage_gb=vm.storage_gb,
            ram_gb=vm.ram_gb,
            cpu_cores=vm.cpu_cores,
            ip_address=vm.ip_address,
            status=vm.status,
            created_at=timestamp(vm.created_at),
            started_at=timestamp(vm.started_at),
            stopped_at=timestamp(vm.stopped_at),
            rental_type=vm.rental_type,
            reservation_id=vm.reservation_id,
            auto_restart=vm.auto_restart,
            **_rates(rates),
            **_measured(usage),
            **_noticed(notices),
            cpu_model=vm.cpu_model,
            pcie_gen=vm.pcie_gen,
            reserved_until=timestamp(vm.reserved_until),
            interruption_at=timestamp(vm.interruption_at),
            interruption_reason=PREEMPTED if vm.is_preempted else None,
            failure_reason=vm.failure,
        )
    )


def _noticed(notices: Sequence[Notice]) -> dict[str, Any]:
    return {"maintenances": [_notice(notice.maintenance) for notice in notices]} if notices else {}


def _notice(maintenance: Maintenance) -> VmNoticeRead:
    forced = {} if maintenance.force is None else {"forced_at": timestamp(maintenance.force.takes_effect_at)}
    return VmNoticeRead.model_construct(
        id=maintenance.id,
        status=maintenance.status,
        starts_at=timestamp(maintenance.start),
        ends_at=timestamp(maintenance.end),
        reason=maintenance.reason,
        **forced,
    )


def _measured(usage: Usage | None) -> dict[str, Any]:
    return {} if usage is None else {"cpu_percent": usage.cpu_percent, "ram_percent": usage.ram_percent}


def quote_view(quote: Quote) -> dict[str, Any]:
    """A quote as JSON."""
    return as_json(
        QuoteRead.model_construct(
            discount_percent=amount(quote.discount * 100),
            deposit_required=amount(quote.deposit),
            monthly_cost=amount(quote.monthly),
            hourly_rate_after_discount=rate(quote.hourly),
            cancellation_fee_25_percent=amount(quote.cancellation_fee),
        )
    )


def offer_views(offers: Sequence[NodeOffer], prices: PriceList, wanted: OfferFilter) -> list[dict[str, Any]]:
    """Offers as JSON, one for each node and size of slice. GPU types without a price are left out."""
    return [
        as_json(
            OfferRead.model_construct(
                node=offer.node,
                gpu_type=vm.gpu_type,
                gpu_count=count,
                gpu_ram_mb=vm.gpu_ram_mb,
                gpu_price_hourly=rate(listed),
                interruptible_rate=rate(listed * (1 - prices.discount(RentalType.INTERRUPTIBLE))),
                available=slices,
                location=offer.region_id,
            )
        )
        for offer in offers
        if (vm := offer.flavor.vm) is not None
        if (listed := prices.gpu_hourly.get(vm.gpu_type)) is not None
        if wanted.gpu_type in (None, vm.gpu_type)
        for count, slices in sorted(offer.slices.items())
        if wanted.gpu_count in (None, count)
    ]


def pricing_view(prices: PriceList) -> dict[str, Any]:
    """The list prices as JSON, in alphabetical order of the GPU types."""
    return as_json(
        PricingRead.model_construct(
            gpus={name: rate(price) for name, price in sorted(prices.gpu_hourly.items())}
        )
    )


def template_views(offered: TemplateList) -> list[dict[str, Any]]:
    """Templates as JSON, in the order of the list."""
    return [
        as_json(TemplateRead.model_construct(id=one.id, name=one.name, os=one.os, login=one.login))
        for one in offered.templates
    ]


def rate(exact: Decimal) -> float:
    """Money for an hour, rounded half up to four decimals."""
    return float(exact.quantize(Decimal("0.0001"), ROUND_HALF_UP))


def amount(exact: Decimal) -> float:
    """An amount of money, or a percentage, rounded half up to two decimals."""
    return float(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


def _rates(rates: Rates | None) -> Mapping[str, Any]:
    return {
        "hourly_rate": rates and rate(rates.hourly),
        "gpu_hourly_rate": rates and rate(rates.gpu_hourly),
        "storage_hourly_rate": rates and rate(rates.storage_hourly),
    }


def as_json(model: BaseModel) -> dict[str, Any]:
    """A model as JSON. Fields without a value are null: published responses have every field.

    Only what the model was made without is left out.
    """
    return model.model_dump(mode="json", warnings=False, exclude_unset=True)
