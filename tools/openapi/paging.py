"""Parameters of lists that come in pages: additions to the published contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.http.pages import CURSOR, LIMIT, PAGE_ENTRIES_MAX
from tools.openapi.description import in_query

if TYPE_CHECKING:
    from tools.openapi.description import Json

NAMES: Final = ("pageLimitParameter", "pageCursorParameter")

PARAMETERS: Final[dict[str, Json]] = {
    "pageLimitParameter": in_query(
        LIMIT,
        "The maximum number of entries; the Link header has the address of the next ones. "
        "Without it the whole list is returned, or refused if it is larger than about 5 MB.",
        type="integer",
        minimum=1,
        maximum=PAGE_ENTRIES_MAX,
    ),
    "pageCursorParameter": in_query(
        CURSOR, "Where the next page begins, from the Link header of the page before."
    ),
}
