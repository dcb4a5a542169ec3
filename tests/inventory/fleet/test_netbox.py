"""Places of machines from NetBox, over HTTP."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.deadline import Deadline
from gpu_capacity.errors import FeedRefusal, FeedRefused, SecretUnavailable
from gpu_capacity.inventory.fleet.netbox import NAMES_A_REQUEST, NetboxPlaces
from testkit.netbox import running_netbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testkit.netbox import NetBox


@pytest.fixture
def netbox() -> Iterator[NetBox]:
    with running_netbox() as running:
        running.rack(7, "R 01 / left", 3)
        yield running


def places(netbox: NetBox, deadline: Deadline | None = None) -> NetboxPlaces:
    return NetboxPlaces(netbox.url, lambda: "0123456789", deadline or Deadline.none())


def test_a_device_stands_where_its_site_location_and_rack_say(netbox: NetBox) -> None:
    netbox.device("tray-1", 7, 1.0)
    netbox.device("tray-2", 7, 12.0)
    known = places(netbox).facts(["tray-1", "tray-2", "tray-3"])
    assert set(known) == {"tray-1", "tray-2"}
    assert known["tray-2"] == {
        "region": "us-tex-1",
        "pod": "hall-2",
        "domain": "hall-2-R-01-left",
        "domain_name": "R 01 / left",
        "position": 3,
        "slot": 11,
    }
    assert known["tray-1"]["slot"] == 0


def test_custom_fields_of_a_device_say_it_better(netbox: NetBox) -> None:
    netbox.device("hgx-1", 7, 12.0, domain="hgx-1", position=0, slot=0, flavor="g.8", pod=None, other="x")
    assert places(netbox).facts(["hgx-1"])["hgx-1"] == {
        "region": "us-tex-1",
        "pod": "hall-2",
        "domain": "hgx-1",
        "domain_name": "R 01 / left",
        "position": 0,
        "slot": 0,
        "flavor": "g.8",
    }


def test_what_netbox_does_not_know_is_left_out(netbox: NetBox) -> None:
    netbox.rack(8, "R02", None)
    netbox.device("loose", None, None)
    netbox.device("half", 8, 1.5)
    known = places(netbox).facts(["loose", "half"])
    assert known["loose"] == {"region": "us-tex-1"}
    assert not {"position", "slot"} & known["half"].keys()


def test_a_name_that_two_devices_have_is_not_known(netbox: NetBox) -> None:
    netbox.device("tray-1", 7, 1.0)
    netbox.device("tray-1", 7, 2.0)
    assert not places(netbox).facts(["tray-1"])


def test_many_devices_are_asked_for_some_at_a_time_and_read_in_pages(netbox: NetBox) -> None:
    netbox.page = 20
    names = [f"tray-{n:03}" for n in range(NAMES_A_REQUEST + 1)]
    for name in names:
        netbox.device(name, 7, 1.0)
    assert sorted(places(netbox).facts(names)) == names
    devices = [query for path, query, _ in netbox.asked if path == "/api/dcim/devices/"]
    assert max(len(query["name"]) for query in devices) == NAMES_A_REQUEST
    assert len(devices) == 4


def test_every_request_carries_the_token(netbox: NetBox) -> None:
    netbox.device("tray-1", 7, 1.0)
    places(netbox).facts(["tray-1"])
    assert {credentials for _, _, credentials in netbox.asked} == {"Token 0123456789"}


@pytest.mark.parametrize(
    "broken",
    [
        (500, b"{}"),
        (403, b'{"detail": "Invalid token"}'),
        (404, b"{}"),
        (302, b""),
        (200, b"no JSON"),
        (200, b"7"),
        (200, b'{"count": 1, "next": null, "results": [{"id": 1}]}'),
        (200, b'{"count": 1, "next": null, "results": [7]}'),
    ],
    ids=["failed", "refused", "absent", "elsewhere", "no JSON", "a number", "no device", "no object"],
)
def test_what_is_no_answer_of_netbox_is_refused(netbox: NetBox, broken: tuple[int, bytes]) -> None:
    netbox.broken = broken
    with pytest.raises(FeedRefused) as refused:
        places(netbox).facts(["tray-1"])
    assert refused.value.code is FeedRefusal.UNREACHABLE
    assert netbox.url not in str(refused.value)


def test_nobody_there_and_no_token_are_refused(netbox: NetBox) -> None:
    def unreadable() -> str:
        raise SecretUnavailable("a secret with credentials cannot be read")

    for asked in (
        NetboxPlaces("http://127.0.0.1:1", lambda: None, Deadline.none()),
        NetboxPlaces(netbox.url, unreadable, Deadline.none()),
    ):
        with pytest.raises(FeedRefused, match="NetBox does not answer"):
            asked.facts(["tray-1"])
    assert not netbox.asked


def test_nothing_is_asked_that_could_not_end_in_time(netbox: NetBox) -> None:
    deadline = Deadline(lambda: 0.0)
    deadline.arm(0.5)
    with pytest.raises(FeedRefused):
        places(netbox, deadline).facts(["tray-1"])
    assert not netbox.asked
    assert threading.active_count() < 20
