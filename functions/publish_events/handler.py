"""Stream of the holders table: tells what happened, to the bus and to the history."""

from gpu_capacity.history.publish import Batch
from gpu_capacity.runtime import composition
from gpu_capacity.runtime.streams import stream_function

lambda_handler = stream_function("publish_events", lambda: Batch(composition.publisher()).tell)
