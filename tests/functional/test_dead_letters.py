"""What failed for good is shown with where it comes from, and stays in its queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.adapters.event_bus import KeptInQueue
from gpu_capacity.operations.list_dead_letters import Origin, list_dead_letters
from gpu_capacity.ports import Letter
from testkit.handlers import arrangements as given

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testkit.handlers.stage import Stage


def test_letters_are_shown_and_stay(stage: Stage) -> None:
    given.sample(stage)
    stage.bus.letters = [{"text": "ü" * 5_000}, {"entry": {"eventID": "1"}, "reason": "unreadable"}]

    first = stage.request_event("list_dead_letters", "all").json

    (queue,) = first
    assert (queue["queue"], queue["count"]) == ("failed-invocations", 2)
    assert [one["origin"] for one in queue["letters"]] == ["invocation", "change"]
    assert [one["error"] for one in queue["letters"]] == ["Task timed out", "unreadable"]
    assert len(queue["letters"][0]["body"]) == 4_000
    assert stage.request_event("list_dead_letters", "all").json == first


def test_a_queue_that_does_not_answer_is_a_500(stage: Stage) -> None:
    given.sample(stage)
    stage.bus.down = True
    assert stage.request_event("list_dead_letters", "all").status == 500


class _One:
    """A queue with one letter."""

    def __init__(self, attributes: Mapping[str, str], body: str) -> None:
        self.letter = Letter("one", 0, attributes, body)

    letters = property(lambda self: self)

    def count(self) -> int:
        return 0

    def peek(self) -> list[Letter]:
        return [self.letter]


@pytest.mark.parametrize(
    ("attributes", "body", "expected"),
    [
        ({"TARGET_ARN": "a", "ERROR_MESSAGE": "gone"}, "{}", (Origin.SCHEDULE, "a", "gone")),
        ({"ErrorMessage": "died"}, "no JSON", (Origin.INVOCATION, None, "died")),
        ({}, "[" * 100_000, (Origin.INVOCATION, None, None)),
        (
            {},
            '{"requestContext": {"functionArn": "f", "condition": "Expired"}, "DDBStreamBatchInfo": {}}',
            (Origin.STREAM, "f", "Expired"),
        ),
    ],
)
def test_a_letter_says_where_it_comes_from(
    attributes: dict[str, str], body: str, expected: tuple[Origin, str | None, str | None]
) -> None:
    (queue,) = list_dead_letters(_One(attributes, body))
    (one,) = queue.letters
    assert (one.origin, one.target, one.error) == expected
    assert queue.count == 1


def test_a_letter_that_the_queue_gives_out_twice_is_shown_once() -> None:
    class Twice:
        def receive_message(self, **_request: Any) -> Any:
            message = {"MessageId": "m", "Body": "{}", "Attributes": {"SentTimestamp": "1999"}}
            return {"Messages": [message, message]}

    (letter,) = KeptInQueue(Twice(), "url").peek()  # type: ignore[arg-type]
    assert letter == Letter("m", 1, {}, "{}")
