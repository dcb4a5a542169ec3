"""The console in Chromium, in front of the service with its real handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit import browser as browsers
from testkit.hostile import service as racks
from testkit.hostile import vm_service as slices
from tests.console.looking import Looker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from testkit.hostile.service import Service


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with browsers.chromium() as browser:
        yield browser


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    return racks.build(monkeypatch)


@pytest.fixture
def address(service: Service) -> Iterator[str]:
    with browsers.served(service) as address:
        yield address


@pytest.fixture
def looker(chromium: Browser, service: Service, address: str) -> Iterator[Looker]:
    looking = Looker(chromium, service, address)
    yield looking
    looking.end()


@pytest.fixture
def renter(chromium: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Looker]:
    """In front of a service that has VMs."""
    service = slices.build(monkeypatch)
    with browsers.served(service) as address:
        looking = Looker(chromium, service, address)
        yield looking
        looking.end()
