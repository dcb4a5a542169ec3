"""Builds the Lambda handler of a stream of DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType

from gpu_capacity.runtime.functions import observed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

    from gpu_capacity.runtime.observability import LambdaHandler

    Handle = Callable[[Mapping[str, Any]], object]


def stream_function(name: str, batch: Callable[[], Handle]) -> LambdaHandler:
    """A handler of batches of a stream, which answers with what has to be repeated.

    Lambda repeats everything from the first failed entry on. If every entry fails the invocation fails, so
    that it is counted as an error.

    Args:
        name: of the function.
        batch: called for each batch; returns what handles its entries, one after the other.
    """
    return observed(name, lambda event, _context: answer(batch(), event["Records"]))


def answer(handle: Handle, records: list[dict[str, Any]]) -> Any:
    """Handle the records of a batch in their order, and return which ones have to be repeated.

    Raises:
        BatchProcessingError: all of them have to.
    """

    def one(record: DynamoDBRecord) -> object:
        return handle(record.raw_event)

    processor = BatchProcessor(event_type=EventType.DynamoDBStreams)
    with processor(records, one):
        processor.process()
    return processor.response()
