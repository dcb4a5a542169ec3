"""Sends events to a bus of EventBridge, and what cannot be handled to a queue of SQS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Protocol

from gpu_capacity.adapters.aws_failures import AWS_ERRORS, Failure, failure_of
from gpu_capacity.errors import BusUnavailable
from gpu_capacity.ports import Letter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gpu_capacity.adapters.aws_failures import AwsError

ENTRIES_MAX: Final = 10
"""How many entries a call takes."""


class EventsClient(Protocol):
    """The method of ``boto3.client("events")`` that is used here."""

    def put_events(self, **kwargs: Any) -> Any:
        """Put entries on a bus. Each is taken or refused by itself."""


class QueueClient(Protocol):
    """The method of ``boto3.client("sqs")`` that is used here."""

    def send_message(self, **kwargs: Any) -> Any:
        """Send a message."""

    def get_queue_attributes(self, **kwargs: Any) -> Any:
        """What is known of the queue."""

    def receive_message(self, **kwargs: Any) -> Any:
        """Some messages."""


class EventBridge:
    """A bus of EventBridge.

    Args:
        client: of EventBridge.
        bus: the name of the bus.
        source: the source of the entries, by which rules tell them from those of other services.
    """

    def __init__(self, client: EventsClient, bus: str, source: str) -> None:
        self._client = client
        self._bus = bus
        self._source = source

    def put(self, events: Sequence[Mapping[str, Any]]) -> None:
        """See ``EventBus.put``. The detail of an entry is the whole CloudEvent."""
        for start in range(0, len(events), ENTRIES_MAX):
            some = events[start : start + ENTRIES_MAX]
            try:
                answer = self._client.put_events(Entries=[self._entry(event) for event in some])
            except AWS_ERRORS as error:
                raise _unavailable(error, "the bus did not answer") from error
            if answer.get("FailedEntryCount"):
                # The entries after a failed one may have been taken. All are sent again, in their order.
                raise BusUnavailable("the bus did not take every event")

    def _entry(self, event: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "EventBusName": self._bus,
            "Source": self._source,
            "DetailType": event["type"],
            "Resources": [event["subject"]],
            "Detail": json.dumps(event, ensure_ascii=False),
        }


class LetterQueue:
    """A queue of SQS for what cannot be handled."""

    def __init__(self, client: QueueClient, url: str) -> None:
        self._client = client
        self._url = url

    def keep(self, letter: Mapping[str, Any]) -> None:
        """See ``DeadLetters.keep``."""
        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(letter))
        except AWS_ERRORS as error:
            raise _unavailable(error, "the queue did not answer") from error


class KeptInQueue:
    """The letters in a queue of SQS, shown and left there for others."""

    def __init__(self, client: QueueClient, url: str) -> None:
        self._client = client
        self._url = url

    def count(self) -> int:
        """See ``KeptLetters.count``. Also those that somebody is handling."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        try:
            found = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        except AWS_ERRORS as error:
            raise _unavailable(error, "the queue did not answer") from error
        return sum(int(found["Attributes"][name]) for name in names)

    def peek(self) -> list[Letter]:
        """See ``KeptLetters.peek``. A queue gives out a sample; each stays visible to whoever asks next."""
        try:
            found = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=ENTRIES_MAX,
                VisibilityTimeout=0,
                AttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            )
        except AWS_ERRORS as error:
            raise _unavailable(error, "the queue did not answer") from error
        letters = {message["MessageId"]: _letter(message) for message in found.get("Messages", ())}
        return sorted(letters.values(), key=lambda letter: (letter.sent_at, letter.id))


def _letter(message: Mapping[str, Any]) -> Letter:
    noted = message.get("MessageAttributes", {}).items()
    return Letter(
        message["MessageId"],
        int(message["Attributes"]["SentTimestamp"]) // 1000,
        {name: str(value["StringValue"]) for name, value in noted if "StringValue" in value},
        message["Body"],
    )


def _unavailable(error: AwsError, message: str) -> Exception:
    """What a failed call means to the caller; a defect stays what it is."""
    return error if failure_of(error) is Failure.DEFECT else BusUnavailable(message)
