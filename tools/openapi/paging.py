"""The parameters of lists that come in pages, in every API that has them: additions to the contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.http.pages import CURSOR, LIMIT, PAGE_ENTRIES_MAX

if TYPE_CHECKING:
    from tools.openapi.description import Json

NAMES: Final = ("pageLimitParameter", "pageCursorParameter")

PARAMETERS: Final[dict[str, Json]] = {
    "pageLimitParameter": {
        "name": LIMIT,
        "in": "query",
        "description": "At most so many entries; the Link header leads to the next ones. Without it the list "
        "is answered whole, and refused where it is larger than one answer of some 5 MB.",
        "schema": {"type": "integer", "minimum": 1, "maximum": PAGE_ENTRIES_MAX},
    },
    "pageCursorParameter": {
        "name": CURSOR,
        "in": "query",
        "description": "Where the next page begins, as the Link header of the page before has it.",
        "schema": {"type": "string"},
    },
}
