"""Logger, metrics and tracer of AWS Lambda Powertools, behind the ``Telemetry`` port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aws_lambda_powertools import Logger, Metrics, Tracer, single_metric
from aws_lambda_powertools.metrics import MetricUnit

if TYPE_CHECKING:
    from collections.abc import Callable

LambdaHandler: TypeAlias = "Callable[[dict[str, Any], Any], Any]"

NAMESPACE: Final = "GpuCapacity"

_AUDIT: Final = "audit"
_REQUEST: Final = "request"


class Observability:
    """Logs, metrics and traces of every function.

    Log level, sampling and the service name come from Powertools' own variables (``POWERTOOLS_LOG_LEVEL``,
    …); the template decides about tracing. The service name is the name of the stack, so that two stacks in
    one account share neither metrics nor alarms.
    """

    def __init__(self) -> None:
        self.logger = Logger()
        self.metrics = Metrics(namespace=NAMESPACE)
        self.tracer = Tracer(auto_patch=True, patch_modules=("botocore",))

    def wrap(self, function: str, handler: LambdaHandler) -> LambdaHandler:
        """A handler that logs with the ids of the invocation, flushes its metrics and records a trace.

        Events and responses are neither logged nor traced: they have tokens and customers' data.
        """

        def observed(event: dict[str, Any], context: Any) -> Any:
            self.logger.append_keys(function=function)
            try:
                return handler(event, context)
            finally:
                if self.metrics.metric_set:
                    self.metrics.flush_metrics()

        traced = self.tracer.capture_lambda_handler(observed, capture_response=False)
        logged: LambdaHandler = self.logger.inject_lambda_context(traced, log_event=False, clear_state=True)
        return logged

    def count(self, metric: str, value: int = 1, **dimensions: str) -> None:
        """See ``Telemetry.count``. With dimensions it counts twice: with and, for alarms, without them."""
        self.metrics.add_metric(name=metric, unit=MetricUnit.Count, value=value)
        if not dimensions:
            return
        with single_metric(
            name=metric, unit=MetricUnit.Count, value=value, namespace=NAMESPACE
        ) as measurement:
            for name, text in dimensions.items():
                measurement.add_dimension(name=name, value=text)

    def request(
        self, *, operation: str, subject: str, organization: str, status: int, duration_ms: int
    ) -> None:
        """Write the log line of an HTTP request. All log lines of a request have its trace id."""
        self.logger.info(
            _REQUEST,
            extra={
                "request": {
                    "operation": operation,
                    "subject": subject,
                    "organization": organization,
                    "status": status,
                    "duration_ms": duration_ms,
                }
            },
        )

    def audit(self, actor: str, action: str, target: str, outcome: str, **details: object) -> None:
        """See ``Telemetry.audit``."""
        self.logger.info(
            _AUDIT,
            extra={
                "audit": {"actor": actor, "action": action, "target": target, "outcome": outcome, **details}
            },
        )

    def info(self, message: str, **details: object) -> None:
        """See ``Telemetry.info``."""
        self.logger.info(message, extra={"details": details})

    def warning(self, message: str, **details: object) -> None:
        """See ``Telemetry.warning``."""
        self.logger.warning(message, extra={"details": details})
