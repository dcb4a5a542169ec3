"""The clients of a load run, against a counter in place of a region."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest

from tools.load.traffic import MACHINES, RACKS, Customer, in_parallel

FAR = float("inf")


class Region:
    """Accepts until its units are used up, from any thread; ``extra`` of them twice."""

    def __init__(self, units: dict[tuple[str, str], int], status_when_full: int = 507) -> None:
        self.left = dict(units)
        self.status_when_full = status_when_full
        self._lock = threading.Lock()
        self._made = 0

    def reserve(self, accelerator: str, unit: str, count: int) -> tuple[int, str | None]:
        with self._lock:
            if self.left[accelerator, unit] < count:
                return self.status_when_full, None
            self.left[accelerator, unit] -= count
            self._made += 1
            return 202, str(self._made)


class OneCustomersClient:
    def __init__(self, region: Region) -> None:
        self.region = region
        self.faults: list[str] = []

    def reserve(self, _region: str, accelerator: str, unit: str, count: int) -> tuple[int, str | None]:
        return self.region.reserve(accelerator, unit, count)


def customers_of(region: Region, number: int) -> list[Customer]:
    clients: list[Any] = [OneCustomersClient(region) for _ in range(number)]
    return [Customer(client, random.Random(index)) for index, client in enumerate(clients)]  # noqa: S311 - no secret


@pytest.mark.parametrize("racks", [0, 1, 7, 128])
def test_clients_that_fill_a_region_together_use_every_unit(racks: int) -> None:
    region = Region({RACKS: racks, MACHINES: 45})
    taken = in_parallel(customers_of(region, 8), lambda customer: customer.fill(FAR))
    assert region.left == {RACKS: 0, MACHINES: 0}
    assert [sum(one[offering] for one in taken) for offering in (RACKS, MACHINES)] == [racks, 45]


def test_a_client_stops_filling_after_a_failure() -> None:
    [customer] = customers_of(Region({RACKS: 3, MACHINES: 0}, status_when_full=503), 1)
    assert sum(customer.fill(FAR).values()) == 0
    assert customer.held == []


def test_a_region_that_never_becomes_full_ends_the_run_in_time_and_is_reported() -> None:
    [customer] = customers_of(Region({RACKS: 3, MACHINES: 3}), 1)
    assert sum(customer.fill(0.0).values()) == 0
    [fault] = customer.client.faults
    assert fault.endswith("was not full in time")
