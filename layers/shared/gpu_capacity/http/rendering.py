"""Renders JSON for all APIs, so that none of them imports another's models.

Responses are built by ``model_construct``, which does not validate. They show what is stored, and must not
fail because the rules for requests have changed since.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from gpu_capacity.times import rfc3339

NO_CACHE: Final = {"Cache-Control": "no-cache"}

Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


def as_json(model: BaseModel) -> dict[str, Any]:
    """A model as JSON under its published names, without fields that are None."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False)


def timestamp(seconds: float | None) -> Any:
    """Epoch seconds as RFC 3339 in UTC with ``Z``; None stays None. Never fails: see ``rfc3339``."""
    return None if seconds is None else rfc3339(seconds)
