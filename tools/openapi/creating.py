"""Parameters of every operation that creates something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tools.openapi.description import Json

PARAMETERS: Final[dict[str, Json]] = {
    "dryRunParameter": {
        "name": "dryRun",
        "in": "query",
        "description": "With true everything is checked and placed, and nothing is written.",
        "schema": {"type": "boolean", "default": False},
    },
    "idempotencyKeyParameter": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes a repeated request safe: with the same body it returns what the first one "
        "created, with another body it is a conflict. Remembered for each organization and subject while the "
        "resource exists, and for at least a day after it is gone.",
        "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$"},
    },
}

NAMES: Final = ("dryRunParameter", "idempotencyKeyParameter")
