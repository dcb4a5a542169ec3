"""Why mutants may survive: `reasons.toml` beside this file.

Each entry says in `why` what somebody found who looked, in `equivalent` whether the change changes nothing
that anybody could see, and in `survivors` which mutants it is about, as the command prints them.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.mutation.settings import HERE

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Reason:
    """``equivalent``: no test could tell the mutant from the code."""

    why: str
    equivalent: bool


def load(path: Path = HERE / "reasons.toml") -> dict[str, Reason]:
    """By the text of the change.

    Raises:
        ValueError: a change has two reasons.
    """
    found: dict[str, Reason] = {}
    for entry in tomllib.loads(path.read_text()).get("reason", []):
        reason = Reason(" ".join(entry["why"].split()), entry["equivalent"])
        for change in entry["survivors"]:
            if change in found:
                raise ValueError(f"two reasons for {change}")
            found[change] = reason
    return found
