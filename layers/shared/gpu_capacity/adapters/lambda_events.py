"""Asynchronous invocations: of the filler, as capacity events, and of the audit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from gpu_capacity.adapters.aws_failures import AWS_ERRORS
from gpu_capacity.errors import AuditNotStarted

if TYPE_CHECKING:
    from gpu_capacity.ports import Telemetry


class LambdaClient(Protocol):
    """The method of ``boto3.client("lambda")`` that is used here."""

    def invoke(self, **kwargs: Any) -> Any:
        """Invoke a function."""


class LambdaEvents:
    """Invokes a function by name, and does not wait for its result."""

    def __init__(self, client: LambdaClient, function: str, telemetry: Telemetry) -> None:
        self._client = client
        self._function = function
        self._telemetry = telemetry

    def freed(self, zone: str) -> None:
        """See ``CapacityEvents.freed``. If an event is lost, the schedule finds the capacity."""
        try:
            self._client.invoke(
                FunctionName=self._function,
                InvocationType="Event",
                Payload=json.dumps({"zones": [zone]}).encode(),
            )
        except AWS_ERRORS:
            self._telemetry.count("CapacityEventsLost")
            self._telemetry.warning(
                "capacity event not sent; the schedule will serve those who wait", zone=zone
            )


class LambdaAudits:
    """Invokes the functions of the audit by name, and does not wait for their results.

    Args:
        client: of Lambda.
        function: the name of the one that only reads.
        repairing: the name of the one that repairs.
    """

    def __init__(self, client: LambdaClient, function: str, repairing: str) -> None:
        self._client = client
        self._function = function
        self._repairing = repairing

    def start(self, run_id: str) -> None:
        """See ``Audits.start``."""
        self._invoke(self._function, run_id)

    def repair(self, run_id: str) -> None:
        """See ``Audits.repair``."""
        self._invoke(self._repairing, run_id)

    def _invoke(self, function: str, run_id: str) -> None:
        try:
            self._client.invoke(
                FunctionName=function,
                InvocationType="Event",
                Payload=json.dumps({"auditId": run_id}).encode(),
            )
        except AWS_ERRORS as error:
            raise AuditNotStarted("the audit was not started") from error
