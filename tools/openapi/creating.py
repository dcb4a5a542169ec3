"""Parameters of every operation that creates something, and answers of those that finish it later."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tools.openapi.description import in_header, in_query

if TYPE_CHECKING:
    from tools.openapi.description import Answer, Json

PARAMETERS: Final[dict[str, Json]] = {
    "dryRunParameter": in_query(
        "dryRun",
        "With true everything is checked and placed, and nothing is written.",
        type="boolean",
        default=False,
    ),
    "idempotencyKeyParameter": in_header(
        "Idempotency-Key",
        "Makes a repeated request safe: with the same body it returns what the first one "
        "created, with another body it is a conflict. Remembered for each organization and subject while the "
        "resource exists, and for at least a day after it is gone.",
        pattern=r"^[\x21-\x7e]{1,255}$",
    ),
}

NAMES: Final = ("dryRunParameter", "idempotencyKeyParameter")


def answers(noun: str, one: Answer) -> dict[int, Answer]:
    """200 for a dry run, and 202 with links to what can be done with the new resource."""
    later = (f"get_{noun}", f"delete_{noun}")
    return {
        200: replace(one, description=f"Only with dryRun: the {noun} as it would be."),
        202: replace(one, links=dict.fromkeys(later, (f"{noun}ID", "$response.body#/metadata/id"))),
    }
