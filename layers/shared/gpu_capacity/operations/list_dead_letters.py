"""List what failed for good: where it comes from, and some of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from gpu_capacity.ports import KeptLetters, Letter

    class Needs(Protocol):
        """What the function of this module works with."""

        @property
        def letters(self) -> KeptLetters:
            """What failed for good."""


QUEUE: Final = "failed-invocations"
"""The name of the one queue, which all functions of the background share."""


class Origin(StrEnum):
    """What a letter is of, in the words of the API. Append-only."""

    CHANGE = "change"
    STREAM = "stream"
    SCHEDULE = "schedule"
    INVOCATION = "invocation"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A letter with where it comes from. ``target`` names the function, and ``error`` why, if it says so."""

    letter: Letter
    origin: Origin
    target: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class DeadLetterQueue:
    """A queue: about how many letters it has, and some of them."""

    name: str
    count: int
    letters: Sequence[DeadLetter]


def list_dead_letters(services: Needs) -> list[DeadLetterQueue]:
    """The queues of what failed for good. What is shown stays there.

    Raises:
        BusUnavailable: a queue did not answer.
    """
    letters = [_read(letter) for letter in services.letters.peek()]
    return [DeadLetterQueue(QUEUE, max(services.letters.count(), len(letters)), letters)]


def _read(letter: Letter) -> DeadLetter:
    """A letter by who sent it: the reader of the stream, the stream itself, the scheduler, or Lambda."""
    body, noted = _json(letter.body), letter.attributes
    if "entry" in body:
        return DeadLetter(letter, Origin.CHANGE, "publish-events", str(body.get("reason", "")) or None)
    if "DDBStreamBatchInfo" in body:
        asked = body.get("requestContext")
        context = asked if isinstance(asked, dict) else {}
        return DeadLetter(letter, Origin.STREAM, context.get("functionArn"), context.get("condition"))
    if "TARGET_ARN" in noted or "SCHEDULE_ARN" in noted:
        return DeadLetter(letter, Origin.SCHEDULE, noted.get("TARGET_ARN"), noted.get("ERROR_MESSAGE"))
    return DeadLetter(letter, Origin.INVOCATION, None, noted.get("ErrorMessage"))


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
