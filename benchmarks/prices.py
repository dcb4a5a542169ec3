"""The price list, with its date, and the arithmetic over it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PATH: Final = Path(__file__).parent / "prices.json"


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per item; seconds and GB per invocation are assumptions, which the document states."""

    date: str
    region: str
    write_unit: float
    read_unit: float
    state_transition: float
    api_request: float
    lambda_gb_second: float
    lambda_request: float
    storage_gb_month: float
    api_function_seconds: float
    task_function_seconds: float
    function_gb: float

    @classmethod
    def read(cls, path: Path = PATH) -> Prices:
        """Read the list in this module's folder."""
        stored = json.loads(path.read_text())
        usd, assumed = stored["usd"], stored["assumed"]
        return cls(
            date=stored["date"],
            region=stored["region"],
            write_unit=usd["write_unit"],
            read_unit=usd["read_unit"],
            state_transition=usd["state_transition"],
            api_request=usd["api_request"],
            lambda_gb_second=usd["lambda_gb_second_arm64"],
            lambda_request=usd["lambda_request"],
            storage_gb_month=usd["storage_gb_month"],
            **assumed,
        )


@dataclass(frozen=True, slots=True)
class Consumption:
    """Consumed resources. Means may be fractions."""

    write_units: float = 0.0
    read_units: float = 0.0
    state_transitions: float = 0.0
    api_requests: float = 0.0
    task_invocations: float = 0.0

    def __add__(self, other: Consumption) -> Consumption:
        return Consumption(
            self.write_units + other.write_units,
            self.read_units + other.read_units,
            self.state_transitions + other.state_transitions,
            self.api_requests + other.api_requests,
            self.task_invocations + other.task_invocations,
        )

    def usd(self, prices: Prices) -> float:
        """Return the price in US dollars."""
        invocations = self.api_requests + self.task_invocations
        seconds = (
            self.api_requests * prices.api_function_seconds
            + self.task_invocations * prices.task_function_seconds
        )
        return (
            self.write_units * prices.write_unit
            + self.read_units * prices.read_unit
            + self.state_transitions * prices.state_transition
            + self.api_requests * prices.api_request
            + invocations * prices.lambda_request
            + seconds * prices.function_gb * prices.lambda_gb_second
        )
