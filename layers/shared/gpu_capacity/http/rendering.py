"""What the bodies of all APIs have in common, so that none of them imports another's models."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

NO_CACHE: Final = {"Cache-Control": "no-cache"}

Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


def as_json(model: BaseModel) -> dict[str, Any]:
    """A model as JSON under its published names; what is absent is left out."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def timestamp(seconds: int | None) -> Any:
    """RFC 3339 in UTC and whole seconds, with ``Z``; ``None`` stays ``None``."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
