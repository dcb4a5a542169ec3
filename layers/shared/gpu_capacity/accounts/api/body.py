"""The base class of all bodies of the VM API."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class VmBody(BaseModel):
    """Fields have the same names in Python and JSON. Unknown fields are ignored. Errors repeat no input."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)
