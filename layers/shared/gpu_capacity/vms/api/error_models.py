"""Models of the VM API's errors, for the OpenAPI document: ``{"detail": …}``, with figures."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gpu_capacity.accounts.api.body import VmBody


class ProblemRead(BaseModel):
    """What is wrong with one field."""

    model_config = ConfigDict(title="Problem", defer_build=True)

    loc: list[str | int]
    msg: str
    type: str


class NodeCapacityRead(VmBody):
    """What a node could give; an addition to the contract."""

    model_config = ConfigDict(title="NodeCapacity")

    requested_gpu_count: int
    node_gpu_count: int
    can_ever_fit: bool
    largest_available_gpu_count: int | None = None


class VmQuotaExceededRead(VmBody):
    """Which limit refused; an addition to the contract."""

    model_config = ConfigDict(title="VmQuotaExceeded")

    subject: Literal["vms", "vm_gpus"]
    requested: int
    limit: int
    used: int


class DetailRead(BaseModel):
    """An error."""

    model_config = ConfigDict(title="Error", defer_build=True)

    detail: str | list[ProblemRead]
    capacity: NodeCapacityRead | None = Field(None, description="With 400 where the node cannot give this.")
    quota: VmQuotaExceededRead | None = Field(None, description="With 403 over a quota.")
