"""The commands: which noun and verb carries out which operation of the service.

Every operation of the OpenAPI document is here; a test names those that are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpucap import customers, operators

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpucap.verbs import Noun

NOUNS: Final[Mapping[str, Noun]] = {**customers.NOUNS, **operators.NOUNS}
BESIDE: Final[Mapping[str, str]] = {"getRegionMap": "map"}
"""Operations that commands beside the nouns carry out, and the names of those."""
