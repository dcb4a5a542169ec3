"""Settings of Hypothesis: the number of examples of a property, and how they are drawn.

``make test`` tries the same examples on every machine and in every run, so that only a change of the code
makes it fail. ``make search`` tries many times as many new ones; what it finds becomes an ``@example``.
"""

from __future__ import annotations

import os
from typing import Any, Final

from hypothesis import HealthCheck, settings

FIXED: Final = "fixed"
SEARCH: Final = "search"

_USUAL: Final = 100


def register_profiles() -> None:
    """Register both profiles with Hypothesis, and load the one with fixed examples."""
    times = int(os.environ.get("SEARCH_TIMES") or 20)
    # No result depends on the machine's speed: examples have no deadline, and may be slow to draw.
    alike: Any = {"database": None, "deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
    settings.register_profile(FIXED, max_examples=_USUAL, derandomize=True, **alike)
    settings.register_profile(
        SEARCH, max_examples=_USUAL * times, derandomize=False, print_blob=True, **alike
    )
    settings.load_profile(FIXED)


def examples(count: int, **further: Any) -> settings:
    """Return settings for ``count`` fixed examples, and a multiple of that in a search."""
    return settings(max_examples=count * settings().max_examples // _USUAL, **further)
