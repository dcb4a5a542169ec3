"""One service for many requests: a refused request must change nothing, so a service is used until something
changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator  # noqa: TC003 - pytest reads the annotations of fixtures
from typing import Generic, TypeVar

import pytest

from testkit.hostile import vm_service
from testkit.hostile.service import Service, build

S = TypeVar("S", bound=Service)


class Shelf(Generic[S]):
    """Builds a service unless the last one is unchanged."""

    def __init__(self, build: Callable[[pytest.MonkeyPatch], S]) -> None:
        self._build = build
        self._patches = pytest.MonkeyPatch()
        self._service: S | None = None
        self._tables: object = None

    def take(self) -> S:
        if self._service is None or self._service.db.dump() != self._tables:
            self.clear()
            self._service = self._build(self._patches)
            self._tables = self._service.db.dump()
        return self._service

    def clear(self) -> None:
        if self._service is not None:
            # Nothing that was built with the replaced clients may be used by a later test.
            self._service.stage.restart()
        self._patches.undo()


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf[Service]]:
    made = Shelf(build)
    yield made
    made.clear()


@pytest.fixture
def service(shelf: Shelf[Service]) -> Service:
    return shelf.take()


@pytest.fixture(scope="module")
def vm_shelf() -> Iterator[Shelf[vm_service.VmService]]:
    made = Shelf(vm_service.build)
    yield made
    made.clear()


@pytest.fixture
def vms(vm_shelf: Shelf[vm_service.VmService]) -> vm_service.VmService:
    return vm_shelf.take()
