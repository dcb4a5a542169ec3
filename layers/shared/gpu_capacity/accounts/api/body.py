"""What all bodies of the VM API have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class VmBody(BaseModel):
    """Snake case inside and outside. Unknown fields are ignored; what is wrong is never repeated."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)
