"""What failed for good, in the operators' API."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic import ConfigDict, Field

from gpu_capacity.http.call import Reply
from gpu_capacity.http.rendering import NO_CACHE, Timestamp, as_json, timestamp
from gpu_capacity.operations.list_dead_letters import Origin, list_dead_letters
from gpu_capacity.reservations.api.bodies import Body

if TYPE_CHECKING:
    from gpu_capacity.http.call import Call
    from gpu_capacity.operations.list_dead_letters import DeadLetter, Needs

BODY_CHARACTERS_MAX: Final = 4_000


class DeadLetterRead(Body):
    """An invocation, or a change of a holder, that failed for good."""

    model_config = ConfigDict(title="deadLetter")

    id: str
    sent_time: Timestamp
    origin: Origin = Field(
        description="`change` could not be told; `stream`: changes that were not told for a day; `schedule` "
        "could not invoke its function; `invocation` failed in the function."
    )
    target: str | None = Field(default=None, description="The function, where the letter names it.")
    error: str | None = None
    body: str = Field(description="The event; at most its first 4,000 characters.")


class DeadLetterQueueRead(Body):
    """A queue of what failed for good."""

    model_config = ConfigDict(title="deadLetterQueue")

    queue: str
    count: int = Field(ge=0, description="About how many letters it has.")
    letters: list[DeadLetterRead] = Field(description="Some of them, at most 10, the oldest first.")


def show_dead_letters(call: Call[Needs]) -> Reply:
    """200 with each queue, and some of its letters, which stay there."""
    found = list_dead_letters(call.services)
    views = [
        {"queue": queue.name, "count": queue.count, "letters": [_view(one) for one in queue.letters]}
        for queue in found
    ]
    return Reply(HTTPStatus.OK, views, NO_CACHE)


def _view(one: DeadLetter) -> dict[str, Any]:
    return as_json(
        DeadLetterRead.model_construct(
            id=one.letter.id,
            sent_time=timestamp(one.letter.sent_at),
            origin=one.origin,
            target=one.target,
            error=one.error,
            body=one.letter.body[:BODY_CHARACTERS_MAX],
        )
    )
