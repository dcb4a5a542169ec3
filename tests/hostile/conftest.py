"""One service for many requests: what is refused must change nothing, so it serves until something does."""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - pytest reads the annotations of fixtures

import pytest

from testkit.hostile import vm_service
from testkit.hostile.service import Service, build


class Shelf:
    """Builds a service when there is none that is as it was built."""

    def __init__(self) -> None:
        self._patches = pytest.MonkeyPatch()
        self._service: Service | None = None
        self._tables: object = None

    def take(self) -> Service:
        if self._service is None or self._service.db.dump() != self._tables:
            self.clear()
            self._service = build(self._patches)
            self._tables = self._service.db.dump()
        return self._service

    def clear(self) -> None:
        if self._service is not None:
            # What was built on the replaced clients must not outlive them.
            self._service.stage.restart()
        self._patches.undo()


class VmShelf:
    """The same for the service of VMs, where every request moves a counter."""

    def __init__(self) -> None:
        self._patches = pytest.MonkeyPatch()
        self._service: vm_service.VmService | None = None
        self._tables: object = None

    def take(self) -> vm_service.VmService:
        if self._service is None or self._service.tables() != self._tables:
            self.clear()
            self._service = vm_service.build(self._patches)
            self._tables = self._service.tables()
        return self._service

    def clear(self) -> None:
        if self._service is not None:
            self._service.stage.restart()
        self._patches.undo()


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    made = Shelf()
    yield made
    made.clear()


@pytest.fixture
def service(shelf: Shelf) -> Service:
    return shelf.take()


@pytest.fixture(scope="module")
def vm_shelf() -> Iterator[VmShelf]:
    made = VmShelf()
    yield made
    made.clear()


@pytest.fixture
def vms(vm_shelf: VmShelf) -> vm_service.VmService:
    return vm_shelf.take()
