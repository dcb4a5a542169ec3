"""Which source of the fleet the settings choose."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest

from gpu_capacity.deadline import Deadline
from gpu_capacity.errors import Misconfigured
from gpu_capacity.inventory.fleet.feeds import HttpsFeed
from gpu_capacity.inventory.fleet.live import LiveFeed
from gpu_capacity.runtime.feeds import Means, feed_of, ironic_endpoint
from gpu_capacity.runtime.settings import Environment
from testkit.doubles import FakeClock, RecordedTelemetry

IRONIC = {"FLEET_SOURCE": "ironic://ironic.example.com", "FLEET_CATALOGUE": "https://example.com/catalogue"}


def _nobody() -> NoReturn:
    raise AssertionError("nothing is asked before the feed is read")


def feed(**settings: str) -> Any:
    means = Means(_nobody, _nobody, FakeClock(), RecordedTelemetry(), Deadline.none())
    return feed_of(Environment(settings), means)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("ironic://ironic.example.com", "https://ironic.example.com"),
        ("ironic://ironic.example.com:6385/", "https://ironic.example.com:6385"),
        ("ironic://ironic.example.com/baremetal/", "https://ironic.example.com/baremetal"),
        ("ironic://127.0.0.1:6385", "http://127.0.0.1:6385"),
        ("ironic://localhost", "http://localhost"),
        ("ironic://[::1]:6385", "http://[::1]:6385"),
    ],
)
def test_only_this_machine_is_asked_without_tls(location: str, url: str) -> None:
    assert ironic_endpoint(location) == url


@pytest.mark.parametrize("rest", ["", "/baremetal", "u:p@host", "host?x=1", "host#x"])
def test_a_location_of_ironic_is_host_port_and_path_alone(rest: str) -> None:
    with pytest.raises(Misconfigured, match="FLEET_SOURCE"):
        ironic_endpoint(f"ironic://{rest}")


def test_a_document_needs_no_settings_of_ironic() -> None:
    assert isinstance(feed(FLEET_SOURCE="https://example.com/fleet.json"), HttpsFeed)


def test_ironic_needs_a_catalogue() -> None:
    assert isinstance(feed(**IRONIC), LiveFeed)
    with pytest.raises(Misconfigured, match="FLEET_CATALOGUE"):
        feed(FLEET_SOURCE=IRONIC["FLEET_SOURCE"])


def test_netbox_is_asked_over_https_or_on_this_machine() -> None:
    assert isinstance(feed(**IRONIC, NETBOX_URL="https://netbox.example.com"), LiveFeed)
    assert isinstance(feed(**IRONIC, NETBOX_URL="http://127.0.0.1:8000"), LiveFeed)
    with pytest.raises(Misconfigured, match="NETBOX_URL"):
        feed(**IRONIC, NETBOX_URL="http://netbox.example.com")
